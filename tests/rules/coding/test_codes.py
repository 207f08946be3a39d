"""Codes that are bundled, deleted, or not the ones that the payer takes."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path

import pytest

from fhir_massage import Report, review
from fhir_massage.facts.book import Facts, read_facts, shipped
from fhir_massage.facts.rows import RetiredProcedure, Source
from fhir_massage.facts.table import Dated
from tests.claims import PAYORS, Json, claim, corrected, grave, line, reviewed, the, varied, with_claim

HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"


ON = date(2026, 11, 10)


def _uncited(facts: Facts) -> Facts:
    """Facts with a source for rows that a test makes up."""
    facts.sources = {**facts.sources, "none": Source("none", "a test", "a test", "2026", "https://example.org")}
    return facts


def _coding(report: Report) -> Json:
    coding: Json = corrected(report)["item"][0]["productOrService"]["coding"][0]
    return coding


class TestHotPacks:
    def test_medicare_never_pays_them(self) -> None:
        bundle = claim(
            line("97140", modifiers=("GP",)), line("97010", modifiers=("GP",), minutes=None), payer="medicare-part-b"
        )
        report = reviewed(bundle)
        found = the(report, "hot-cold-pack-bundled")
        assert found.expression == ("Claim.item[1].productOrService",)
        assert found.denial is not None
        assert (found.denial.carc, found.denial.rarc) == ("97", ("M15",))
        assert report.corrected == {}, "a service is never taken off unasked"
        mended = report.corrected_by(found, found.corrections[0])
        assert [item["sequence"] for item in mended["item"]] == [1]
        assert mended["total"]["value"] == 58
        assert grave(reviewed(with_claim(bundle, mended))) == []

    def test_a_policy_that_says_no_is_heard(self, tmp_path: Path) -> None:
        (tmp_path / "medicare-part-b.toml").write_text(
            """
            payer = "medicare-part-b"
            title = "Medicare Part B"
            class = "medicare-part-b"
            sources = { own = { title = "a letter", url = "https://example.org/letter" } }
            [[follows_fee_schedule]]
            value = false
            effective = 2015-01-01
            source = "own"
            section = "page 1"
            checked = 2026-11-23
            """
        )
        bundle = claim(line("97010", modifiers=("GP",), minutes=None), payer="medicare-part-b")
        report = review(bundle, on=ON, facts=read_facts(tmp_path))
        assert "hot-cold-pack-bundled" not in grave(report)

    def test_a_payer_with_a_schedule_of_its_own_may(self) -> None:
        bundle = claim(line("97140"), line("97010", minutes=None), payer="commercial")
        assert "hot-cold-pack-bundled" not in grave(reviewed(bundle))


class TestRetired:
    def test_one_replacement_is_certain(self) -> None:
        bundle = claim(line("97002", minutes=None), payer="commercial")
        report = reviewed(bundle)
        found = the(report, "procedure-code-retired")
        assert found.message == (
            "97002 (physical therapy re-evaluation) was not valid any more on 2026-11-02; 97164 took its place."
        )
        assert found.denial is not None
        assert found.denial.carc == "181"
        assert _coding(report) == {"system": CPT, "code": "97164"}

    def test_of_several_the_record_tells(self) -> None:
        report = reviewed(claim(line("97001", minutes=None)))
        found = the(report, "procedure-code-retired")
        assert [c.label.split()[1] for c in found.corrections] == ["97161", "97162", "97163"]
        assert all(c.needs for c in found.corrections)
        assert report.corrected == {}

    @pytest.mark.parametrize(("day", "retired"), [("2016-12-31", False), ("2017-01-01", True)])
    def test_the_date_of_service_decides(self, day: str, retired: bool) -> None:
        report = reviewed(claim(line("97001", minutes=None, day=day), payer="self-pay"))
        assert ("procedure-code-retired" in grave(report)) is retired

    def test_a_replacement_that_was_deleted_too_gives_way_to_its_own(self) -> None:
        def row(code: str, replacement: str, year: int) -> RetiredProcedure:
            return RetiredProcedure(
                code=code,
                replacements=(replacement,),
                effective=date(year, 1, 1),
                source="none",
                section="none",
                checked=ON,
            )

        facts = copy.copy(shipped())
        facts.retired_procedures = Dated([row("97001", "97161", 2017), row("97161", "97140", 2020)], lambda r: r.code)
        content = claim(line("97001", minutes=None), payer="self-pay")
        [found] = [
            f for f in review(content, on=ON, facts=_uncited(facts)).findings if f.rule == "procedure-code-retired"
        ]
        assert [c.label.split()[1] for c in found.corrections] == ["97140"]

    def test_the_replacement_is_valid_on_the_day(self) -> None:
        def offered(day: str) -> list[str]:
            report = reviewed(claim(line("97532", minutes=None, day=day), payer="self-pay"))
            return [c.label.split()[1] for c in the(report, "procedure-code-retired").corrections]

        assert offered("2019-06-03") == ["97127"]
        assert offered("2020-06-01") == ["97129", "97130"]


class TestNotAccepted:
    def test_medicare_takes_another_code_for_electrical_stimulation(self) -> None:
        bundle = varied(
            claim(line("97014", modifiers=("GP",), minutes=None), payer="medicare-part-b"),
            lambda c: c["item"][0]["productOrService"]["coding"][0].update(display="Electrical stimulation"),
        )
        report = reviewed(bundle)
        found = the(report, "procedure-code-not-accepted")
        assert found.expression == ("Claim.item[0].productOrService",)
        assert found.denial is not None
        assert found.denial.carc == "16"
        assert found.corrections[0].label == "Bill G0283 (electrical stimulation, unattended (Medicare))"
        assert _coding(report) == {"system": HCPCS, "code": "G0283"}
        assert grave(reviewed(with_claim(bundle, corrected(report)))) == []

    def test_the_system_is_written_as_the_claim_writes_it(self) -> None:
        def otherwise(claim: Json) -> None:
            claim["item"][1]["productOrService"]["coding"][0]["system"] = HCPCS.replace("http:", "https:")

        bundle = claim(
            line("97014", modifiers=("GP",), minutes=None),
            line("G0281", modifiers=("GP",), minutes=None),
            payer="medicare-part-b",
        )
        assert _coding(reviewed(varied(bundle, otherwise)))["system"].startswith("https:")

    def test_a_code_without_system_stays_without(self) -> None:
        bundle = claim(line("97014", modifiers=("GP",), minutes=None), payer="medicare-part-b")
        bare = varied(bundle, lambda c: c["item"][0]["productOrService"]["coding"][0].pop("system"))
        assert _coding(reviewed(bare)) == {"code": "G0283"}

    def test_other_payers_take_it(self) -> None:
        bundle = claim(line("97014", minutes=None), payer="commercial")
        assert "procedure-code-not-accepted" not in grave(reviewed(bundle))


@pytest.mark.parametrize("payer", sorted(PAYORS))
@pytest.mark.parametrize("code", ["97124", "97140", "97110"])
def test_codes_in_force_are_met_with_silence(payer: str, code: str) -> None:
    modifiers = ("GP",) if payer.startswith("medicare") else ()
    assert grave(reviewed(claim(line(code, modifiers=modifiers), payer=payer))) == []
