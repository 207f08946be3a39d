"""The technique belongs to another code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from fhir_massage.case.seen import ClaimCase
from fhir_massage.edit.finding import Found
from fhir_massage.edit.recoding import recode
from fhir_massage.facts.book import Facts
from fhir_massage.facts.rows import Technique
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import change, cite, confirmed, listed, named


@claim_rule(
    "technique-code-mismatch",
    family="coding",
    severity="warning",
    title="The technique belongs to another code",
)
def technique_code_mismatch(case: ClaimCase) -> Iterator[Found]:
    """Compare the technique that the claim names with the code that it bills.

    What it checks
    The words and SNOMED CT codes on a line for massage (97124) or manual therapy (97140), and of the
    procedure behind it, where they name techniques of the other code and none of its own. Effleurage,
    petrissage, tapotement, Swedish and relaxation massage are 97124. Myofascial release, mobilization of
    joints or soft tissue, manual traction and manual lymphatic drainage are 97140.

    Why it is denied
    It is not denied on the claim itself. When the payer reads the record, a code that the record does not
    show is taken back.

    What to do
    Look at the record of the visit, and bill the code of the technique that it describes.

    Source
    The payers' and contractors' texts on 97124 and 97140 that the finding names.
    """
    for line in case.lines:
        if line.code is None or not line.words or line.day is None or line.code not in _codes(case.facts):
            continue
        meant = _named_techniques(case.facts, line.words, line.day)
        if not meant or any(technique.code == line.code for technique in meant):
            continue
        others = sorted({technique.code for technique in meant})
        said = sorted({technique.value for technique in meant if technique.kind != "snomed"})
        words = f"The line names {listed(said)}, which is" if said else "The SNOMED CT code on the line is"
        yield Found(
            f"{line.element}.productOrService",
            f"{words} {listed([named(case.facts, code, line.day) for code in others], 'or')}, "
            f"not {named(case.facts, line.code, line.day)}.",
            tuple(
                confirmed(
                    f"Bill {named(case.facts, code, line.day)}",
                    recode(change(case), case.read_json(), line.index, code),
                    "that the record of the visit describes this technique",
                )
                for code in others
            ),
            cite(case.facts, *meant),
        )


@lru_cache(maxsize=8)
def _codes(facts: Facts) -> frozenset[str]:
    """The codes that techniques are told apart between."""
    return frozenset(technique.code for technique in facts.techniques)


@lru_cache(maxsize=8)
def _stems(facts: Facts) -> tuple[Technique, ...]:
    return tuple(technique for technique in facts.techniques if technique.kind != "snomed")


def _named_techniques(facts: Facts, words: tuple[str, ...], on: date) -> list[Technique]:
    """The techniques that texts and ``snomed|code`` entries name; failing those, what they call the service."""
    found: list[Technique] = []
    for said in words:
        system, bar, code = said.partition("|")
        if bar and system == "snomed":
            found += facts.techniques.all(("snomed", code), on)
            continue
        text = " ".join(said.lower().split())
        found += [stem for stem in _stems(facts) if stem.value in text and stem.in_force(on)]
    return [technique for technique in found if technique.kind != "name"] or found
