"""A generated data set: linked, the same for the same seed, and known to the letter by its answer key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_massage.cli import main
from fhir_massage.engine.run import review_arrival
from fhir_massage.facts.book import shipped
from fhir_massage.read.read import Arrival, encode, parse, read_lines
from fhir_massage.read.structure import departures
from fhir_massage.rules import all_rules
from fhir_massage.synthetic.dataset import DataSet, KnownFault
from fhir_massage.synthetic.files import KINDS
from tests.claims import TODAY, Json
from tests.synthetic.made import DEEP
from tests.synthetic.test_silence import ONLY_INFORMATION

SEEDS = range(40 if DEEP else 6)


def generate(*words: str) -> Result:
    return CliRunner().invoke(main, ["generate", *words])


def lines_of(folder: Path, kind: str) -> list[Json]:
    return [parse(line) for line in (folder / f"{kind}.ndjson").read_bytes().splitlines()]


def together(folder: Path) -> Arrival:
    """Every resource of the folder as one arrival."""
    lines = [line for kind in KINDS for line in (folder / f"{kind}.ndjson").read_bytes().splitlines()]
    (arrival,) = read_lines(lines)
    return arrival


def known(folder: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return sorted((a["resource"], a["rule"], tuple(a["expression"])) for a in lines_of(folder, "answers"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_review_finds_what_the_key_knows_and_nothing_else(seed: int, tmp_path: Path) -> None:
    result = generate("--claims", "250", "--seed", str(seed), "--errors", "0.3", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    report = review_arrival(together(tmp_path), on=TODAY, facts=shipped())
    assert report.broken == () and report.unread == ()
    assert len(report.claims) == 250
    found = [(f.resource, f.rule, f.expression) for f in report.findings if f.severity != "information"]
    assert sorted(found) == known(tmp_path)
    assert len({resource for resource, _, _ in found if resource.startswith("Claim/")}) >= 40


def test_without_errors_a_set_is_met_with_silence(tmp_path: Path) -> None:
    generate("--claims", "250", "--seed", "3", "--errors", "0", "--out", str(tmp_path))
    report = review_arrival(together(tmp_path), on=TODAY, facts=shipped())
    assert [f.rule for f in report.findings if f.severity != "information"] == []
    assert known(tmp_path) == []


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", "5"), ("two", "5"), ("other", "6")):
        generate("--claims", "120", "--seed", seed, "--errors", "0.2", "--out", str(tmp_path / name))
    for kind in (*KINDS, "answers"):
        one, two = ((tmp_path / name / f"{kind}.ndjson").read_bytes() for name in ("one", "two"))
        assert one == two
    assert (tmp_path / "one" / "Claim.ndjson").read_bytes() != (tmp_path / "other" / "Claim.ndjson").read_bytes()


def test_every_reference_leads_somewhere(tmp_path: Path) -> None:
    generate("--claims", "400", "--seed", "2", "--errors", "0.2", "--out", str(tmp_path))
    resources = [resource for kind in KINDS for resource in lines_of(tmp_path, kind)]
    names = [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
    assert len(names) == len(set(names))
    lost = {
        f"{resource['resourceType']}/{resource['id']}"
        for resource in resources
        for reference in references(resource)
        if not reference.startswith("#") and reference not in set(names)
    }
    assert lost == set()


def references(part: object) -> list[str]:
    """Every reference in a resource."""
    if isinstance(part, list):
        return [found for each in part for found in references(each)]
    if not isinstance(part, dict):
        return []
    own = [part["reference"]] if isinstance(part.get("reference"), str) else []
    return own + [found for value in part.values() for found in references(value)]


def test_faults_of_every_rule_are_in_a_large_set() -> None:
    sets = [DataSet(shipped(), 6000, seed, 0.5) for seed in (1, 2, 3)]
    rules = Counter(made.rule for data in sets for made in data if isinstance(made, KnownFault))
    assert set(rules) == {rule.id for rule in all_rules()} - ONLY_INFORMATION
    assert all(0.4 < data.broken / data.made < 0.55 for data in sets)


def test_limits_are_passed_by_the_policy_and_by_the_payers_answer() -> None:
    """Some patients use up a year's visits that the policy allows, others those that the payer's answer names."""
    data = DataSet(shipped(), 6000, 1, 0.5)
    made = list(data)
    beyond = {
        fault.resource for fault in made if isinstance(fault, KnownFault) and fault.rule == "visit-limit-exceeded"
    }
    claims = {
        f"Claim/{each['id']}": each
        for each in made
        if not isinstance(each, KnownFault) and each["resourceType"] == "Claim"
    }
    answered = {
        each["patient"]["reference"]
        for each in made
        if not isinstance(each, KnownFault) and each["resourceType"] == "CoverageEligibilityResponse"
    }
    patients = {claims[name]["patient"]["reference"] for name in beyond}
    assert patients & answered
    assert patients - answered


def test_the_structure_is_that_of_fhir(tmp_path: Path) -> None:
    generate("--claims", "60", "--seed", "4", "--errors", "0", "--out", str(tmp_path))
    for kind in KINDS:
        for resource in lines_of(tmp_path, kind):
            assert resource["resourceType"] == kind
            assert departures(kind, resource) == []


class TestTheCommand:
    def test_it_says_what_it_made(self, tmp_path: Path) -> None:
        result = generate("--claims", "30", "--seed", "1", "--errors", "0.5", "--out", str(tmp_path / "new" / "set"))
        assert result.exit_code == 0
        assert "30 claims of" in result.output
        assert len(lines_of(tmp_path / "new" / "set", "Claim")) == 30

    def test_exactly_so_many_claims(self, tmp_path: Path) -> None:
        for count in (0, 1, 2, 7):
            generate("--claims", str(count), "--seed", "9", "--errors", "1", "--out", str(tmp_path))
            assert len(lines_of(tmp_path, "Claim")) == count

    def test_a_rate_is_a_share(self, tmp_path: Path) -> None:
        result = generate("--claims", "5", "--errors", "1.5", "--out", str(tmp_path))
        assert result.exit_code == 2
        assert "0" in result.output and "1" in result.output

    def test_a_folder_that_cannot_be_made_is_told_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        result = generate("--claims", "5", "--out", str(tmp_path / "file" / "set"))
        assert result.exit_code == 2
        assert "file" in result.output

    def test_a_users_own_payer_is_among_those_made_for(self, tmp_path: Path) -> None:
        own = Path(__file__).parents[2] / "examples" / "policies"
        result = generate("--claims", "400", "--seed", "1", "--out", str(tmp_path), "--policies", str(own))
        assert result.exit_code == 0, result.output
        named = [tmp_path / f"{kind}.ndjson" for kind in ("Organization", "Coverage")]
        written = b"".join(file.read_bytes().lower() for file in named)
        assert b"evergreen mutual" in written or b'"value":"99999"' in written


@pytest.mark.parametrize("rule", ["duplicate-claim", "referral-visits-exhausted", "visit-limit-exceeded"])
def test_what_lives_across_claims_is_not_seen_in_a_claim_alone(rule: str) -> None:
    """Some claims are known to be one too many, and correct where the patient's other claims are not there."""
    data = list(DataSet(shipped(), 1200, 8, 0.5))
    faulty = {made.resource for made in data if isinstance(made, KnownFault) and made.rule == rule}
    resources = [made for made in data if not isinstance(made, KnownFault)]
    others = [encode(each) for each in resources if each["resourceType"] not in ("Claim", "Procedure")]
    claims = [each for each in resources if f"{each['resourceType']}/{each['id']}" in faulty]
    (arrival,) = read_lines([*others, *map(encode, claims)])
    assert len(claims) >= 3
    subjects = [entry for entry in arrival.entries if entry.kind == "Claim"]
    report = review_arrival(arrival, on=TODAY, facts=shipped(), subjects=subjects)
    still = {finding.resource for finding in report.findings if finding.rule == rule}
    assert len(still) < len(faulty)
    assert rule != "duplicate-claim" or not still
