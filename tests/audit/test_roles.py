"""A role that stands loose tells the profession of the practitioner whom it names, as it does in a Bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from fhir_massage import review
from fhir_massage.audit import gather, scatter
from fhir_massage.audit.gather import MOST_ROLES, Elsewhere, part_of, review_part
from fhir_massage.audit.inputs import CHUNK, chunks, find_files
from fhir_massage.audit.scatter import SPILL, Spill, open_spills
from fhir_massage.edit.finding import Finding
from fhir_massage.facts.book import shipped
from fhir_massage.present.finding import as_json
from tests.audit.cases import BAD, GOOD, ON, Json, bundle, findings, named_by_role, put, run, together
from tests.claims import TAXONOMY, order

MASSAGE, PHYSICAL = TAXONOMY["massage-therapist"], TAXONOMY["physical-therapist"]
TRAINER = TAXONOMY["athletic-trainer"]
#: What Medicare says to a line that a massage therapist rendered, and to one of whom it is not known.
DENIED, UNKNOWN = "provider-not-payable", "provider-unknown"
UNITS = "units-exceed-minutes"
ORDERER = "order-orderer-not-qualified"


def medicare(number: int = 1, lines: Sequence[Json] = GOOD) -> list[Json]:
    """A claim to Medicare whose practitioner's profession is told nowhere."""
    return bundle(number, *lines, payer="medicare-part-b", profession=None)


def write(folder: Path, files: dict[str, list[Json]]) -> Path:
    """A file of lines for each name."""
    folder.mkdir(parents=True)
    for name, resources in files.items():
        (folder / name).write_text("".join(json.dumps(each) + "\n" for each in resources))
    return folder


def laid(given: Path, state: Path, *, chunk: int = CHUNK, parts: int = 1, spill: int = SPILL) -> list[Spill]:
    """The input as it is laid down, cut up as small as one likes."""
    state.mkdir(parents=True)
    for each in chunks(find_files([str(given)]), chunk):
        scatter.scatter(each, state, parts, spill)
    return open_spills(state)


def found(spills: Sequence[Spill], parts: int = 1, *, any_claim: bool = True) -> list[Finding]:
    elsewhere = Elsewhere(spills)
    on = date.fromisoformat(ON)
    reviewed = [
        review_part(part_of(spills, number), facts=shipped(), on=on, elsewhere=elsewhere, any_claim=any_claim)
        for number in range(parts)
    ]
    return [each.finding for part in reviewed for each in part.findings]


def rules(given: Path, state: Path) -> dict[str, set[str]]:
    """The rules that have spoken about a provider, by claim."""
    told: dict[str, set[str]] = {}
    for finding in found(laid(given, state)):
        if finding.rule in (DENIED, UNKNOWN):
            told.setdefault(finding.resource, set()).add(finding.rule)
    return told


@pytest.mark.parametrize(
    "how",
    [
        "Practitioner/therapist-1",
        "Practitioner/therapist-1/_history/3",
        "http://ehr.example.org/fhir/Practitioner/therapist-1",
        "https://ehr.example.org/fhir/Practitioner/therapist-1/_history/3",
    ],
)
@pytest.mark.parametrize(("element", "taxonomy", "rule"), [("code", MASSAGE, DENIED), ("specialty", PHYSICAL, UNITS)])
def test_a_folder_gives_the_findings_of_the_bundle_of_the_same(
    tmp_path: Path, how: str, element: str, taxonomy: str, rule: str
) -> None:
    role = named_by_role(1, taxonomy, element=element, practitioner={"reference": how})
    resources = [*medicare(lines=BAD), role]
    alone = review(together(resources), on=date.fromisoformat(ON)).findings
    assert rule in {finding.rule for finding in alone if finding.severity == "error"}
    told = found(laid(put(tmp_path / "in", resources), tmp_path / "laid"))
    assert [as_json(each) for each in told] == [as_json(each) for each in alone]


def test_the_command_finds_them_too(tmp_path: Path) -> None:
    resources = [each for n in range(30) for each in (*medicare(n), named_by_role(n, (MASSAGE, PHYSICAL)[n % 2]))]
    run(put(tmp_path / "in", resources), "--out", tmp_path / "out", "--workers", 2)
    told = {each["resource"]: each["rule"] for each in findings(tmp_path / "out") if each["rule"] in (DENIED, UNKNOWN)}
    assert told == {f"Claim/c1-{n}": DENIED for n in range(0, 30, 2)}


