"""A manipulation of more regions than its diagnoses name."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.manipulation import REGIONS_NAMED
from fhir_massage.rules.registry import line_rule
from fhir_massage.rules.scopes import BilledLine
from fhir_massage.rules.tools import counted


@line_rule(
    "manipulation-regions-unsupported",
    family="modifiers",
    severity="warning",
    title="A manipulation of more regions than its diagnoses name",
    denial=Denial("CO", "50"),
)
def manipulation_regions_unsupported(line: BilledLine) -> Iterator[Found]:
    """Count the regions of a spinal manipulation's diagnoses.

    What it checks
    98941 (three to four regions) and 98942 (five) to a payer that asks for AT, with diagnoses that name fewer
    spinal regions. Silent where a diagnosis names no region.

    Why it is denied
    Each region that is manipulated needs a diagnosis; more regions than diagnoses are held not necessary (CO-50),
    and are what auditors look for first.

    What to do
    Point the line at a diagnosis for each region that the record documents, or bill the code of as many regions.

    Source
    CMS, Medicare Benefit Policy Manual (Pub. 100-02), chapter 15, section 240.1; the contractors' articles on
    chiropractic services.
    """
    named = REGIONS_NAMED.get(line.code, 0)
    asked = line.asks(line.policy.manipulation_modifier) if named > 1 else None
    if asked is None or not line.diagnoses or any(each.region is None for each in line.diagnoses):
        return
    regions = {each.region for each in line.diagnoses}
    if len(regions) < named:
        yield line.find(
            "diagnosisSequence",
            f"{line.named} is of at least {named} regions, and its diagnoses name {counted(len(regions), 'region')}.",
            because=(asked,),
        )
