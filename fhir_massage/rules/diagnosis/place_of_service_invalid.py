"""A place of service that there is not."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Denial, Found
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine


@any_line_rule(
    "place-of-service-invalid",
    family="diagnosis",
    severity="error",
    title="A place of service that there is not",
    denial=Denial("CO", "16", ("M77",)),
)
def place_of_service_invalid(line: AnyLine) -> Iterator[Found]:
    """Hold each line's place of service against CMS's list.

    What it checks
    A place of service that is none of CMS's codes on the day. A line without one is passed over here: it is asked
    for when a claim form is made.

    Why it is denied
    A claim whose place of service is missing or invalid is sent back (CO-16 with M77).

    What to do
    Give the code of the place: 11 for an office, 12 for the patient's home.

    Source
    CMS, place of service code set.
    """
    place, day = line.place_of_service, line.day
    if place is not None and day is not None and line.facts.places_of_service.find(place, day) is None:
        yield line.find("locationCodeableConcept", f"{line.named}: {place} is no place of service.")
