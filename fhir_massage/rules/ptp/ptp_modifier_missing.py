"""A bundled service without the modifier that sets it apart."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Found
from fhir_massage.rules.ptp.pairs import BUNDLED, Met, State, because, pairs, regions_in_words, separated, state_of
from fhir_massage.rules.registry import visit_rule
from fhir_massage.rules.scopes import Visit, VisitLine
from fhir_massage.rules.tools import certain, confirmed


@visit_rule(
    "ptp-modifier-missing",
    family="ptp",
    severity="error",
    title="A bundled service without the modifier that sets it apart",
    denial=BUNDLED,
)
def ptp_modifier_missing(visit: Visit) -> Iterator[Found]:
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
    for met in pairs(visit, "1"):
        state = state_of(met)
        if separated(visit, met) or (state == "together" and met.pair.apart == "region"):
            continue
        yield visit.find(
            met.two,
            "modifier",
            f"{visit.named(met.two.code)} is part of {visit.named(met.one.code)} (line {met.one.number}) "
            f"unless a modifier says that they were apart; {_shown(met, state)}.",
            *_ways_out(visit, met, state),
            because=because(visit, met),
        )


def _shown(met: Met, state: State) -> str:
    """What the claim shows of whether the two were apart, in words."""
    if met.pair.apart == "region":
        if state == "apart":
            return f"the body sites differ ({regions_in_words(met.two.regions)}; {regions_in_words(met.one.regions)})"
        return "the claim does not show which regions were treated"
    if met.pair.apart == "interval":
        shown: dict[State, str] = {
            "apart": "their times do not overlap",
            "together": "their times overlap",
            "open": "the claim does not show their times",
        }
        return shown[state]
    return "only the record can show it"


def _ways_out(visit: Visit, met: Met, state: State) -> Iterator[Correction]:
    modifier, why = _modifier(visit, met)
    add = visit.change().add_modifier(met.two.index, modifier)
    label = f"Add {modifier}: {why}"
    if state == "apart":
        yield certain(label, add)
        return
    remove = confirmed(
        f"Remove line {met.two.number}",
        visit.change().remove(met.two.index),
        f"that nothing in the record sets {met.two.code} apart from {met.one.code}",
    )
    adding = confirmed(label, add, _needs(met))
    same_hint = met.pair.apart == "region" and bool(_likely(met.one) & _likely(met.two))
    yield from (remove, adding) if same_hint or state == "together" else (adding, remove)


def _likely(line: VisitLine) -> frozenset[str]:
    """The regions that a line's body sites name or, failing those, its diagnoses suggest."""
    return line.regions or line.hints


def _modifier(visit: Visit, met: Met) -> tuple[str, str]:
    if met.pair.apart == "region":
        policy = visit.policy
        wanted = policy.distinct_modifier.value if policy and policy.distinct_modifier else "XS"
        return wanted, "a separate region was treated"
    if met.pair.apart == "interval":
        return "59", "it took other minutes of the session"
    return "59", "it was a distinct service"


def _needs(met: Met) -> str:
    if met.pair.apart == "region":
        hints = _likely(met.two) - _likely(met.one)
        hinted = f" (the claim suggests {regions_in_words(hints)} for {met.two.code})" if hints else ""
        if shared := _likely(met.two) & _likely(met.one):
            hinted = f" (the claim suggests {regions_in_words(shared)} for both)"
        return f"documentation that {met.two.code} treated another region than {met.one.code}{hinted}"
    if met.pair.apart == "interval":
        return f"documentation that {met.two.code} and {met.one.code} took different 15-minute intervals"
    return f"documentation of what made {met.two.code} distinct from {met.one.code}"
