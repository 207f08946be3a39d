"""A line has no date of service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule


@services_rule(
    "service-date-missing",
    family="claim",
    severity="error",
    title="A line has no date of service",
    denial=Denial("CO", "16"),
)
def service_date_missing(case: Services) -> Iterator[Found]:
    """Ask for the day of each service.

    What it checks
    A line without a date of service: neither its own date, nor the start of its own period, nor a period
    of the claim that is one day. A date that names only a month or a year is no day.

    Why it is denied
    Coverage, codes, edits and time limits all hang on the day. A line without is sent back as incomplete
    (CO-16).

    What to do
    Give the day of the service from the record of the visit.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 24A.
    """
    for line in case.lines:
        if line.day is None:
            partial = _partial_date(case.read_json(), line.index)
            given = f"its date, {partial}, names no day" if partial else "it has no date of service"
            yield Found(
                f"{line.element}.servicedDate", f"Line {line.index + 1} ({line.code or 'without a code'}): {given}."
            )


def _partial_date(claim: Mapping[str, Any], index: int) -> str | None:
    """The date of a line as written, where one is written that names no single day."""
    item = claim["item"][index]
    for text in (item.get("servicedDate"), (item.get("servicedPeriod") or {}).get("start")):
        if isinstance(text, str) and text[:4].isdigit() and len(text) in (4, 7):
            return text
    return None
