"""An identifier given as NPI is none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from fhir_massage.case.seen import Provider
from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.parts import Services
from fhir_massage.rules.registry import services_rule


@services_rule(
    "npi-invalid",
    family="provider",
    severity="error",
    title="An identifier given as NPI is none",
    denial=Denial("CO", "207"),
)
def npi_invalid(case: Services) -> Iterator[Found]:
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


def _whose(provider: Provider, requester: Provider | None) -> str:
    return "The NPI of the referral's requester" if provider is requester else "The provider's NPI"


def _wrong_with(npi: str) -> str:
    if not npi:
        return "is left empty"
    if len(npi) != 10 or not npi.isascii() or not npi.isdigit() or npi[0] not in "12":
        return f"({npi}) is not ten digits of which the first is 1 or 2"
    return f"({npi}) fails its check digit"
