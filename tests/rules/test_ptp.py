"""NCCI pairs: what keeps two services of one encounter apart, and what does not."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from fhir_massage import review
from fhir_massage.facts.book import read_facts
from tests import claims
from tests.claims import TODAY, Json, corrected, grave, line, reviewed, the, varied, with_claim

#: A claim to a plan whose own text says that it follows NCCI.
claim = partial(claims.claim, payer="cigna")


def _manipulation(
    region: str | None, manual: str | None, *modifiers: str, day: str = "2026-11-02", **claims: object
) -> Json:
    """A chiropractor's manipulation with manual therapy beside it."""
    return claim(
        line("98940", minutes=None, region=region, day=day),
        line("97140", region=manual, modifiers=modifiers, day=day),
        profession="chiropractor",
        **claims,  # type: ignore[arg-type]
    )


def _rules(bundle: Json) -> set[str]:
    return {finding.rule for finding in reviewed(bundle).findings}


@pytest.mark.parametrize(
    ("payer", "severity", "certain"),
    [
        ("medicare-part-b", "error", True),
        ("cigna", "error", True),
        ("medicaid", "error", True),
        ("commercial", "warning", False),
        ("auto", "information", False),
        ("workers-compensation", "information", False),
    ],
)
def test_a_pair_weighs_as_much_as_what_says_that_the_payer_follows_ncci(
    payer: str, severity: str, certain: bool
) -> None:
    lines = (
        line("97140", day="2019-12-31", at=("10:00", "10:15"), modifiers=("GP",)),
        line("97530", day="2019-12-31", at=("10:15", "10:30"), modifiers=("GP",)),
    )
    found = the(reviewed(claims.claim(*lines, payer=payer)), "ptp-modifier-missing")
    assert (found.severity, [each.certain for each in found.corrections]) == (severity, [certain])
    assert ("many plans" in found.message) is (severity != "error")


class TestApartByRegion:
    def test_another_region_needs_only_the_modifier(self) -> None:
        bundle = _manipulation("lumbar spine", "cervical spine")
        report = reviewed(bundle)
        found = the(report, "ptp-modifier-missing")
        assert found.expression == ("Claim.item[1].modifier",)
        assert found.denial is not None
        assert (found.denial.group, found.denial.carc) == ("CO", "236")
        (add,) = found.corrections
        assert add.certain
        assert add.label == "Add XS: a separate region was treated"
        assert corrected(report)["item"][1]["modifier"] == [{"coding": [{"code": "XS"}]}]
        assert "ptp-modifier-missing" not in _rules(with_claim(bundle, corrected(report)))

    @pytest.mark.parametrize("modifiers", [(), ("XS",), ("59",)])
    def test_the_same_region_comes_off_whatever_the_modifier(self, modifiers: tuple[str, ...]) -> None:
        report = reviewed(_manipulation("cervical spine", "cervical spine", *modifiers))
        found = the(report, "ptp-same-region")
        assert found.expression == ("Claim.item[1]",)
        assert found.corrections[0].needs == "that 97140 treated no other region"
        after = report.corrected_by(found, found.corrections[0])
        assert [item["productOrService"]["coding"][0]["code"] for item in after["item"]] == ["98940"]
        assert after["total"]["value"] == 58
        assert "ptp-modifier-missing" not in {f.rule for f in report.findings}

    def test_unknown_regions_are_for_a_person_to_tell(self) -> None:
        report = reviewed(_manipulation(None, None, diagnoses=()))
        add, remove = the(report, "ptp-modifier-missing").corrections
        assert add.label.startswith("Add XS")
        assert add.needs is not None
        assert remove.label == "Remove line 2"
        assert remove.needs is not None

    def test_one_diagnosis_for_both_makes_removal_likelier(self) -> None:
        first, second = the(reviewed(_manipulation(None, None)), "ptp-modifier-missing").corrections
        assert first.label == "Remove line 2"
        assert second.needs is not None
        assert second.needs.endswith("(the claim suggests cervical for both)")

    def test_diagnoses_of_other_regions_are_hinted_at(self) -> None:
        bundle = claim(
            line("98940", minutes=None, pointers=(1,)), line("97140", pointers=(2,)),
            profession="chiropractor", diagnoses=("M54.50", "M54.2"),
        )  # fmt: skip
        add = the(reviewed(bundle), "ptp-modifier-missing").corrections[0]
        assert add.label.startswith("Add XS")
        assert add.needs is not None
        assert "cervical" in add.needs

    @pytest.mark.parametrize("modifier", ["59", "XS", "XU"])
    def test_a_modifier_settles_it(self, modifier: str) -> None:
        assert not {"ptp-modifier-missing", "ptp-same-region"} & _rules(_manipulation(None, None, modifier))

    def test_another_modifier_does_not(self) -> None:
        assert "ptp-modifier-missing" in _rules(_manipulation(None, None, "GP"))

    def test_one_open_manipulation_of_two_is_enough(self) -> None:
        bundle = claim(
            line("98940", minutes=None, modifiers=("59",)), line("98940", minutes=None), line("97140"),
            profession="chiropractor",
        )  # fmt: skip
        assert "ptp-modifier-missing" in _rules(bundle)


