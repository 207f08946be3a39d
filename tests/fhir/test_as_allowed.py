"""FHIR JSON as the standard allows it, what is of other versions, and what is no JSON at all."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from fhir_massage import review
from fhir_massage.errors import Unreadable
from fhir_massage.read.read import parse, read
from tests.claims import TODAY, Json, claim, concept, line, reviewed, varied

GOOD = claim(line("97140", modifiers=("GP",)), payer="medicare-part-b")


def rules_of(content: Json | bytes) -> list[str]:
    return [finding.rule for finding in reviewed(content).findings]


def test_null_stands_beside_what_has_only_extensions() -> None:
    def change(claim: Json) -> None:
        item = claim["item"][0]
        item["careTeamSequence"] = [None, *item["careTeamSequence"]]
        item["_careTeamSequence"] = [{"extension": []}, None]
        claim["insurance"][0]["preAuthRef"] = [None]
        claim["_created"] = {"extension": []}
        del claim["created"]

    report = reviewed(varied(GOOD, change))
    assert (report.unread, report.claims) == ((), ("Claim/c1",))
    assert not report.has_errors


@pytest.mark.parametrize("count", [5, 40])
def test_any_number_of_codings_and_modifiers(count: int) -> None:
    codings = [{"system": "http://example.org/other", "code": f"x{n}"} for n in range(count)]
    gp = {"coding": [*codings, {"code": "GP"}]}
    assert rules_of(varied(GOOD, lambda c: c["item"][0].update(modifier=[gp]))) == []
    many = [concept(f"{n:02}") for n in range(count)]
    assert "claim-form-limit" in rules_of(varied(GOOD, lambda c: c["item"][0].update(modifier=many)))


@pytest.mark.parametrize("written", ["2E0", "2e+0", "20e-1", "2.0"])
def test_decimals_with_exponents(written: str) -> None:
    content = json.dumps(claim(line("97140", units=2, minutes=30))).replace('"value": 2}', f'"value": {written}}}')
    assert written in content
    assert rules_of(content.encode()) == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("ReferralRequest", "ReferralRequest is a resource of FHIR DSTU2 or STU3"),
        ("Permission", "FHIR R5"),
        ("Nonsense", "no resource of FHIR R4"),
    ],
)
def test_what_cannot_be_read_loses_no_parent(kind: str, told: str) -> None:
    strange = {"resourceType": kind, "id": "r1"}
    contained = reviewed(varied(GOOD, lambda c: c.update(contained=[strange])))
    beside = reviewed({**GOOD, "entry": [*GOOD["entry"], {"resource": strange}]})
    for report in (contained, beside):
        assert report.claims == ("Claim/c1",)
        assert told in str(report.unread[0])


def test_a_broken_contained_resource_loses_no_other() -> None:
    def change(claim: Json) -> None:
        good = {"resourceType": "Practitioner", "id": "p9", "qualification": [{"code": {"text": "LMT"}}]}
        claim["contained"] = [{"resourceType": "Organization", "id": "o1", "name": 7}, good]
        claim["careTeam"][0] = {"sequence": 1, "provider": {"reference": "#p9"}}

    report = reviewed(varied(claim(line("97124")), change))
    assert "contained[0].name" in str(report.unread[0])
    assert report.cases["Claim/c1"].lines[0].provider.profession == "massage-therapist"  # type: ignore[union-attr]


def dstu2(claim: Json) -> None:
    claim["coverage"] = claim.pop("insurance")
    claim["use"] = "complete"


def stu3(claim: Json) -> None:
    claim["use"] = "complete"
    for item in claim["item"]:
        item["service"] = item.pop("productOrService")


@pytest.mark.parametrize(
    ("change", "version"),
    [(dstu2, "DSTU2"), (stu3, "STU3"), (lambda c: c.update(traceNumber=[{"value": "1"}]), "R5")],
)
def test_a_claim_of_another_version_is_named_and_not_judged(change: Callable[[Json], object], version: str) -> None:
    report = reviewed(varied(GOOD, change))
    assert (report.claims, report.findings) == ((), ())
    assert f"this is a claim of FHIR {version}; FHIR R4 is read here" in str(report.unread[0])


# --- marks and other texts ----------------------------------------------------------------------------------


def test_a_byte_order_mark_is_passed_over_wherever_text_is_read() -> None:
    content = b"\xef\xbb\xbf" + json.dumps(GOOD).encode()
    assert review(content, on=TODAY).claims == ("Claim/c1",)
    assert parse(content) == parse(content[3:])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'<Claim xmlns="http://hl7.org/fhir"><id value="1"/></Claim>', "this is FHIR XML"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "this is a web page"),
        (b"%PDF-1.7\n", "this is a PDF"),
        (b"PK\x03\x04...", "zip file"),
        ('{"resourceType": "Claim"}'.encode("utf-16"), "UTF-16"),
        (b'{"resourceType": "Claim"}\n{"resourceType": "Claim"}', "this is NDJSON, 2 resources"),
        (b'{"resourceType": "Claim",}', "not JSON"),
        (b'{"resourceType": "Claim" "id": 1}', "a comma, or the closing bracket, is missing"),
        (b"", "there is nothing in it"),
    ],
)
def test_what_is_no_json_is_named_for_what_it_is(content: bytes, told: str) -> None:
    for door in (read, parse):
        with pytest.raises(Unreadable) as caught:
            door(content)
        assert told in str(caught.value)
        assert "Expecting" not in str(caught.value)
