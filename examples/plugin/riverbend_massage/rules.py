"""The rules of Riverbend Health."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.plugin import ClaimCase, Denial, Found, claim_rule, named

PAYER = "riverbend-health"
CODES = frozenset({"97124", "97140"})


@claim_rule(
    "riverbend-site-missing",
    family="claim",
    severity="warning",
    title="Riverbend asks where on the body the service was given",
    denial=Denial("CO", "16"),
)
def riverbend_site_missing(case: ClaimCase) -> Iterator[Found]:
    """Look for the body site of massage and manual therapy.

    What it checks
    Whether each line of 97124 or 97140 that goes to Riverbend Health names a body site.

    Why it is denied
    Riverbend reviews these services by region, and returns lines that name none (CO-16).

    What to do
    Put the site that the record of the visit documents on the line.

    Source
    Riverbend Health, Provider manual, 6.3 Hands-on therapy.
    """
    if case.payer != PAYER:
        return
    for line in case.lines:
        if line.code in CODES and not line.regions and line.all_sites_known:
            yield Found(
                f"{line.element}.bodySite",
                f"Riverbend asks for the body site of {named(case.facts, line.code, line.day)}.",
            )
