"""The order of the claim's insurances is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.case.seen import InsuranceSlot
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule

#: Payers that pay after workers' compensation and auto insurance where an accident is the cause.
HEALTH_PLANS = frozenset(
    {"medicare-part-b", "medicare-advantage", "medicaid", "commercial", "veterans-affairs", "tricare"}
)
ACCIDENT_PAYERS = frozenset({"workers-compensation", "auto"})


@services_rule(
    "coverage-order",
    family="coverage",
    severity="error",
    title="The order of the claim's insurances is wrong",
    topic="insurance",
    denial=Denial("CO", "22"),
)
def coverage_order(case: Services) -> Iterator[Found]:
    """See which insurance is billed, and which pays first.

    What it checks
    That exactly one of the claim's insurances is marked as the one to be billed (focal), and that no two
    have the same sequence. Where the claim tells of an accident, a warning if a health plan stands ahead
    of workers' compensation or auto insurance. A warning also where the insurance billed follows another
    payer (Medicare Supplement, Medigap, TRICARE for Life) and none stands ahead of it.

    Why it is denied
    A payer that is not the one billed, or not the first to pay, denies the claim as another payer's to
    pay (CO-22).

    What to do
    Mark the insurance that this claim is for, and put the insurances in the order in which they pay:
    after an accident, workers' compensation or auto insurance first; Medicare ahead of what supplements it.

    Source
    HL7 FHIR R4, Claim.insurance, focal and sequence; CMS on workers' compensation and no-fault insurance
    (42 U.S.C. 1395y(b)(2)); California Health Advocates on TRICARE for Life, which pays after Medicare.
    """
    if not case.insurances:
        return
    focal = [slot for slot in case.insurances if slot.focal]
    if len(focal) != 1:
        told = "None" if not focal else f"{len(focal)}"
        yield Found(
            "Claim.insurance",
            f"{told} of the claim's insurances {'are' if len(focal) > 1 else 'is'} marked as the one to be billed; "
            "exactly one must be.",
            tuple(_made_focal(case)),
        )
    for earlier, later in _same_sequence(case.insurances):
        yield Found(
            f"{later.element}.sequence",
            f"Two of the claim's insurances have the sequence {earlier.sequence}, so their order is not known.",
            tuple(_numbered(case)),
        )
    if case.accident:
        yield from _ahead_of_accident_payer(case)
    yield from _supplement_alone(case)


def _supplement_alone(case: Services) -> Iterator[Found]:
    """Warn of a policy that follows another payer where no insurance stands ahead of it."""
    slot = case.billed
    if slot is None or slot.kind != "supplement":
        return
    ahead = [other for other in case.insurances if other is not slot and (other.sequence or 0) < (slot.sequence or 0)]
    if not ahead:
        yield Found(
            slot.element,
            "The insurance billed supplements another that pays first, as Medicare does, and none stands ahead of it.",
            severity="warning",
        )


def _made_focal(case: Services) -> Iterator[Correction]:
    """Each insurance marked as the one to be billed; sure where there is only one."""
    only = len(case.insurances) == 1
    for chosen, _ in enumerate(case.insurances):
        edits = tuple(
            Edit("add", f"/insurance/{i}/focal", i == chosen)
            for i, slot in enumerate(case.insurances)
            if slot.focal != (i == chosen)
        )
        yield Correction(
            "Mark the claim's only insurance as the one to be billed" if only else f"Bill insurance {chosen + 1}",
            edits,
            None if only else f"that this claim is for insurance {chosen + 1}",
        )


def _same_sequence(slots: tuple[InsuranceSlot, ...]) -> Iterator[tuple[InsuranceSlot, InsuranceSlot]]:
    seen: dict[int, InsuranceSlot] = {}
    for slot in slots:
        if slot.sequence is None:
            continue
        if slot.sequence in seen:
            yield seen[slot.sequence], slot
        else:
            seen[slot.sequence] = slot


def _numbered(case: Services) -> Iterator[Correction]:
    yield Correction(
        "Number the insurances in the order in which the claim lists them",
        tuple(Edit("add", f"/insurance/{i}/sequence", i + 1) for i, _ in enumerate(case.insurances)),
        "that the claim lists the insurances in the order in which they pay",
    )


def _ahead_of_accident_payer(case: Services) -> Iterator[Found]:
    ordered = sorted((s for s in case.insurances if s.sequence is not None), key=lambda slot: slot.sequence or 0)
    for place, slot in enumerate(ordered):
        later = [
            other
            for other in ordered[place + 1 :]
            if other.payer_class in ACCIDENT_PAYERS and other.sequence != slot.sequence
        ]
        if slot.payer_class in HEALTH_PLANS and later:
            payer = "workers' compensation" if later[0].payer_class == "workers-compensation" else "auto insurance"
            yield Found(
                slot.element,
                f"The claim tells of an accident, and a health plan stands ahead of {payer}, which pays first.",
                severity="warning",
            )
            return