class TestSeveralRoles:
    @pytest.mark.parametrize(
        ("taxonomies", "rule"),
        [
            ([PHYSICAL, PHYSICAL], None),
            ([MASSAGE, MASSAGE], DENIED),
            ([PHYSICAL, MASSAGE], None),  # two professions: which of them rendered is not told, nor that none is known
            ([], UNKNOWN),
        ],
    )
    def test_they_tell_together_what_they_tell_in_a_bundle(
        self, tmp_path: Path, taxonomies: list[str], rule: str | None
    ) -> None:
        roles = [named_by_role(1, each, id=f"role-{n}") for n, each in enumerate(taxonomies)]
        resources = [*medicare(), *roles]
        expected = {} if rule is None else {"Claim/c1-1": {rule}}
        assert rules(put(tmp_path / "in", resources), tmp_path / "laid") == expected
        alone = review(together(resources), on=date.fromisoformat(ON)).findings
        assert {each.rule for each in alone} & {DENIED, UNKNOWN} == expected.get("Claim/c1-1", set())

    @pytest.mark.parametrize("first", ["roles", "people"])
    @pytest.mark.parametrize(
        ("chunk", "parts", "spill"), [(CHUNK, 1, SPILL), (700, 5, 500), (2000, 3, 1), (300, 64, 1)]
    )
    def test_they_come_in_the_order_of_the_input_however_it_is_cut(
        self, tmp_path: Path, first: str, chunk: int, parts: int, spill: int
    ) -> None:
        numbers = [7, 3, 9, 1, 8, 0, 2, 6, 5, 4]
        roles = [named_by_role(n % 2, MASSAGE, id=f"role-{n}") for n in numbers]
        names = ("a.ndjson", "b.ndjson") if first == "roles" else ("b.ndjson", "a.ndjson")
        given = write(tmp_path / "in", dict(zip(names, (roles, [*medicare(0), *medicare(1)]), strict=True)))
        spills = laid(given, tmp_path / "laid", chunk=chunk, parts=parts, spill=spill)
        for person in (0, 1):
            of_person = Elsewhere(spills).roles_of(f"Practitioner/therapist-{person}")
            expected = [f"role-{n}" for n in numbers if n % 2 == person]
            assert [role.entries[0].resource.id for role in of_person] == expected
        denied = {each.resource for each in found(spills, parts) if each.rule == DENIED}
        assert denied == {"Claim/c1-0", "Claim/c1-1"}

    def test_of_very_many_the_first_count(self, tmp_path: Path) -> None:
        roles = [named_by_role(1, MASSAGE, id=f"role-{n}") for n in range(MOST_ROLES)]
        later = named_by_role(1, PHYSICAL, id="later")
        assert rules(put(tmp_path / "a", [*medicare(), *roles, later]), tmp_path / "a-laid") == {"Claim/c1-1": {DENIED}}
        assert rules(put(tmp_path / "b", [*medicare(), *roles[1:], later]), tmp_path / "b-laid") == {}

    def test_addresses_that_share_a_hash_lend_each_other_no_roles(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (scatter, gather):
            monkeypatch.setattr(module, "address_hash", lambda address: 7)
        resources = [*medicare(1), *medicare(2), named_by_role(2, MASSAGE)]
        told = rules(put(tmp_path / "in", resources), tmp_path / "laid")
        assert told == {"Claim/c1-1": {UNKNOWN}, "Claim/c1-2": {DENIED}}

    def test_a_practitioner_of_many_patients_is_looked_up_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resources = [each for n in range(20) for each in medicare(n)]
        for each in resources:
            if each["resourceType"] == "Claim":
                each["careTeam"][0]["provider"] = {"reference": "Practitioner/therapist-1"}
        spills = laid(put(tmp_path / "in", [*resources, named_by_role(1, MASSAGE)]), tmp_path / "laid")
        read: list[bytes] = []
        at = Spill.at

        def watched(spill: Spill, place: int) -> scatter.Record:
            record = at(spill, place)
            read.append(record.content)
            return record

        monkeypatch.setattr(Spill, "at", watched)
        assert len([each for each in found(spills) if each.rule == DENIED]) == 20
        assert len([each for each in read if b'"PractitionerRole"' in each]) <= 2  # to know whose it is, and to read it


class TestWhereTheyStand:
    def test_the_practitioner_in_the_claims_bundle_and_the_role_loose(self, tmp_path: Path) -> None:
        files = {"a.ndjson": [together(medicare())], "b.ndjson": [named_by_role(1, MASSAGE)]}
        assert rules(write(tmp_path / "in", files), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_the_role_in_the_claims_bundle_and_the_practitioner_loose(self, tmp_path: Path) -> None:
        people = [each for each in medicare() if each["resourceType"] == "Practitioner"]
        others = [each for each in medicare() if each["resourceType"] != "Practitioner"]
        files = {"a.ndjson": [together([*others, named_by_role(1, MASSAGE)])], "b.ndjson": people}
        assert rules(write(tmp_path / "in", files), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_the_role_within_the_claim_and_the_practitioner_loose(self, tmp_path: Path) -> None:
        resources = medicare()
        next(each for each in resources if each["resourceType"] == "Claim")["contained"] = [named_by_role(1, MASSAGE)]
        assert rules(put(tmp_path / "in", resources), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_the_role_within_the_practitioner(self, tmp_path: Path) -> None:
        resources = medicare()
        practitioner = next(each for each in resources if each["resourceType"] == "Practitioner")
        practitioner["contained"] = [named_by_role(1, MASSAGE)]
        assert rules(put(tmp_path / "in", resources), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_where_the_claims_bundle_has_roles_those_count_and_no_others(self, tmp_path: Path) -> None:
        files = {
            "a.ndjson": [together([*medicare(), named_by_role(1, MASSAGE)])],
            "b.ndjson": [named_by_role(1, PHYSICAL)],
        }
        assert rules(write(tmp_path / "in", files), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    @pytest.mark.parametrize("first", ["bundle", "loose"])
    def test_a_loose_claim_of_the_patient_beside_it_is_judged_by_the_loose_role(
        self, tmp_path: Path, first: str
    ) -> None:
        shared = [each for each in medicare() if each["resourceType"] != "Claim"]
        in_bundle, loose = (next(each for each in medicare() if each["resourceType"] == "Claim") for _ in range(2))
        loose["id"] = "loose"
        loose["item"][0]["servicedDate"] = "2026-10-05"
        files = {
            "b.ndjson": [together([in_bundle, named_by_role(1, MASSAGE)])],
            "a.ndjson" if first == "loose" else "c.ndjson": [*shared, loose, named_by_role(1, PHYSICAL)],
        }
        assert rules(write(tmp_path / "in", files), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_another_bundle_lends_no_role(self, tmp_path: Path) -> None:
        for_itself = together([named_by_role(1, MASSAGE)])
        files = {"a.ndjson": [together(medicare())], "b.ndjson": [for_itself], "c.ndjson": medicare(2)}
        expected = {"Claim/c1-1": {UNKNOWN}, "Claim/c1-2": {UNKNOWN}}
        assert rules(write(tmp_path / "in", files), tmp_path / "laid") == expected

    def test_a_role_without_an_id_tells_as_well(self, tmp_path: Path) -> None:
        role = named_by_role(1, MASSAGE)
        del role["id"]
        assert rules(put(tmp_path / "in", [*medicare(), role]), tmp_path / "laid") == {"Claim/c1-1": {DENIED}}

    def test_of_several_roles_of_who_orders_the_first_is_named(self, tmp_path: Path) -> None:
        made = [each["resource"] for each in order(payer="workers-compensation")["entry"]]
        del next(each for each in made if each["id"] == "requester")["qualification"]
        whom = {"reference": "Practitioner/requester"}
        others = [named_by_role(0, each, id=each, practitioner=whom) for each in (TRAINER, MASSAGE)]
        alone = review(together([*made, *others]), on=date.fromisoformat(ON)).findings
        assert "referral by an athletic trainer" in next(each.message for each in alone if each.rule == ORDERER)
        told = found(laid(put(tmp_path / "in", [*made, *others]), tmp_path / "laid"), any_claim=False)
        assert [as_json(each) for each in told] == [as_json(each) for each in alone]

    @pytest.mark.parametrize(
        "practitioner",
        [{"reference": "#me"}, {"reference": 5}, "Practitioner/therapist-1", {"display": "Sam Rivera"}, None],
    )
    def test_a_role_that_names_nobody_outside_itself_tells_of_nobody(
        self, tmp_path: Path, practitioner: object
    ) -> None:
        resources = [*medicare(), named_by_role(1, MASSAGE, practitioner=practitioner)]
        assert rules(put(tmp_path / "in", resources), tmp_path / "laid") == {"Claim/c1-1": {UNKNOWN}}
