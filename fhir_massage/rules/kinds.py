"""Which rules a kind of claim passes over (the rule book's "What kind of claim it is")."""

from __future__ import annotations

from fhir_massage.case.seen import ClaimCase

#: An institutional claim (UB-04, 837I) has no pointers from its lines to diagnoses, and its lines name nobody who rendered.
OF_PROFESSIONAL_CLAIMS = frozenset(
    {
        "diagnosis-pointer-missing",
        "diagnosis-pointer-invalid",
        "diagnosis-not-supporting",
        "provider-unknown",
        "code-not-read",
        "claim-form-limit",
        "place-of-service-invalid",
        "subluxation-not-first",
        "manipulation-regions-unsupported",
        "ptp-modifier-missing",
        "ptp-not-separable",
        "ptp-same-region",
        "distinct-modifier-unneeded",
    }
)
#: A request for authorization, or for an estimate, asks about what has not been done; its quantities are sessions.
OF_DONE_SERVICES = frozenset(
    {
        "units-exceed-minutes",
        "units-below-minutes",
        "minutes-overlap",
        "minutes-missing",
        "units-not-whole",
        "units-exceed-mue",
        "units-exceed-policy",
        "service-date-missing",
        "service-date-invalid",
        "timely-filing-exceeded",
        "charge-mismatch",
        "duplicate-line",
        "duplicate-claim",
        "authorization-missing",
        "visit-limit-exceeded",
        "referral-visits-exhausted",
        "diagnosis-missing",
        "diagnosis-not-coded",
        "code-not-read",
        "claim-form-limit",
        "referring-provider-missing",
        "diagnosis-pointer-missing",
    }
)


def passed_over(case: ClaimCase) -> frozenset[str]:
    """Return the ids of the rules that do not concern a claim of this kind."""
    institutional = OF_PROFESSIONAL_CLAIMS if case.institutional else frozenset()
    return institutional | OF_DONE_SERVICES if case.asks_only else institutional
