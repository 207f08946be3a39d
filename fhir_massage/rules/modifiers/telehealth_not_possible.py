"""A hands-on service by telehealth."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_massage.edit.finding import Correction, Denial, Found
from fhir_massage.rules.registry import any_line_rule
from fhir_massage.rules.scopes import AnyLine
from fhir_massage.rules.tools import listed

#: CMS's places of service of telehealth: other than at home, and at home.
PLACES = {"02", "10"}


@any_line_rule(
    "telehealth-not-possible",
    family="modifiers",
    severity="error",
    title="A hands-on service by telehealth",
    denial=Denial("CO", "4"),
)
def telehealth_not_possible(line: AnyLine) -> Iterator[Found]:
    """Find hands-on services that are billed as given from afar.

    What it checks
    Massage, manual therapy, manipulation, acupuncture and dry needling with modifier 93, 95 or GT, or at place of
    service 02 or 10.

    Why it is denied
    Nobody lays on hands from afar: these services are on no list of what telehealth may be billed for, and are
    denied (CO-4; by some payers as the patient's, PR-96).

    What to do
    Where the patient was treated in person, drop the modifier and give the place. Otherwise bill the service that
    was given, such as instruction in exercises.

    Source
    American Physical Therapy Association, on the codes that Medicare takes by telehealth; CMS, list of telehealth
    services.
    """
    if line.code is None or line.day is None:
        return
    hands_on = line.facts.hands_on.find(line.code, line.day)
    said = [each for each in dict.fromkeys(line.modifiers) if each in line.facts.modifiers_of("telehealth")]
    place = line.place_of_service if line.place_of_service in PLACES else None
    if hands_on is None or not (said or place):
        return
    told = [f"modifier {each}" for each in said] + ([f"place of service {place}"] if place else [])
    yield line.find(
        "modifier" if said else "locationCodeableConcept",
        f"{line.named} is given hands on, and {listed(told)} says that it was given by telehealth.",
        *_in_person(line, said, place),
        because=(hands_on,),
    )


def _in_person(line: AnyLine, said: list[str], place: str | None) -> Iterator[Correction]:
    if said and place is None:
        places = [number for number, modifier in enumerate(line.modifiers) if modifier in said]
        yield line.if_confirmed(
            f"Drop {listed(said)}", line.change.drop_modifiers(places), "that the patient was treated in person"
        )