class TestWhichLineCarriesTheModifier:
    @pytest.mark.parametrize(("day", "settled"), [("2019-06-28", False), ("2019-07-01", True)])
    def test_column_one_counts_since_july_2019(self, day: str, *, settled: bool) -> None:
        bundle = claim(
            line("98940", minutes=None, modifiers=("59",), day=day), line("97140", day=day), profession="chiropractor"
        )
        assert ("ptp-modifier-missing" not in _rules(bundle)) is settled

    @pytest.mark.parametrize("day", ["2019-06-28", "2019-07-01"])
    def test_column_two_always_counts(self, day: str) -> None:
        assert "ptp-modifier-missing" not in _rules(_manipulation(None, None, "59", day=day))


class TestApartByMinutes:
    def _session(self, manual: tuple[str, str] | None, testing: tuple[str, str] | None) -> Json:
        return claim(line("97140", at=manual), line("97750", at=testing))

    def test_other_minutes_need_only_59(self) -> None:
        report = reviewed(self._session(("10:00", "10:15"), ("10:15", "10:30")))
        (add,) = the(report, "ptp-modifier-missing").corrections
        assert add.certain
        assert add.label.startswith("Add 59")
        assert corrected(report)["item"][1]["modifier"][0]["coding"][0]["code"] == "59"

    def test_shared_minutes_are_for_a_person(self) -> None:
        found = the(reviewed(self._session(("10:00", "10:15"), ("10:10", "10:25"))), "ptp-modifier-missing")
        assert not any(correction.certain for correction in found.corrections)

    def test_no_times_leave_two_ways(self) -> None:
        found = the(reviewed(self._session(None, None)), "ptp-modifier-missing")
        assert [correction.certain for correction in found.corrections] == [False, False]

    def test_a_period_without_length_proves_nothing(self) -> None:
        found = the(reviewed(self._session(("10:00", "10:00"), ("10:15", "10:30"))), "ptp-modifier-missing")
        assert not any(correction.certain for correction in found.corrections)


class TestNeverTogether:
    @pytest.mark.parametrize("modifiers", [(), ("59",)])
    def test_massage_beside_manual_therapy(self, modifiers: tuple[str, ...]) -> None:
        report = reviewed(claim(line("97124", modifiers=modifiers), line("97140")))
        found = the(report, "ptp-not-separable")
        assert found.expression == ("Claim.item[0]",)
        assert report.corrected == {}, "a service is never taken off unasked"
        assert [item["sequence"] for item in report.corrected_by(found, found.corrections[0])["item"]] == [2]

    def test_not_before_the_pair(self) -> None:
        bundle = claim(line("97124", day="2015-11-02"), line("97140", day="2015-11-02"))
        assert "ptp-not-separable" not in _rules(bundle)

    def test_each_line_of_column_two(self) -> None:
        report = reviewed(claim(line("97124"), line("97140"), line("97124", modifiers=("76",))))
        found = [f.expression[0] for f in report.findings if f.rule == "ptp-not-separable"]
        assert found == ["Claim.item[0]", "Claim.item[2]"]

    @pytest.mark.parametrize("payer", ["self-pay", "hsa-fsa"])
    def test_payers_that_do_not_follow_ncci(self, payer: str) -> None:
        assert not {r for r in _rules(claim(line("97124"), line("97140"), payer=payer)) if r.startswith("ptp")}

    def test_not_on_two_days(self) -> None:
        bundle = claim(line("97124"), line("97140", day="2026-11-03"))
        assert "ptp-not-separable" not in _rules(bundle)


