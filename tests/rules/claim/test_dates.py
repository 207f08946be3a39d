"""Dates of service: one for each line, none ahead, and none too long ago for the payer."""

from __future__ import annotations

from datetime import date

import pytest

from tests.claims import Json, claim, grave, line, reviewed, the, varied


def _undated(claim: Json) -> None:
    del claim["item"][0]["servicedDate"]


def _dated(text: str, created: str | None = None) -> Json:
    def change(claim: Json) -> None:
        claim["item"][0]["servicedDate"] = text
        if created is not None:
            claim["created"] = created

    return varied(claim(), change)


class TestMissing:
    def test_a_line_without_a_date(self) -> None:
        report = reviewed(varied(claim(), _undated))
        found = the(report, "service-date-missing")
        assert found.expression == ("Claim.item[0].servicedDate",)
        assert found.message == "Line 1 (97140): it has no date of service."
        assert found.denial is not None
        assert found.denial.carc == "16"
        assert found.citations

    @pytest.mark.parametrize("partial", ["2026", "2026-11"])
    def test_a_date_that_names_no_day(self, partial: str) -> None:
        found = the(reviewed(_dated(partial)), "service-date-missing")
        assert found.message == f"Line 1 (97140): its date, {partial}, names no day."

    def test_each_line_is_told_of(self) -> None:
        def undated(claim: Json) -> None:
            for item in claim["item"]:
                del item["servicedDate"]

        report = reviewed(varied(claim(line("97140"), line("97110")), undated))
        missing = [f.expression[0] for f in report.findings if f.rule == "service-date-missing"]
        assert missing == ["Claim.item[0].servicedDate", "Claim.item[1].servicedDate"]

    def test_the_claims_own_day_serves(self) -> None:
        def billed(claim: Json) -> None:
            _undated(claim)
            claim["billablePeriod"] = {"start": "2026-11-02", "end": "2026-11-02"}

        assert grave(reviewed(varied(claim(), billed))) == []

    def test_a_claim_of_several_days_does_not(self) -> None:
        def billed(claim: Json) -> None:
            _undated(claim)
            claim["billablePeriod"] = {"start": "2026-11-01", "end": "2026-11-02"}

        the(reviewed(varied(claim(), billed)), "service-date-missing")


class TestAhead:
    def test_a_service_after_the_day_of_review(self) -> None:
        found = the(reviewed(_dated("2026-11-11", created="2026-11-11")), "service-date-invalid")
        assert found.expression == ("Claim.item[0].servicedDate",)
        assert "later than the day of this review, 2026-11-10" in found.message
        assert found.denial is not None
        assert found.denial.carc == "110"

    def test_a_service_after_the_claim(self) -> None:
        found = the(reviewed(_dated("2026-11-04")), "service-date-invalid")
        assert "later than the claim itself, which was created on 2026-11-03" in found.message

    def test_a_service_on_both_days_is_right(self) -> None:
        assert grave(reviewed(_dated("2026-11-10", created="2026-11-10"))) == []

    def test_the_claims_own_day_is_told_of_once(self) -> None:
        def ahead(claim: Json) -> None:
            for item in claim["item"]:
                del item["servicedDate"]
            claim["billablePeriod"] = {"start": "2026-11-04", "end": "2026-11-04"}

        bundle = varied(claim(line("97140"), line("97110")), ahead)
        assert the(reviewed(bundle), "service-date-invalid").expression == ("Claim.billablePeriod",)


class TestTimelyFiling:
    @pytest.mark.parametrize(
        ("day", "created", "late"),
        [
            ("2025-11-03", "2026-11-03", False),
            ("2025-11-02", "2026-11-03", True),
            ("2024-02-29", "2025-02-28", False),
            ("2024-02-29", "2025-03-01", True),
        ],
    )
    def test_medicare_gives_a_calendar_year(self, day: str, created: str, late: bool) -> None:
        bundle = claim(line("97140", modifiers=("GP",), day=day), payer="medicare-part-b")
        report = reviewed(varied(bundle, lambda c: c.update(created=created)))
        assert grave(report) == (["timely-filing-exceeded"] if late else [])

    def test_a_limit_of_days(self) -> None:
        def of(day: str) -> list[str]:
            bundle = claim(line("97124", day=day), payer="veterans-affairs", profession="massage-therapist")
            referred = varied(bundle, _since_spring, "ServiceRequest")
            return grave(reviewed(varied(referred, lambda c: c.update(created="2026-11-03"))))

        assert of("2026-05-07") == []
        assert of("2026-05-06") == ["timely-filing-exceeded"]

    def test_the_finding_tells_until_when_and_what_is_lost(self) -> None:
        bundle = claim(
            line("97140", modifiers=("GP",), day="2025-09-01"),
            line("97110", modifiers=("GP",), day="2025-09-08", price="40.00"),
            payer="medicare-part-b",
        )
        found = the(reviewed(bundle), "timely-filing-exceeded")
        assert found.expression == ("Claim.created",)
        assert "a service of 2025-09-01 only until 2026-09-01 (2 lines are late)" in found.message
        assert found.at_risk == 98

    def test_no_limit_known_no_finding(self) -> None:
        assert grave(reviewed(claim(line("97124", day="2021-01-04"), payer="self-pay"))) == []

    def test_a_claim_without_a_date_of_its_own(self) -> None:
        bundle = claim(line("97140", modifiers=("GP",), day="2020-06-01"), payer="medicare-part-b")
        assert "timely-filing-exceeded" not in grave(reviewed(varied(bundle, lambda c: c.pop("created"))))


def _since_spring(referral: Json) -> None:
    referral["authoredOn"] = "2026-05-01"
    referral["occurrencePeriod"] = {"start": "2026-05-01", "end": "2026-11-30"}


def test_the_day_of_review_is_passed_in() -> None:
    assert grave(reviewed(claim(), on=date(2026, 11, 3))) == []
    assert grave(reviewed(claim(), on=date(2026, 11, 1))) == ["service-date-invalid"]
