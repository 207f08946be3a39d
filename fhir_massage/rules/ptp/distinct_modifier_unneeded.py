"""A distinct-service modifier with nothing to be distinct from."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, cite, follows_ncci, listed, named, without_modifiers

DISTINCT = frozenset({"59", "XE", "XP", "XS", "XU"})


@claim_rule(
    "distinct-modifier-unneeded",
    family="ptp",
    within="encounter",
    severity="warning",
    title="A distinct-service modifier with nothing to be distinct from",
)
def distinct_modifier_unneeded(case: ClaimCase) -> Iterator[Found]:
    """Find 59 and the X modifiers where there is no pair.

    What it checks
    Modifier 59, XE, XP, XS or XU on a line that is in no NCCI pair of its encounter, for payers that follow
    NCCI. Where a code of the encounter is one whose pairs are not known here, or the line's own code stands
    on another line too, the rule is silent.

    Why it is denied
    It is seldom denied by itself. These modifiers are watched by payers, and needless ones bring reviews.

    What to do
    Drop the modifier.

    Source
    CMS, NCCI Policy Manual chapter I: a modifier is for pairs, and only where it is true.
    """
    for encounter in case.encounters:
        if not follows_ncci(encounter.policy) or not any(DISTINCT & set(line.modifiers) for line in encounter.lines):
            continue
        if any(line.code not in case.facts.codes_in_pairs for line in encounter.lines):
            continue
        codes = [str(line.code) for line in encounter.lines]
        for line in encounter.lines:
            places = [place for place, modifier in enumerate(line.modifiers) if modifier in DISTINCT]
            if not places or codes.count(str(line.code)) > 1:
                continue
            if any(_may_pair(case, str(line.code), code) for code in codes):
                continue
            needless = listed(sorted({line.modifiers[place] for place in places}))
            yield Found(
                f"{line.element}.modifier",
                f"{named(case.facts, line.code, line.day)} has {needless}, but makes no pair with "
                f"another service of {encounter.day}.",
                (certain(f"Drop {needless}", without_modifiers(case, line, places)),),
                cite(case.facts, *case.facts.rule_sources.all("distinct-modifier-unneeded", encounter.day)),
            )


def _may_pair(case: ClaimCase, code: str, other: str) -> bool:
    """Whether the two are a pair on any date.

    A pair may be older than the copy we hold, and payers that run copies of their own still edit pairs
    that CMS has ended: neither makes a modifier needless.
    """
    return any(
        pair.indicator != "9"
        for key in ((code, other), (other, code))
        if key in case.facts.ptp_pairs
        for pair in case.facts.ptp_pairs.ever(key)
    )