class TestNothingToKeepApart:
    def test_a_lone_line(self) -> None:
        report = reviewed(claim(line("97140", modifiers=("GP", "59"))))
        found = the(report, "distinct-modifier-unneeded")
        assert found.severity == "information"
        assert found.expression == ("Claim.item[0].modifier",)
        assert found.citations
        assert report.corrected == {}, "its partner may be on another claim"
        after = report.corrected_by(found, found.corrections[0])
        assert after["item"][0]["modifier"] == [{"coding": [{"code": "GP"}]}]

    def test_the_only_modifier_leaves_no_empty_list(self) -> None:
        report = reviewed(claim(line("97140", modifiers=("59",))))
        found = the(report, "distinct-modifier-unneeded")
        assert "modifier" not in report.corrected_by(found, found.corrections[0])["item"][0]

    @pytest.mark.parametrize("partner", ["97124", "98940", "97750"])
    def test_a_pair_is_a_reason(self, partner: str) -> None:
        bundle = claim(line(partner, minutes=None), line("97140", modifiers=("59",)))
        assert "distinct-modifier-unneeded" not in _rules(bundle)

    def test_a_pair_known_only_from_later_is_a_reason(self) -> None:
        bundle = claim(line("97124", day="2020-11-02"), line("97140", modifiers=("59",), day="2020-11-02"))
        assert "distinct-modifier-unneeded" not in _rules(bundle)

    def test_silent_beside_a_code_without_known_pairs(self) -> None:
        bundle = claim(line("99999", minutes=None), line("97140", modifiers=("59",)))
        assert "distinct-modifier-unneeded" not in _rules(bundle)

    def test_the_same_code_twice_may_need_it(self) -> None:
        bundle = claim(line("97140"), line("97140", modifiers=("59",)))
        assert "distinct-modifier-unneeded" not in _rules(bundle)


def test_a_clean_visit_is_silent() -> None:
    bundle = _manipulation("lumbar spine", "cervical spine", "XS")
    assert not [rule for rule in grave(reviewed(bundle)) if rule.startswith(("ptp", "distinct"))]


class TestSitesKnownInPart:
    """A site that the facts do not know proves nothing apart, and hides no region that is shared."""

    def _claim(self, *manual: str) -> Json:
        bundle = _manipulation("lumbar spine", manual[0])
        return varied(bundle, lambda c: c["item"][1].update(subSite=[{"text": site} for site in manual[1:]]))

    def test_an_unknown_site_leaves_it_open(self) -> None:
        found = the(reviewed(self._claim("neck", "somewhere else")), "ptp-modifier-missing")
        assert not any(correction.certain for correction in found.corrections)

    def test_a_shared_region_is_shared_all_the_same(self) -> None:
        assert the(reviewed(self._claim("low back", "somewhere else")), "ptp-same-region").corrections[0].needs

    def test_a_side_is_no_site(self) -> None:
        assert the(reviewed(self._claim("neck", "left")), "ptp-modifier-missing").corrections[0].certain


class TestWhoFollowsNcci:
    def test_all_insurers_unless_a_policy_says_otherwise(self) -> None:
        """Nothing in VA's policy speaks of NCCI before June 2019; it is an insurer all the same."""
        bundle = _manipulation(None, None, day="2018-06-04", payer="veterans-affairs")
        assert "ptp-modifier-missing" in _rules(bundle)

    def test_59_where_the_payer_wants_it(self, tmp_path: Path) -> None:
        (tmp_path / "commercial.toml").write_text(
            """
            payer = "commercial"
            title = "Commercial"
            class = "commercial"
            sources = { own = { title = "a letter", url = "https://example.org/letter" } }
            [[distinct_modifier]]
            value = "59"
            effective = 2015-01-01
            source = "own"
            section = "page 1"
            checked = 2026-11-23
            """
        )
        report = review(_manipulation("lumbar spine", "neck"), on=TODAY, facts=read_facts(tmp_path))
        (add,) = the(report, "ptp-modifier-missing").corrections
        assert add.label == "Add 59: a separate region was treated"


class TestManualTherapyWithTherapeuticActivities:
    """97140 and 97530 were a pair to the end of 2019."""

    def _session(self, day: str, *modifiers: str) -> Json:
        return claim(
            line("97140", day=day, at=("10:00", "10:15")),
            line("97530", day=day, at=("10:15", "10:30"), modifiers=modifiers),
        )

    def test_to_the_last_day_of_2019(self) -> None:
        found = the(reviewed(self._session("2019-12-31")), "ptp-modifier-missing")
        assert found.expression == ("Claim.item[1].modifier",)
        assert [(c.label, c.certain) for c in found.corrections] == [
            ("Add 59: it took other minutes of the session", True)
        ]

    def test_not_after_it_and_a_modifier_does_no_harm(self) -> None:
        """Payers that keep copies of their own still edit it, so 59 is not called needless."""
        assert not {r for r in _rules(self._session("2020-01-02")) if r.startswith(("ptp", "distinct"))}
        assert not {r for r in _rules(self._session("2026-11-02", "59")) if r.startswith(("ptp", "distinct"))}


def test_at_risk_is_what_the_bundled_line_charges() -> None:
    bundle = claim(
        line("98941", minutes=None, region="neck"), line("97124", units=2, minutes=30, region="neck", price="41.25"),
        profession="chiropractor",
    )  # fmt: skip
    found = the(reviewed(bundle), "ptp-same-region")
    assert found.at_risk == Decimal("82.5")
    assert found.severity == "error"
