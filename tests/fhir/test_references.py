"""What a reference means: by address, by version, by identifier, contained; and when two mean the same thing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_massage.read.elements import Identifier, Reference
from fhir_massage.read.read import Arrival, read
from fhir_massage.read.references import Index, same
from tests.claims import Json, claim, grave, line, resource, reviewed, the, varied

MRN = {"system": "http://clinic.example.org/mrn", "value": "17"}


def arrived(*resources: Json, full_urls: tuple[str, ...] = ()) -> Arrival:
    """Resources that came in one Bundle, with or without full addresses."""
    entries: list[Json] = [{"resource": each} for each in resources]
    for entry, url in zip(entries, full_urls, strict=False):
        entry["fullUrl"] = url
    return read(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())


PATIENT: Json = {"resourceType": "Patient", "id": "p1", "identifier": [MRN]}
NAMELESS: Json = {"resourceType": "Patient"}
CLAIM: Json = {"resourceType": "Claim", "id": "c1"}


@pytest.mark.parametrize(
    ("patient", "full_url", "reference"),
    [
        (PATIENT, "", "Patient/p1"),
        (PATIENT, "", "Patient/p1/_history/3"),
        (PATIENT, "", "https://ehr.example.org/fhir/Patient/p1/_history/3"),
        (PATIENT, "urn:uuid:0b0c9f6e-6f2b-4a6e-8f0f-000000000001", "Patient/p1"),
        (NAMELESS, "urn:uuid:0b0c9f6e-6f2b-4a6e-8f0f-000000000001", "urn:uuid:0b0c9f6e-6f2b-4a6e-8f0f-000000000001"),
        (NAMELESS, "https://ehr.example.org/fhir/Patient/p1", "https://ehr.example.org/fhir/Patient/p1"),
        (NAMELESS, "https://ehr.example.org/fhir/Patient/p1", "https://ehr.example.org/fhir/Patient/p1/_history/2"),
        (NAMELESS, "https://ehr.example.org/fhir/Patient/p1", "Patient/p1"),
    ],
)
def test_an_address_leads_to_what_came_along(patient: Json, full_url: str, reference: str) -> None:
    arrival = arrived(CLAIM, patient, full_urls=("", full_url) if full_url else ())
    assert Index(arrival.entries).find(Reference(reference=reference), arrival.entries[0]) is arrival.entries[1]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, True),
        ({"type": "Patient"}, True),
        ({"type": "Practitioner"}, False),
        ({"identifier": Identifier(system="http://other.example.org", value="17")}, False),
        ({"identifier": Identifier(system=MRN["system"])}, False),
    ],
)
def test_an_identifier_leads_there_too(change: Json, found: bool) -> None:
    arrival = arrived(CLAIM, PATIENT)
    logical: dict[str, Any] = {"identifier": Identifier(**MRN), **change}
    assert (Index(arrival.entries).find(Reference(**logical), arrival.entries[0]) is not None) is found


def test_an_identifier_of_two_leads_nowhere() -> None:
    arrival = arrived(CLAIM, PATIENT, {**PATIENT, "id": "p2"})
    assert Index(arrival.entries).find(Reference(identifier=Identifier(**MRN)), arrival.entries[0]) is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Patient/p1", "Patient/p1", True),
        ("Patient/p1", "Patient/p2", False),
        ("Patient/p1", "urn:uuid:1", None),
        ("urn:uuid:1", "urn:uuid:1", True),
        ("urn:uuid:1", "urn:uuid:2", False),
        ("Patient/p1", "http://clinic.example.org/mrn|17", None),
        ("http://clinic.example.org/mrn|17", "http://clinic.example.org/mrn|18", False),
        ("http://clinic.example.org/mrn|17", "http://hospital.example.org/mrn|18", None),
        ("4711#p", "4711#q", False),
        ("4711#p", "4712#p", None),
        ("4711#p", "Patient/p1", None),
        (None, "Patient/p1", None),
    ],
)
def test_two_ways_of_naming_a_thing_are_not_compared(one: str | None, other: str, alike: bool | None) -> None:
    assert same(one, other) is alike
    assert same(other, one) is alike


def test_a_claim_that_names_by_identifier_is_read_like_any_other() -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist")
    member = {"system": "http://va.example.org/members", "value": "V1"}
    order = {"system": "http://va.example.org/referrals", "value": "R1"}
    resource(content, "Patient")["identifier"] = [MRN]
    resource(content, "Coverage")["identifier"] = [member]
    resource(content, "ServiceRequest")["identifier"] = [order]

    def by_identifier(claim: Json) -> None:
        claim["patient"] = {"identifier": MRN}
        claim["referral"] = {"type": "ServiceRequest", "identifier": order}
        claim["insurance"][0]["coverage"] = {"identifier": member}
        claim["careTeam"][0]["provider"] = {
            "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}
        }

    content = varied(content, by_identifier)
    assert grave(reviewed(content)) == []
    resource(content, "Coverage")["status"] = "cancelled"
    assert grave(reviewed(content)) == ["coverage-not-active"]
    resource(content, "Coverage")["beneficiary"] = {"reference": "Patient/other"}
    assert "coverage-wrong-patient" in grave(reviewed(content))


def test_a_claim_with_all_it_needs_contained() -> None:
    content = claim(line("97124"), payer="veterans-affairs", profession="massage-therapist")
    parts = {each["id"]: each for each in (entry["resource"] for entry in content["entry"])}
    whole = parts.pop("c1")
    whole["contained"] = [*parts.values(), *parts["referral"].pop("contained")]
    text = json.dumps(whole)
    for part in parts.values():
        text = text.replace(f'"{part["resourceType"]}/{part["id"]}"', f'"#{part["id"]}"')
    report = reviewed(json.loads(text))
    assert [f.rule for f in report.findings if f.severity != "information"] == []
    assert report.cases["Claim/c1"].payer_class == "veterans-affairs"
    orphan = json.loads(text.replace('"#p1"', '"#p2"', 1))
    assert the(reviewed(orphan), "reference-unresolved").expression == ("Claim.patient",)


def test_a_coverage_with_a_patient_of_its_own_is_not_held_to_be_anothers() -> None:
    content = claim(line("97140"))
    resource(content, "Coverage").update(contained=[{"resourceType": "Patient", "id": "me"}])
    resource(content, "Coverage")["beneficiary"] = {"reference": "#me"}
    assert grave(reviewed(content)) == []
