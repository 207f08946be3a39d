"""Who rendered: whether this payer pays them for the service, and whether their identifiers are right."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from fhir_massage.case.seen import ClaimCase, Line, Provider
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.facts.policy import Payable
from fhir_massage.rules.payment import in_words, outside_profession
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import charges, cite, listed, named

#: Modifiers that say that the patient knows of the denial and owes the charge.
PATIENT_OWES = frozenset({"GA", "GX", "GY"})


@claim_rule(
    "provider-not-payable",
    family="provider",
    within="line",
    severity="error",
    title="The payer does not pay this profession for the service",
    topic="insurance",
    denial=Denial("CO", "170"),
)
def provider_not_payable(case: ClaimCase) -> Iterator[Found]:
    """Hold who rendered each service against whom the payer pays for it.

    What it checks
    The profession of the rendering provider (from the taxonomy code on the claim, the role or the
    practitioner) against the payer's policy for the line's code: Medicare pays a massage therapist for
    nothing, and a chiropractor for 98940 to 98942 only. For every payer it also checks that the code lies
    within the profession at all: a massage therapist does not bill psychotherapy, spinal manipulation or
    a therapy evaluation.

    Why it is denied
    Payment is denied when a provider of this type performs or bills the service (CO-170). With GA, GX or
    GY on the line the patient has been told, and owes the charge (PR-170).

    What to do
    If somebody else rendered the service, name them on the claim. Otherwise do not bill this payer for
    it: agree with the patient beforehand that they pay.

    Source
    The payer's own policy, or the list of codes outside a profession, as cited in the finding.
    """
    for line in case.lines:
        profession = line.provider.profession
        if profession is None or line.code is None or line.day is None:
            continue
        entry = None if line.policy is None else line.policy.payable(line.code, profession)
        if entry is not None and entry.answer != "no":
            entry = None
        outside = outside_profession(case.facts, line.code, profession, line.day)
        if entry is None and outside is None:
            continue
        yield Found(
            _place(case, line),
            _not_paid(case, line, profession, outside=outside is not None),
            citations=cite(case.facts, entry, outside),
            denial=Denial(_group(line, entry), "170"),
        )


@claim_rule(
    "provider-unknown",
    family="provider",
    severity="warning",
    title="Nothing tells the profession of who rendered",
    topic="insurance",
)
def provider_unknown(case: ClaimCase) -> Iterator[Found]:
    """Ask for the profession where the payer's answer hangs on it.

    What it checks
    Lines whose pay, coverage or referral depends on the profession by the payer's policy, rendered by
    somebody whose record names no taxonomy code: neither the claim's care team, nor the role, nor the
    practitioner. A provider who could not be found is reported by *reference-unresolved*.

    Why it is denied
    It is not denied by itself. The payer knows the profession from its own register; here nobody can say
    beforehand whether it pays.

    What to do
    Give the provider's taxonomy code (NUCC), best as the qualification of the care team member.

    Source
    The payer's own policy, which answers differently for different professions.
    """
    unknown: dict[str, list[Line]] = {}
    for line in case.lines:
        provider = line.provider
        if provider.professions or not provider.resolved or line.policy is None or line.code is None:
            continue
        if line.policy.depends_on_profession(line.code):
            unknown.setdefault(provider.element, []).append(line)
    for element, lines in unknown.items():
        codes = listed(list(dict.fromkeys(str(line.code) for line in lines)))
        yield Found(
            element,
            f"Whether {codes} is paid by {case.payer_title} depends on who rendered it, and no profession is given.",
            citations=cite(case.facts, *_deciding(lines[0])),
            at_risk=charges(lines),
        )


@claim_rule(
    "npi-invalid",
    family="provider",
    severity="error",
    title="An identifier given as NPI is none",
    denial=Denial("CO", "207"),
)
def npi_invalid(case: ClaimCase) -> Iterator[Found]:
    """Check the National Provider Identifiers on the claim.

    What it checks
    Every identifier given as NPI of a provider on the claim, or of who wrote the referral: ten digits, of
    which the first is 1 or 2, and whose last is the check digit of the others (the Luhn formula, with
    80840 put before them).

    Why it is denied
    A claim with a malformed NPI is turned away before anybody looks at it (CO-207); one whose NPI is left
    empty, as missing (CO-206).

    What to do
    Correct the number from the provider's record or from the public NPI registry.

    Source
    Department of Health and Human Services, standard unique health identifier for health care providers,
    final rule of 23 January 2004 (69 FR 3434).
    """
    requester = case.referral.requester if case.referral is not None else None
    seen: set[str] = set()
    for provider in (*case.providers, *([requester] if requester is not None else [])):
        for npi in provider.npis:
            if npi in seen or is_npi(npi):
                continue
            seen.add(npi)
            yield Found(
                provider.element,
                f"{_whose(provider, requester)} {_wrong_with(npi)}.",
                denial=None if npi else Denial("CO", "206"),
            )


@lru_cache(maxsize=4096)
def is_npi(text: str) -> bool:
    """Whether the text is a National Provider Identifier by its form and check digit."""
    if len(text) != 10 or not text.isascii() or not text.isdigit() or text[0] not in "12":
        return False
    digits = [int(digit) for digit in f"80840{text}"]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# --- who is paid -----------------------------------------------------------------------------------------


def _place(case: ClaimCase, line: Line) -> str:
    """Where the line names who rendered it, else the line."""
    names_member = "careTeamSequence" in case.read_json()["item"][line.index]
    return f"{line.element}.careTeamSequence" if names_member else line.element


def _not_paid(case: ClaimCase, line: Line, profession: str, *, outside: bool) -> str:
    who, service = in_words(profession), named(case.facts, line.code, line.day)
    if outside:
        return f"{service} lies outside what {who} may bill, whoever pays."
    return f"{case.payer_title} does not pay {who} for {service}."


def _group(line: Line, entry: Payable | None) -> str:
    if not PATIENT_OWES.isdisjoint(line.modifiers):
        return "PR"
    return "CO" if entry is None else entry.group


def _deciding(line: Line) -> list[Payable]:
    """The policy's entries on who is paid for the line's code."""
    assert line.policy is not None
    assert line.code is not None
    return [entry for entry in line.policy.payable_entries if entry.covers_code(line.code)]


# --- identifiers -----------------------------------------------------------------------------------------


def _whose(provider: Provider, requester: Provider | None) -> str:
    return "The NPI of the referral's requester" if provider is requester else "The provider's NPI"


def _wrong_with(npi: str) -> str:
    if not npi:
        return "is left empty"
    if len(npi) != 10 or not npi.isascii() or not npi.isdigit() or npi[0] not in "12":
        return f"({npi}) is not ten digits of which the first is 1 or 2"
    return f"({npi}) fails its check digit"
