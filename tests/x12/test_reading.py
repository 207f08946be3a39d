"""Claims that come as X12 837: the same findings as in FHIR, with where each element stood."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fhir_massage import review
from fhir_massage.errors import Unreadable
from fhir_massage.present.finding import report_as_json
from fhir_massage.read.read import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "x12" / "professional.x12"
TEXT = EXAMPLE.read_text()
ON = date(2026, 11, 10)


def found(content: str | bytes) -> list[dict[str, Any]]:
    report = review(content, on=ON)
    for broken in report.broken:
        raise broken.error
    findings: list[dict[str, Any]] = report_as_json(report)["findings"]
    return findings


def test_a_finding_names_its_segment() -> None:
    (finding,) = found(TEXT)
    assert (finding["rule"], finding["resource"]) == ("therapy-modifier-missing", "Claim/VISIT-1")
    assert finding["x12"] == {
        "interchange": "000000101", "transaction": "0001", "segment": "SV1", "element": "SV101", "position": 24,
        "loop": "2400",
    }  # fmt: skip
    assert "claim_number" not in finding


def test_the_same_findings_as_for_the_same_claim_in_fhir() -> None:
    bundle = json.loads(json.dumps(read(TEXT).entries[0].document.json(), default=float))
    assert [f.rule for f in review(bundle, on=ON).findings] == [f["rule"] for f in found(TEXT)]


@pytest.mark.parametrize(
    "sent",
    [
        TEXT.replace("\n", ""),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("~\n", "\n"),
        TEXT.replace("~\n", "\r\n"),
        TEXT.replace("*", "|").replace(":", ">").replace("~", "'"),
        "\n ".join(["", TEXT.replace("\n", "")]),
        b"\xef\xbb\xbf" + TEXT.encode(),
        "\n".join(TEXT.replace("\n", "")[at : at + 80] for at in range(0, len(TEXT), 80)),
    ],
)
def test_an_interchange_is_known_by_its_isa(sent: str | bytes) -> None:
    (finding,) = found(sent)
    assert finding["x12"]["position"] == 24


def test_a_number_that_is_no_fhir_id_is_told_as_sent() -> None:
    (finding,) = found(TEXT.replace("VISIT-1", "VISIT #1_A"))
    assert (finding["resource"], finding["claim_number"]) == ("Claim/VISIT-1-A", "VISIT #1_A")


def test_what_stands_in_a_claim() -> None:
    sent = TEXT.replace("CLM*VISIT-1*232***11:B:1*Y*A*Y*Y", "CLM*VISIT-1*232***11:B:7*Y*A*Y*Y**AA:::WA").replace(
        "HI*ABK:M542~",
        "DTP*439*D8*20261001~\nREF*G1*AUTH77~\nREF*F8*ICN5~\nHI*ABK:M542*ABF:M545~",
    ).replace("SE*27", "SE*30")  # fmt: skip
    claim = next(entry.json() for entry in read(sent).entries if entry.kind == "Claim")
    assert claim["insurance"][0]["preAuthRef"] == ["AUTH77"]
    assert claim["related"][0]["claim"] == {"identifier": {"value": "ICN5"}}
    assert claim["accident"]["date"] == "2026-10-01"
    assert [d["diagnosisCodeableConcept"]["coding"][0]["code"] for d in claim["diagnosis"]] == ["M54.2", "M54.5"]
    assert [m["role"]["coding"][0]["code"] for m in claim["careTeam"]] == ["referring", "rendering"]
    assert claim["supportingInfo"][0]["valueQuantity"]["value"] == 60


@pytest.mark.parametrize(
    ("sent", "why", "where"),
    [
        (TEXT[: TEXT.index("SV1*") + 9], "cut off", "transaction 0001, SV1, segment 24"),
        (TEXT.replace("SE*27", "SE*26"), "SE01 does not count the 27", "transaction 0001, SE, segment 27"),
        (TEXT.replace("SE*27*0001~\n", ""), "no end (SE)", "transaction 0001, NTE, segment 26"),
        (TEXT.replace("97140*232", "97140*two"), "SV102, the line's charge, is no number", "SV1, segment 24"),
        (TEXT.replace("20261102", "20261302"), "DTP03 is no day", "DTP, segment 25"),
        (TEXT.replace("005010X222A1", "004010X098A1"), "this is X12 837 004010X098A1", "ST, segment 1"),
        (TEXT.replace("ST*837", "ST*270"), "this is X12 270", "ST, segment 1"),
        (TEXT[:60], "the ISA is cut off", "ISA, segment 1"),
        (TEXT.replace("IEA*1*000000101~\n", ""), "no end (IEA)", "after segment 30"),
        (TEXT.replace("GE*1*1", "GE*9*1"), "does not count the 1 transactions", "GE01, segment 30"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_segment(sent: str, why: str, where: str) -> None:
    try:
        errors = review(sent, on=ON).unread
    except Unreadable as raised:
        errors = (raised,)
    assert why in errors[0].reason and where in (errors[0].place or "")


def test_a_transaction_that_cannot_be_read_loses_no_other() -> None:
    start, end = TEXT.index("ST*"), TEXT.index("GE*")
    second = TEXT[start:end].replace("0001", "0002").replace("VISIT-1", "VISIT-2")
    sent = TEXT[:end] + second.replace("SE*27", "SE*5") + TEXT[end:].replace("GE*1", "GE*2")
    report = review(sent, on=ON)
    assert report.claims == ("Claim/VISIT-1",)
    assert ["transaction 0002" in str(error) for error in report.unread] == [True]


def test_several_interchanges_with_separators_of_their_own() -> None:
    other = TEXT.replace("VISIT-1", "VISIT-2").replace("000000101", "000000102").replace("*", "|")
    assert {f["x12"]["interchange"] for f in found(TEXT + other)} == {"000000101", "000000102"}


def test_an_institutional_claim() -> None:
    sent = TEXT.replace("005010X222A1", "005010X223A2").replace(
        "SV1*HC:97140*232*UN*4***1~", "SV2*0420*HC:97140*232*UN*4~"
    )
    (finding,) = found(sent.replace("11:B:1", "13:A:1"))
    assert (finding["x12"]["segment"], finding["x12"]["element"]) == ("SV2", "SV202")


@pytest.mark.parametrize("at", range(0, len(TEXT), 7))
def test_no_cut_and_no_broken_byte_ends_in_another_error(at: int) -> None:
    for sent in (TEXT.encode()[:at], TEXT.encode()[:at] + b"\x00\xff*~:" + TEXT.encode()[at:]):
        try:
            report = review(sent, on=ON)
        except Unreadable:
            continue
        assert not report.broken


def test_a_dependent_is_the_patient_and_the_subscriber_is_not() -> None:
    sent = TEXT.replace("CLM*", "HL*3*2*23*0~\nPAT*19~\nNM1*QC*1*DOE*SAM~\nDMG*D8*20150305*M~\nCLM*").replace(
        "SE*27", "SE*31"
    )
    entries = read(sent).entries
    claim = next(entry.json() for entry in entries if entry.kind == "Claim")
    (patient,) = [entry.json() for entry in entries if entry.kind == "Patient"]
    assert claim["patient"] == {"reference": f"Patient/{patient['id']}"}
    assert (patient["name"][0]["given"], patient["birthDate"]) == (["SAM"], "2015-03-05")


def test_two_claims_of_one_number_are_told_apart() -> None:
    claim = TEXT[TEXT.index("CLM*") : TEXT.index("SE*")]
    sent = TEXT.replace("SE*27", claim + f"SE*{27 + claim.count('~')}")
    assert review(sent, on=ON).claims == ("Claim/VISIT-1", "Claim/VISIT-1-2")
    numbers = {finding["resource"]: finding.get("claim_number") for finding in found(sent)}
    assert numbers["Claim/VISIT-1-2"] == "VISIT-1"


@pytest.mark.parametrize(("practice", "errors"), [("FL", {"provider-not-payable"}), ("WA", set())])
def test_the_state_of_the_practice_decides(practice: str, errors: set[str]) -> None:
    sent = TEXT.replace("SEATTLE*WA", f"SEATTLE*{practice}", 1).replace("225100000X", "225700000X")
    sent = sent.replace("*MB~", "*AM~").replace("MEDICARE PART B", "STATE FARM").replace("HC:97140", "HC:97124")
    assert {f["rule"] for f in found(sent) if f["severity"] == "error"} == errors


def test_an_address_is_of_the_subscriber_it_follows() -> None:
    first, last = TEXT.index("HL*2*1"), TEXT.index("SE*27")
    second = TEXT[first:last].replace("HL*2*", "HL*3*").replace("VISIT-1", "VISIT-2").replace("JANE", "JOAN")
    second = "\n".join(each for each in second.split("\n") if not each.startswith(("N3", "N4")))
    sent = (TEXT[:last] + second + TEXT[last:]).replace("SE*27", f"SE*{27 + second.count('~')}")
    kept = [e.json() for e in read(sent).entries if e.kind == "Patient"]
    assert [each.get("address") for each in kept] == [[{"state": "WA"}], None]
