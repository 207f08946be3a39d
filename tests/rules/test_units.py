"""Units of timed services against minutes, limits and each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_massage import Finding, Report, review
from fhir_massage.facts.book import read_facts
from tests.claims import TODAY, Json, claim, corrected, line, resource, reviewed, the, varied, with_claim

MEDICARE = "medicare-part-b"


def the_first(report: Report, rule: str) -> Finding:
    """The first finding of a rule."""
    return next(finding for finding in report.findings if finding.rule == rule)


def _rules(bundle: Json) -> set[str]:
    return {finding.rule for finding in reviewed(bundle).findings}


class TestUnitsAgainstMinutes:
    @pytest.mark.parametrize(("minutes", "most"), [(8, 1), (22, 1), (23, 2), (37, 2), (38, 3), (52, 3), (53, 4)])
    @pytest.mark.parametrize("payer", [MEDICARE, "commercial"])
    def test_one_service(self, minutes: int, most: int, payer: str) -> None:
        fits = claim(line("97140", units=most, minutes=minutes, modifiers=("GP",)), payer=payer)
        assert not {"units-exceed-minutes", "units-below-minutes"} & _rules(fits)
        over = claim(line("97140", units=most + 2, minutes=minutes, modifiers=("GP",)), payer=payer)
        report = reviewed(over)
        found = the(report, "units-exceed-minutes")
        assert found.severity == "error"
        assert found.expression == ("Claim.item[0].quantity",)
        assert found.corrections[0].certain
        item = corrected(report)["item"][0]
        assert (item["quantity"]["value"], item["net"]["value"]) == (most, 58 * most)
        assert corrected(report)["total"]["value"] == 58 * most
        assert str(found.at_risk) == "116.00"

    def test_unitedhealthcare_counts_like_medicare(self) -> None:
        """A day of 40 minutes makes three units in whichever line; 20 minutes in two lines make one."""
        paid = (line("97140", units=2, minutes=20, modifiers=("GP",)), line("97110", minutes=20, modifiers=("GP",)))
        counted = {"units-exceed-minutes", "units-below-minutes"}
        assert not counted & _rules(claim(*paid, payer="unitedhealthcare"))
        recouped = (line("97124", minutes=10, modifiers=("GP",)), line("97110", minutes=10, modifiers=("GP",)))
        found = the(reviewed(claim(*recouped, payer="unitedhealthcare")), "units-exceed-minutes")
        assert [citation.title.split(",")[0] for citation in found.citations] == ["UnitedHealthcare"]

    def test_medicare_adds_the_minutes_up(self) -> None:
        """7 and 8 minutes make one unit for Medicare, the longer one's; one by itself elsewhere."""
        lines = (line("97110", minutes=7, modifiers=("GP",)), line("97140", minutes=8, modifiers=("GP",)))
        found = the(reviewed(claim(*lines, payer=MEDICARE)), "units-exceed-minutes")
        assert found.expression == ("Claim.item[0].quantity",)
        three = (
            line("97110", minutes=7, units=1),
            line("97112", minutes=7, units=1),
            line("97140", minutes=7, units=1),
        )
        assert sum(f.rule == "units-exceed-minutes" for f in reviewed(claim(*three, payer=MEDICARE)).findings) == 2
        assert sum(f.rule == "units-exceed-minutes" for f in reviewed(claim(*three)).findings) == 3

    def test_no_unit_takes_the_line_off(self) -> None:
        report = reviewed(claim(line("97140", minutes=2, modifiers=("GP",)), payer=MEDICARE))
        (remove,) = the(report, "units-exceed-minutes").corrections
        assert (remove.label, remove.certain) == ("Remove line 1", False)
        assert report.corrected == {}

    def test_units_left_unbilled_are_mentioned(self) -> None:
        found = the(reviewed(claim(line("97140", units=1, minutes=30))), "units-below-minutes")
        assert found.severity == "information"
        assert found.at_risk is None
        assert [(c.label, c.certain) for c in found.corrections] == [("Bill 2 units", False)]

    def test_untimed_services_are_not_counted(self) -> None:
        assert not {r for r in _rules(claim(line("98940", units=1, minutes=5))) if r.startswith("units")}

    def test_one_line_without_minutes_silences_medicares_count(self) -> None:
        bundle = claim(line("97140", units=3, minutes=15), line("97110", minutes=None), payer=MEDICARE)
        assert "units-exceed-minutes" not in _rules(bundle)
        assert the(reviewed(bundle), "minutes-missing").expression == ("Claim.item[1]",)


