"""Where a claim leaves a thing to be found elsewhere: its day on an encounter, its people by a search."""

from __future__ import annotations

import pytest

from tests.claims import Json, claim, line, resource, reviewed, varied
from tests.fhir.test_who_rendered import seen


def on_encounter(period: Json | None, **elsewhere: str) -> Json:
    """A claim whose line has no date of its own, and names an encounter of this period."""

    def change(claim: Json) -> None:
        item = claim["item"][0]
        item.pop("servicedDate", None)
        item.pop("servicedPeriod", None)
        item["encounter"] = [{"reference": "Encounter/e1"}]
        claim.update(elsewhere)

    content = varied(claim(line("97140")), change)
    if period is not None:
        content["entry"].append({"resource": {"resourceType": "Encounter", "id": "e1", "period": period}})
    return content


@pytest.mark.parametrize(
    ("period", "day"),
    [
        ({"start": "2026-11-02T10:00:00-08:00", "end": "2026-11-02T10:45:00-08:00"}, "2026-11-02"),
        ({"start": "2026-11-02"}, "2026-11-02"),
        ({"start": "2026-11-02", "end": "2026-11-05"}, "None"),
        (None, "None"),
    ],
)
def test_the_day_of_a_lines_encounter(period: Json | None, day: str) -> None:
    assert str(seen(on_encounter(period)).lines[0].day) == day


def test_a_person_named_by_a_search() -> None:
    def change(claim: Json) -> None:
        claim["careTeam"][0]["provider"] = {
            "reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|1234567893"
        }

    content = varied(claim(line("97140")), change)
    practitioner = resource(content, "Practitioner")
    practitioner["identifier"] = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}]
    provider = seen(content).lines[0].provider
    assert (provider.key, provider.resolved) == ("1234567893", True)
    assert "reference-unresolved" not in {finding.rule for finding in reviewed(content).findings}
