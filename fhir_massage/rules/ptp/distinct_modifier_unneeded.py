"""A distinct-service modifier with nothing to be distinct from."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Found
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit
from fhir_massage.rules.tools import confirmed, follows_ncci, listed


@visit_rule(
    "distinct-modifier-unneeded",
    family="ptp",
    severity="information",
    title="A distinct-service modifier with nothing to be distinct from",
)
def distinct_modifier_unneeded(visit: Visit) -> Iterator[Found]:
    """Find 59 and the X modifiers where there is no pair.

    What it checks
    Modifier 59, XE, XP, XS or XU on a line that is in no NCCI pair of its encounter, for payers that follow
    NCCI. Where a code of the encounter is one whose pairs are not known here, or the line's own code stands
    on another line too, the rule is silent.

    Why it is denied
    It is seldom denied by itself. These modifiers are watched by payers, and needless ones bring reviews.

    What to do
    Drop the modifier, unless its partner is on another claim to the same payer.

    Source
    CMS, NCCI Policy Manual chapter I: a modifier is for pairs, and only where it is true.
    """
    distinct = visit.facts.modifiers_of("distinct")
    if not follows_ncci(visit.policy) or not any(distinct & set(line.modifiers) for line in visit.lines):
        return
    if any(line.code not in visit.facts.codes_in_pairs for line in visit.lines):
        return
    codes = [str(line.code) for line in visit.lines]
    for line in visit.lines:
        places = [place for place, modifier in enumerate(line.modifiers) if modifier in distinct]
        if not places or codes.count(str(line.code)) > 1:
            continue
        if any(_may_pair(visit, str(line.code), code) for code in codes):
            continue
        needless = listed(sorted({line.modifiers[place] for place in places}))
        yield visit.find(
            line,
            "modifier",
            f"{visit.named(line.code)} has {needless}, but makes no pair with another service of {visit.day}.",
            confirmed(
                f"Drop {needless}",
                visit.without_modifiers(line, places),
                f"that nothing else of {visit.day}, on this claim or another, goes to this payer",
            ),
        )


def _may_pair(visit: Visit, code: str, other: str) -> bool:
    """Whether the two are a pair on any date.

    A pair may be older than the copy we hold, and payers that run copies of their own still edit pairs
    that CMS has ended: neither makes a modifier needless.
    """
    return any(
        pair.indicator != "9"
        for key in ((code, other), (other, code))
        if key in visit.facts.ptp_pairs
        for pair in visit.facts.ptp_pairs.ever(key)
    )
