"""NCCI procedure-to-procedure pairs: two services of one encounter of which the second is bundled into the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from fhir_massage.case.seen import ClaimCase, Encounter, Line
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.rows import Pair
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, follows_ncci, listed, named, without_modifiers

BUNDLED = Denial("CO", "236")
DISTINCT = frozenset({"59", "XE", "XP", "XS", "XU"})
#: The rows of ``rule_sources`` under this name say since when a modifier on either line counts.
EITHER_LINE = "ptp-modifier-either-line"

State = Literal["apart", "together", "open"]


class Met(msgspec.Struct, frozen=True):
    """A pair that two lines of an encounter make."""

    pair: Pair
    one: Line
    two: Line
    encounter: Encounter


@claim_rule(
    "ptp-modifier-missing",
    family="ptp",
    within="encounter",
    severity="error",
    title="A bundled service without the modifier that sets it apart",
    denial=BUNDLED,
)
def ptp_modifier_missing(case: ClaimCase) -> Iterator[Found]:
    """Find pairs that NCCI bundles and no modifier sets apart.

    What it checks
    Two services of one encounter that make an NCCI pair which a modifier may separate (indicator 1), for
    payers that follow NCCI, where neither line has such a modifier. What keeps the two apart depends on
    the pair: another region than the one manipulated, other minutes of the session, or something that only
    a person can say.

    Why it is denied
    Without the modifier the column-two service counts as part of the column-one service (CO-236).

    What to do
    Where the claim shows that the two were apart, add the modifier. Where it does not, add it only if the
    record documents what kept them apart; otherwise the column-two service comes off the claim.

    Source
    CMS, National Correct Coding Initiative, procedure-to-procedure edits for practitioners, and NCCI Policy
    Manual chapter XI.
    """
    for met in _pairs(case, "1"):
        state = _state(met)
        if _separated(case, met) or (state == "together" and met.pair.apart == "region"):
            continue
        yield Found(
            f"{met.two.element}.modifier",
            f"{named(case.facts, met.two.code, met.encounter.day)} is part of "
            f"{named(case.facts, met.one.code, met.encounter.day)} (line {met.one.index + 1}) "
            f"unless a modifier says that they were apart; {_shown(met, state)}.",
            tuple(_ways_out(case, met, state)),
            cite(case.facts, met.pair),
        )


@claim_rule(
    "ptp-same-region",
    family="ptp",
    within="encounter",
    severity="error",
    title="Manipulation and manual work on the same region",
    denial=BUNDLED,
)
def ptp_same_region(case: ClaimCase) -> Iterator[Found]:
    """Find manual work billed for a region that was manipulated in the same visit.

    What it checks
    A chiropractic manipulation and a service that NCCI bundles into it, where the claim names the regions
    of both lines and they share one, whatever the modifiers.

    Why it is denied
    Manual work on a region that is manipulated is part of the manipulation (CO-236). A modifier would say
    what the claim itself shows to be untrue.

    What to do
    Take the column-two service off the claim. Where a region is recorded wrongly, mend the record first.

    Source
    CMS, NCCI Policy Manual chapter XI, section on chiropractic manipulative treatment.
    """
    for met in _pairs(case, "1"):
        if met.pair.apart != "region" or _state(met) != "together":
            continue
        shared = _regions(met.one.regions & met.two.regions)
        yield Found(
            met.two.element,
            f"{named(case.facts, met.two.code, met.encounter.day)} is part of "
            f"{named(case.facts, met.one.code, met.encounter.day)} (line {met.one.index + 1}) in the same region, "
            f"and both are billed for: {shared}.",
            (certain(f"Remove line {met.two.index + 1}", change(case).remove(met.two.index)),),
            cite(case.facts, met.pair),
        )


@claim_rule(
    "ptp-not-separable",
    family="ptp",
    within="encounter",
    severity="error",
    title="Two services that are never paid together",
    denial=BUNDLED,
)
def ptp_not_separable(case: ClaimCase) -> Iterator[Found]:
    """Find pairs that no modifier can separate.

    What it checks
    Two services of one encounter that make an NCCI pair of indicator 0, for payers that follow NCCI.

    Why it is denied
    The column-two service is never paid beside the other on one day, whatever the modifier (CO-236).

    What to do
    Take the column-two service off the claim.

    Source
    CMS, National Correct Coding Initiative, procedure-to-procedure edits for practitioners.
    """
    for met in _pairs(case, "0"):
        yield Found(
            met.two.element,
            f"{named(case.facts, met.two.code, met.encounter.day)} is never paid beside "
            f"{named(case.facts, met.one.code, met.encounter.day)} on one day, with or without a modifier.",
            (certain(f"Remove line {met.two.index + 1}", change(case).remove(met.two.index)),),
            cite(case.facts, met.pair),
        )


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


def _pairs(case: ClaimCase, indicator: str) -> Iterator[Met]:
    if "pairs" not in case.memo:
        case.memo["pairs"] = [
            met
            for encounter in case.encounters
            if len(encounter.lines) > 1 and follows_ncci(encounter.policy)
            for met in _met(case, encounter)
        ]
    return (met for met in case.memo["pairs"] if met.pair.indicator == indicator)


def _met(case: ClaimCase, encounter: Encounter) -> Iterator[Met]:
    """The pairs in force that lines of the encounter make: each column-two line with each column-one code."""
    by_code: dict[str, list[Line]] = {}
    for line in encounter.lines:
        if line.code in case.facts.codes_in_pairs:
            by_code.setdefault(str(line.code), []).append(line)
    for one, ones in by_code.items():
        for two, twos in by_code.items():
            pair = case.facts.ptp_pairs.find((one, two), encounter.day) if one != two else None
            if pair is None or pair.indicator == "9":
                continue
            for line in twos:
                yield min((Met(pair, one, line, encounter) for one in ones), key=lambda met: _ease(case, met))


def _ease(case: ClaimCase, met: Met) -> tuple[bool, int]:
    """How little a column-one line stands in the way: of several, the pair is judged by the hardest."""
    state = _state(met)
    settled = _separated(case, met) and not (state == "together" and met.pair.apart == "region")
    return settled, ("together", "open", "apart").index(state)


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


def _state(met: Met) -> State:
    """Whether the claim shows the two services apart, together, or neither."""
    one, two = met.one, met.two
    if met.pair.apart == "region" and one.regions & two.regions:
        return "together"
    if met.pair.apart == "region" and one.regions and two.regions and one.all_sites_known and two.all_sites_known:
        return "apart"
    if met.pair.apart == "interval" and one.start and one.end and two.start and two.end:
        if len({moment.tzinfo is None for moment in (one.start, one.end, two.start, two.end)}) > 1:
            return "open"
        if one.end <= one.start or two.end <= two.start:  # such a period says nothing of when it was given
            return "open"
        return "together" if one.start < two.end and two.start < one.end else "apart"
    return "open"


def _separated(case: ClaimCase, met: Met) -> bool:
    """Whether a modifier that may break a pair stands where it counts on that date."""
    either = case.facts.rule_sources.find(EITHER_LINE, met.encounter.day) is not None
    modifiers = met.two.modifiers + (met.one.modifiers if either else ())
    for modifier in modifiers:
        row = case.facts.modifiers.find(modifier, met.encounter.day)
        if row is not None and row.ncci:
            return True
    return False


def _shown(met: Met, state: State) -> str:
    """What the claim shows of whether the two were apart, in words."""
    if met.pair.apart == "region":
        if state == "apart":
            return f"the body sites differ ({_regions(met.two.regions)}; {_regions(met.one.regions)})"
        return "the claim does not show which regions were treated"
    if met.pair.apart == "interval":
        shown: dict[State, str] = {
            "apart": "their times do not overlap",
            "together": "their times overlap",
            "open": "the claim does not show their times",
        }
        return shown[state]
    return "only the record can show it"


def _ways_out(case: ClaimCase, met: Met, state: State) -> Iterator[Correction]:
    modifier, why = _modifier(met)
    add = change(case).add_modifier(met.two.index, modifier)
    label = f"Add {modifier}: {why}"
    if state == "apart":
        yield certain(label, add)
        return
    remove = confirmed(
        f"Remove line {met.two.index + 1}",
        change(case).remove(met.two.index),
        f"that nothing in the record sets {met.two.code} apart from {met.one.code}",
    )
    adding = confirmed(label, add, _needs(met))
    same_hint = met.pair.apart == "region" and bool(_likely(met.one) & _likely(met.two))
    yield from (remove, adding) if same_hint or state == "together" else (adding, remove)


def _likely(line: Line) -> frozenset[str]:
    """The regions that a line's body sites name or, failing those, its diagnoses suggest."""
    return line.regions or line.hints


def _regions(regions: frozenset[str]) -> str:
    return listed([region.replace("-", " ") for region in sorted(regions)])


def _modifier(met: Met) -> tuple[str, str]:
    if met.pair.apart == "region":
        policy = met.encounter.policy
        wanted = policy.distinct_modifier.value if policy and policy.distinct_modifier else "XS"
        return wanted, "a separate region was treated"
    if met.pair.apart == "interval":
        return "59", "it took other minutes of the session"
    return "59", "it was a distinct service"


def _needs(met: Met) -> str:
    if met.pair.apart == "region":
        hints = _likely(met.two) - _likely(met.one)
        hinted = f" (the claim suggests {_regions(hints)} for {met.two.code})" if hints else ""
        if shared := _likely(met.two) & _likely(met.one):
            hinted = f" (the claim suggests {_regions(shared)} for both)"
        return f"documentation that {met.two.code} treated another region than {met.one.code}{hinted}"
    if met.pair.apart == "interval":
        return f"documentation that {met.two.code} and {met.one.code} took different 15-minute intervals"
    return f"documentation of what made {met.two.code} distinct from {met.one.code}"
