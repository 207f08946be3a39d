"""Procedure codes: the code for what was done, in force on the day, and one that the payer takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.edit.changes import ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.facts.book import Facts
from fhir_massage.facts.rows import Technique
from fhir_massage.read import codes
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, listed, named

HOT_OR_COLD_PACKS = "97010"
BUNDLED = "B"


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
                    coded(case, line, code),
                    "that the record of the visit describes this technique",
                )
                for code in others
            ),
            cite(case.facts, *meant),
        )


@claim_rule(
    "hot-cold-pack-bundled",
    family="coding",
    within="line",
    severity="error",
    title="Hot or cold packs are not paid by themselves",
    denial=Denial("CO", "97", ("M15",)),
)
def hot_cold_pack_bundled(case: ClaimCase) -> Iterator[Found]:
    """Take off what is paid as part of another service.

    What it checks
    Hot or cold packs (97010) billed to a payer that follows the Medicare physician fee schedule, where the
    code is bundled (status B).

    Why it is denied
    A bundled code is never paid by itself, whatever else stands on the claim (CO-97, M15).

    What to do
    Remove the line. The packs may stay in the record of the visit.

    Source
    CMS, National Physician Fee Schedule Relative Value File, status codes; the payer's own policy, both
    named in the finding.
    """
    for line in case.lines:
        if line.code != HOT_OR_COLD_PACKS or line.day is None or line.policy is None:
            continue
        follows = line.policy.follows_fee_schedule
        status = case.facts.procedure_status.find(line.code, line.day)
        if follows is None or not follows.value or status is None or status.status != BUNDLED:
            continue
        yield Found(
            f"{line.element}.productOrService",
            f"{case.payer_title} never pays {named(case.facts, line.code, line.day)} by itself: "
            "it is part of the other services of the visit.",
            (certain(f"Remove line {line.index + 1}", change(case).remove(line.index)),),
            cite(case.facts, status, follows),
        )


@claim_rule(
    "procedure-code-retired",
    family="coding",
    within="line",
    severity="error",
    title="The procedure code was deleted",
    denial=Denial("CO", "181"),
)
def procedure_code_retired(case: ClaimCase) -> Iterator[Found]:
    """Find codes that were not valid any more on the date of service.

    What it checks
    A procedure code that had been deleted by the date of service.

    Why it is denied
    A code is valid by the date of service, not by the date of the claim. A deleted one is denied (CO-181).

    What to do
    Bill the code that took its place. Where several did, the record of the visit tells which.

    Source
    The lists of deleted codes that the finding names.
    """
    for line in case.lines:
        if line.code is None or line.day is None or line.code not in case.facts.retired_procedures:
            continue
        retired = case.facts.retired_procedures.find(line.code, line.day)
        if retired is None:
            continue
        replacements = _valid_replacements(case.facts, line.code, line.day)
        instead = f"; {listed(replacements, 'or')} took its place" if replacements else ""
        yield Found(
            f"{line.element}.productOrService",
            f"{named(case.facts, line.code, line.day)} was not valid any more on {line.day}{instead}.",
            tuple(_replacements(case, line, replacements)),
            cite(case.facts, retired),
        )


@claim_rule(
    "procedure-code-not-accepted",
    family="coding",
    within="line",
    severity="error",
    title="The payer takes another code for the service",
    denial=Denial("CO", "16"),
)
def procedure_code_not_accepted(case: ClaimCase) -> Iterator[Found]:
    """Use the code that the payer takes.

    What it checks
    A code in whose place the payer's policy wants another one, as Medicare wants G0283 for unattended
    electrical stimulation (97014).

    Why it is denied
    The payer's system does not know the code as one to be paid, and sends the line back (CO-16).

    What to do
    Bill the payer's code. The service is the same.

    Source
    The payer's own policy, named in the finding.
    """
    for line in case.lines:
        if line.code is None or line.policy is None:
            continue
        entry = line.policy.accepted_code(line.code)
        if entry is None:
            continue
        yield Found(
            f"{line.element}.productOrService",
            f"{case.payer_title} does not take {named(case.facts, line.code, line.day)}: "
            f"it takes {entry.accepted} for this service.",
            (certain(f"Bill {entry.accepted}", coded(case, line, entry.accepted)),),
            cite(case.facts, entry),
        )


def coded(case: ClaimCase, line: Line, code: str) -> ClaimChange:
    """The line billed with another procedure code, in place of the coding that holds the old one."""
    coding = _coding_of(case.read_json()["item"][line.index])
    changed = change(case)
    number = coding[0]
    place = f"/productOrService/coding/{number}"
    changed.put(line.index, f"{place}/code", code)
    system = coding[1].get("system")
    if system is not None and (system in codes.HCPCS_SYSTEMS) != code[0].isalpha():
        changed.put(line.index, f"{place}/system", _system_for(case.read_json(), code))
    if "display" in coding[1]:
        changed.drop(line.index, f"{place}/display")
    return changed


# --- techniques ------------------------------------------------------------------------------------------


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


# --- codes ------------------------------------------------------------------------------------------------


def _valid_replacements(facts: Facts, code: str, on: date) -> list[str]:
    """The codes in place of a deleted one that are themselves valid on the day."""
    found: dict[str, None] = {}
    waiting, seen = [code], {code}
    while waiting:
        row = facts.retired_procedures.find(waiting.pop(0), on)
        for replacement in row.replacements if row is not None else ():
            if replacement in seen:
                continue
            seen.add(replacement)
            if facts.retired_procedures.find(replacement, on) is None:
                found[replacement] = None
            else:
                waiting.append(replacement)
    return list(found)


def _replacements(case: ClaimCase, line: Line, replacements: list[str]) -> Iterator[Correction]:
    for code in replacements:
        service = named(case.facts, code, line.day)
        if len(replacements) == 1:
            yield certain(f"Bill {service}", coded(case, line, code))
        else:
            yield confirmed(f"Bill {service}", coded(case, line, code), f"that the record shows {service}")


def _coding_of(item: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """The coding that the line's procedure code is read from, with its position."""
    codings = list(enumerate(item["productOrService"]["coding"]))
    with_code = [(number, coding) for number, coding in codings if coding.get("code")]
    named = [found for found in with_code if found[1].get("system") in codes.PROCEDURE_SYSTEMS]
    unnamed = [found for found in with_code if "system" not in found[1] and codes.has_procedure_shape(found[1]["code"])]
    return (named or unnamed)[0]


def _system_for(claim: Mapping[str, Any], code: str) -> str:
    """The code system of a code, written as the claim's other lines write it."""
    wanted = codes.HCPCS_SYSTEMS if code[0].isalpha() else codes.PROCEDURE_SYSTEMS - codes.HCPCS_SYSTEMS
    for item in claim["item"]:
        for coding in (item.get("productOrService") or {}).get("coding", []):
            if coding.get("system") in wanted:
                return str(coding["system"])
    return codes.HCPCS if code[0].isalpha() else codes.CPT