def therapy(code: str, minutes: int, units: int, *modifiers: str) -> Json:
    return line(code, units=units, minutes=minutes, modifiers=("GP", *modifiers))


class TestTheWholeSession:
    """CMS's worked examples: all timed minutes of the day and discipline count, whoever rendered."""

    def _units(self, *lines: Json, payer: str = MEDICARE) -> list[tuple[str, str, str]]:
        found = reviewed(claim(*lines, payer=payer)).findings
        return [(f.rule, f.severity, f.expression[0]) for f in found if f.rule.startswith("units")]

    def test_a_therapist_and_an_assistant_share_one_count(self) -> None:
        """CMS, Billing Examples Using CQ/CO Modifiers: 23 + 13 + 30 minutes are 66, and four units."""
        lines = therapy("97110", 23, 1, "CQ"), therapy("97110", 13, 1), therapy("97140", 30, 2)
        assert self._units(*lines) == []

    def test_one_unit_more_than_they_share_is_too_many(self) -> None:
        lines = therapy("97110", 23, 2, "CQ"), therapy("97110", 13, 1), therapy("97140", 30, 2)
        assert self._units(*lines) == [("units-exceed-minutes", "warning", "Claim.item[0].quantity")]

    def test_eight_and_eight_are_one_unit(self) -> None:
        lines = therapy("97140", 8, 1), therapy("97110", 8, 1, "CQ")
        assert [rule for rule, *_ in self._units(*lines)] == ["units-exceed-minutes"]

    def test_disciplines_are_counted_apart(self) -> None:
        lines = therapy("97140", 8, 1), line("97110", units=1, minutes=8, modifiers=("GO",))
        assert self._units(*lines) == []

    @pytest.mark.parametrize(("minutes", "units"), [((7,), 1), ((20,), 2), ((25, 25), 2)])
    def test_minutes_of_a_service_without_unit_may_explain_one_too_many(
        self, minutes: tuple[int, ...], units: int
    ) -> None:
        """7 + 7 + 7 are one unit, of which the claim shows seven minutes."""
        codes = ("97140", "97110")
        lines = [therapy(code, each, units) for code, each in zip(codes, minutes, strict=False)]
        report = reviewed(claim(*lines, payer=MEDICARE))
        found = the(report, "units-exceed-minutes")
        assert found.severity == "warning"
        assert "confirm its total" in found.message
        assert not any(correction.certain for correction in found.corrections)
        assert report.corrected == {}

    @pytest.mark.parametrize(("minutes", "units"), [(17, 2), (15, 9), (30, 3)])
    def test_what_nothing_explains_is_an_error(self, minutes: int, units: int) -> None:
        found = the(reviewed(claim(therapy("97140", minutes, units), payer=MEDICARE)), "units-exceed-minutes")
        assert (found.severity, found.corrections[0].certain) == ("error", True)

    @pytest.mark.parametrize(("total", "severity"), [(60, None), (50, "error"), (52, "error")])
    def test_a_total_on_the_claim_settles_it(self, total: int, severity: str | None) -> None:
        def said(claim: Json) -> None:
            quantity = {"value": total, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
            claim["supportingInfo"].append({"sequence": 9, "category": {"text": "minutes"}, "valueQuantity": quantity})

        bundle = varied(claim(therapy("97110", 25, 2), therapy("97116", 25, 2), payer=MEDICARE), said)
        found = [f.severity for f in reviewed(bundle).findings if f.rule == "units-exceed-minutes"]
        assert found == ([] if severity is None else [severity])

    def test_advice_never_makes_more_units_than_the_day_has(self) -> None:
        lines = therapy("97110", 23, 1), therapy("97140", 23, 2)
        assert self._units(*lines) == []

    def test_a_plan_whose_way_is_not_known_is_held_to_both(self) -> None:
        """Eight minutes of three services are three units by themselves, and two by their total."""
        lines = [line(code, minutes=8) for code in ("97140", "97110", "97112")]
        (found,) = [f for f in reviewed(claim(*lines)).findings if f.rule == "units-exceed-minutes"]
        assert (found.severity, found.corrections) == ("information", ())
        assert "by the day's total" in found.message


class TestWholeUnits:
    @pytest.mark.parametrize("units", [0, -1, 1.5])
    def test_not_whole(self, units: Any) -> None:
        found = the(reviewed(claim(line("97140", units=units, minutes=15))), "units-not-whole")
        assert found.expression == ("Claim.item[0].quantity",)
        assert found.denial is not None
        assert found.denial.carc == "16"

    def test_absent_units_mean_one(self) -> None:
        assert "units-not-whole" not in _rules(varied(claim(), lambda c: c["item"][0].pop("quantity")))

    def test_absent_where_the_minutes_make_more(self) -> None:
        bundle = varied(claim(line("97140", units=2, minutes=30)), lambda c: c["item"][0].pop("quantity"))
        (bill,) = the(reviewed(bundle), "units-not-whole").corrections
        assert (bill.label, bill.certain) == ("Bill 2 units", False)

    def test_minutes_in_place_of_units(self) -> None:
        def in_minutes(resource: Json) -> None:
            resource["item"][0]["quantity"] = {"value": 30, "unit": "min", "code": "min"}
            resource["item"][0].pop("informationSequence")
            resource.pop("supportingInfo")

        report = reviewed(varied(claim(line("97140", units=2, minutes=30)), in_minutes))
        assert the(report, "units-not-whole").corrections[0].certain
        assert corrected(report)["item"][0]["quantity"]["value"] == 2


class TestOverlap:
    def _session(self, first: tuple[str, str], second: tuple[str, str]) -> Json:
        return claim(line("97140", at=first), line("97110", at=second))

    def test_a_minute_is_billed_once(self) -> None:
        bundle = self._session(("10:00", "10:15"), ("10:10", "10:25"))
        found = the(reviewed(bundle), "minutes-overlap")
        assert found.expression == ("Claim.item[1].servicedPeriod",)
        assert "5 minutes" in found.message
        assert [c.label[: c.label.index(" at ")] for c in found.corrections] == ["Line 2 starts", "Line 1 ends"]
        assert not any(c.certain for c in found.corrections)

    def test_a_service_within_another(self) -> None:
        found = the(reviewed(self._session(("10:00", "10:30"), ("10:10", "10:20"))), "minutes-overlap")
        assert any(c.label.startswith("Remove line 2") for c in found.corrections)

    def test_a_third_service_within_a_long_first_one(self) -> None:
        bundle = claim(
            line("97140", units=4, at=("10:00", "11:00")),
            line("97110", at=("10:00", "10:15")),
            line("97112", at=("10:40", "10:55")),
        )
        found = [f.expression[0] for f in reviewed(bundle).findings if f.rule == "minutes-overlap"]
        assert found == ["Claim.item[1].servicedPeriod", "Claim.item[2].servicedPeriod"]

    def test_one_after_the_other(self) -> None:
        assert "minutes-overlap" not in _rules(self._session(("10:00", "10:15"), ("10:15", "10:30")))

    def test_not_for_services_without_contact(self) -> None:
        bundle = claim(line("97140", at=("10:00", "10:15")), line("97010", at=("10:00", "10:15")))
        assert "minutes-overlap" not in _rules(bundle)


class TestLimits:
    def test_medically_unlikely(self) -> None:
        found = the(reviewed(claim(line("20560", units=2, minutes=None))), "units-exceed-mue")
        assert found.expression == ("Claim.item[0].quantity",)
        assert [c.certain for c in found.corrections] == [False]
        assert str(found.at_risk) == "58.00"

    def test_not_where_nobody_follows_ncci(self) -> None:
        assert "units-exceed-mue" not in _rules(claim(line("20560", units=2, minutes=None), payer="self-pay"))

    def test_a_corrected_claim_is_silent(self) -> None:
        bundle = claim(line("97140", units=3, minutes=30))
        assert not {r for r in _rules(with_claim(bundle, corrected(reviewed(bundle)))) if r.startswith("units")}


class TestMinutesInPlaceOfUnits:
    def _in_minutes(self, *minutes: int, payer: str = MEDICARE) -> Json:
        """Lines whose quantity is their minutes."""
        codes = ("97140", "97110", "97112")

        def change(claim: Json) -> None:
            for item, each in zip(claim["item"], minutes, strict=True):
                item["quantity"] = {"value": each, "unit": "min", "code": "min"}
                item.pop("informationSequence")
            claim.pop("supportingInfo")

        lines = [line(code, minutes=15, modifiers=("GP",)) for code, _ in zip(codes, minutes, strict=False)]
        return varied(claim(*lines, payer=payer), change)

    def test_the_units_they_make_together(self) -> None:
        """20 and 20 are three units to Medicare: two of one line, and one of the other."""
        bundle = self._in_minutes(20, 20)
        report = reviewed(bundle)
        assert [f.rule for f in report.findings if f.severity == "error"] == ["units-not-whole"] * 2
        certain = [f.corrections[0].certain for f in report.findings if f.severity == "error"]
        assert sorted(certain) == [False, True], "the line of two units charges more than it did"
        assert [item["quantity"]["value"] for item in corrected(report)["item"] if "unit" not in item["quantity"]] == [
            1
        ]

    def test_too_few_for_a_unit_take_the_line_off(self) -> None:
        report = reviewed(self._in_minutes(7, 30))
        (remove,) = the_first(report, "units-not-whole").corrections
        assert not remove.certain
        assert remove.label.startswith("Remove line 1")

    def test_of_a_payer_nobody_knows_they_make_nothing_certain(self) -> None:
        bundle = varied(self._in_minutes(30), lambda c: c.pop("type"), kind="Coverage")
        bundle = varied(bundle, lambda c: c.update(payor=[{"display": "Who Knows"}]), kind="Coverage")
        assert the(reviewed(bundle), "units-not-whole").corrections == ()


class TestOverlapLeavesNoNewError:
    def test_units_follow_by_medicares_count(self) -> None:
        """10:00 to 10:30 and 10:20 to 10:50 are billed as 2 and 2: whichever gives way, 50 minutes are 3."""
        bundle = claim(
            line("97140", units=2, at=("10:00", "10:30"), modifiers=("GP",)),
            line("97110", units=2, at=("10:20", "10:50"), modifiers=("GP",)),
            payer=MEDICARE,
        )
        report = reviewed(bundle)
        found = the(report, "minutes-overlap")
        assert (found.denial and (found.denial.group, found.denial.carc)) == ("CO", "151")
        assert len(found.corrections) == 2
        for correction, units in zip(found.corrections, ([2, 1], [1, 2]), strict=True):
            assert correction.needs
            mended = report.corrected_by(found, correction)
            assert [item["quantity"]["value"] for item in mended["item"]] == units
            assert mended["total"]["value"] == 174
            assert not [f for f in reviewed(with_claim(bundle, mended)).findings if f.severity == "error"]

    def test_units_that_the_minutes_left_still_make_stay(self) -> None:
        bundle = claim(line("97140", at=("10:00", "10:20")), line("97110", at=("10:15", "10:30")))
        report = reviewed(bundle)
        found = the(report, "minutes-overlap")
        for correction in found.corrections:
            mended = report.corrected_by(found, correction)
            assert [item["quantity"]["value"] for item in mended["item"]] == [1, 1]

    def test_providers_of_their_own_may_work_at_the_same_minutes(self) -> None:
        def second(claim: Json) -> None:
            claim["careTeam"].append({"sequence": 2, "provider": {"reference": "Practitioner/other"}})
            claim["item"][1]["careTeamSequence"] = [2]

        bundle = claim(line("97140", at=("10:00", "10:15")), line("97110", at=("10:00", "10:15")))
        assert "minutes-overlap" not in _rules(varied(bundle, second))


class TestLimitsOfPayers:
    POLICY = """
        payer = "house-plan"
        title = "House Plan"
        class = "commercial"
        payors = [{ name = "House Plan" }]
        sources = { own = { title = "a letter", url = "https://example.org/letter" } }
        [[daily_units]]
        codes = CODES
        units = 3
        effective = 2015-01-01
        source = "own"
        section = "page 1"
        checked = 2026-11-23
        """

    def _found(self, folder: Path, codes: str, *lines: Json) -> list[Finding]:
        (folder / "house-plan.toml").write_text(self.POLICY.replace("CODES", codes))
        bundle = varied(claim(*lines), lambda p: p.update(name="House Plan"), kind="Organization")
        for entry in bundle["entry"]:
            if entry["resource"].get("id") == "payor":
                entry["resource"]["name"] = "House Plan"
        resource(bundle, "Coverage")["payor"] = [{"reference": "Organization/payor", "display": "House Plan"}]
        report = review(bundle, on=TODAY, facts=read_facts(folder))
        return [finding for finding in report.findings if finding.rule == "units-exceed-policy"]

    def test_of_manual_therapy_and_massage_together(self, tmp_path: Path) -> None:
        hands = '["97124", "97140"]'
        two, one = line("97140", units=2, minutes=30), line("97110", units=2, minutes=30)
        assert not self._found(tmp_path, hands, two, one)
        (found,) = self._found(tmp_path, hands, line("97140", units=3, minutes=45), line("97124", price="40.00"), one)
        assert found.expression == ("Claim.item[1].quantity",)
        assert (found.denial and (found.denial.group, found.denial.carc)) == ("CO", "119")
        assert found.severity == "error"
        assert str(found.at_risk) == "40.00"
        assert found.corrections
        assert all(correction.needs for correction in found.corrections)

    def test_of_every_timed_code(self, tmp_path: Path) -> None:
        two = line("97140", units=2, minutes=30), line("97110", units=2, minutes=30)
        (found,) = self._found(tmp_path, '["timed"]', *two)
        assert found.expression == ("Claim.item[1].quantity",)
        untimed = line("97140", units=3, minutes=45), line("97012", units=2, minutes=None)
        assert not self._found(tmp_path, '["timed"]', *untimed)

    def test_units_of_one_code_on_several_lines_count_together(self) -> None:
        """Massage has a medically unlikely edit of four."""
        lines = line("97124", units=3, minutes=45), line("97124", units=2, minutes=30, modifiers=("76",))
        report = reviewed(claim(*lines))
        found = the(report, "units-exceed-mue")
        assert found.expression == ("Claim.item[1].quantity",)
        assert (found.denial and (found.denial.group, found.denial.carc, found.denial.rarc)) == ("CO", "151", ("N362",))
        (cut,) = found.corrections
        assert cut.needs == "that no more than this was given"
        assert [i["quantity"]["value"] for i in report.corrected_by(found, cut)["item"]] == [3, 1]


def test_the_total_follows_also_where_lines_give_no_net() -> None:
    bundle = claim(line("97140", units=3, minutes=30), line("97110", units=1, minutes=15))
    without = varied(bundle, lambda resource: [item.pop("net") for item in resource["item"]])
    mended = corrected(reviewed(without))
    assert mended["item"][0]["quantity"]["value"] == 2
    assert mended["total"]["value"] == 174
