"""What rules see of a claim's lines, row by row of the table "Reading FHIR R4"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.facts.book import shipped
from tests.claims import TAXONOMY, TODAY, Json, claim, concept, line, resource, reviewed, varied

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SNOMED = "http://snomed.info/sct"


def _case(bundle: Json) -> ClaimCase:
    found = reviewed(bundle).cases["Claim/c1"]
    assert isinstance(found, ClaimCase)
    return found


def _line(change: Callable[[Json], object], **given: Any) -> Line:
    """The first line of a claim for 97140, with the claim changed."""
    return _case(varied(claim(line("97140", **given), line("97124")), change)).lines[0]


def _item(**elements: Any) -> Callable[[Json], object]:
    """A change of elements of the first line; ``None`` takes one away."""

    def change(claim: Json) -> None:
        item = claim["item"][0]
        for key, value in elements.items():
            item.pop(key, None)
            if value is not None:
                item[key] = value

    return change


class TestProcedureCode:
    @pytest.mark.parametrize(
        "system",
        [
            CPT,
            "urn:oid:2.16.840.1.113883.6.12",
            HCPCS,
            HCPCS.replace("http:", "https:"),
            "http://terminology.hl7.org/CodeSystem/HCPCS",
            "urn:oid:2.16.840.1.113883.6.285",
        ],
    )
    def test_of_each_system(self, system: str) -> None:
        coding = [{"system": "http://local.example.org", "code": "97124"}, {"system": system, "code": "97140"}]
        assert _line(_item(productOrService={"coding": coding})).code == "97140"

    @pytest.mark.parametrize(
        ("codings", "code"),
        [
            ([{"code": "massage"}, {"code": "97140"}], "97140"),
            ([{"code": "g0283"}], "G0283"),
            ([{"code": "97124"}, {"system": CPT, "code": "97140"}], "97140"),
            ([{"code": "9714"}], None),
            ([{"system": "http://local.example.org", "code": "97140"}], "97140"),
            ([{"system": "https://bluebutton.cms.gov/resources/codesystem/hcpcs", "code": "97140"}], "97140"),
            ([{"system": "https://www.ama-assn.org/go/cpt/", "code": "97140"}], "97140"),
            ([{"system": "2.16.840.1.113883.6.12", "code": "97140"}], "97140"),
            ([{"system": "CPT", "code": "97140-59"}], "97140"),
            ([{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "97140"}], None),
            ([{"system": SNOMED, "code": "387854002"}], None),
        ],
    )
    def test_without_a_known_system_by_its_shape(self, codings: list[Json], code: str | None) -> None:
        assert _line(_item(productOrService={"coding": codings})).code == code


class TestModifiers:
    def test_upper_case_and_in_order(self) -> None:
        given = [{"coding": [{"code": "gp"}]}, {"coding": [{"code": " xs "}, {"code": "Kx"}]}]
        assert _line(_item(modifier=given)).modifiers == ("GP", "XS", "KX")


class TestUnits:
    @pytest.mark.parametrize(
        "unit", [{}, {"code": "1"}, {"unit": "UN"}, {"code": "{unit}"}, {"unit": "units", "code": "1"}]
    )
    def test_a_count(self, unit: Json) -> None:
        assert _line(_item(quantity={"value": 2, **unit})).units == 2

    @pytest.mark.parametrize("unit", [{"code": "min"}, {"unit": "min"}, {"code": "h"}, {"code": "kg"}])
    def test_no_count(self, unit: Json) -> None:
        assert _line(_item(quantity={"value": 30, **unit})).units is None


class TestMinutes:
    def _with_all(self, *kept: str) -> Line:
        """A line whose four sources say 10, 20, 30 and 40 minutes, with some of them left."""

        def change(claim: Json) -> None:
            item = claim["item"][0]
            claim["supportingInfo"][0]["valueQuantity"]["value"] = 10
            item.pop("servicedDate")
            item["servicedPeriod"] = {"start": "2026-11-02T10:00:00Z", "end": "2026-11-02T10:20:00Z"}
            claim["procedure"] = [{"sequence": 7, "procedureReference": {"reference": "Procedure/done"}}]
            item["procedureSequence"] = [7]
            item["quantity"] = {"value": 40, "code": "min", "system": "http://unitsofmeasure.org"}
            if "supportingInfo" not in kept:
                item.pop("informationSequence")
            if "servicedPeriod" not in kept:
                item["servicedPeriod"] = {"start": "2026-11-02", "end": "2026-11-02"}
            if "procedure" not in kept:
                item.pop("procedureSequence")
            if "quantity" not in kept:
                item["quantity"] = {"value": 1}

        bundle = claim(line("97140"))
        done = {
            "resourceType": "Procedure",
            "id": "done",
            "status": "completed",
            "performedPeriod": {"start": "2026-11-02T10:00:00-05:00", "end": "2026-11-02T10:30:00-05:00"},
        }
        bundle["entry"].append({"fullUrl": "http://ehr.example.org/fhir/Procedure/done", "resource": done})
        return _case(varied(bundle, change)).lines[0]

    @pytest.mark.parametrize(
        ("kept", "minutes"),
        [
            (("supportingInfo", "servicedPeriod", "procedure", "quantity"), 10),
            (("servicedPeriod", "procedure", "quantity"), 20),
            (("procedure", "quantity"), 30),
            (("quantity",), 40),
            ((), None),
        ],
    )
    def test_in_their_order(self, kept: tuple[str, ...], minutes: int | None) -> None:
        assert self._with_all(*kept).minutes == minutes

    def test_in_minutes_the_units_are_not_known(self) -> None:
        assert self._with_all("quantity").units is None

    @pytest.mark.parametrize(
        ("quantity", "minutes"),
        [
            ({"value": 0.5, "code": "h"}, 30),
            ({"value": 25, "unit": "min"}, 25),
            ({"value": 2, "code": "{session}"}, None),
            ({"value": -5, "code": "min"}, None),
        ],
    )
    def test_of_supporting_information(self, quantity: Json, minutes: float | None) -> None:
        given = _line(lambda c: c["supportingInfo"][0].update(valueQuantity=quantity))
        assert given.minutes == minutes

    def test_only_supporting_information_that_the_line_names(self) -> None:
        assert _line(_item(informationSequence=None)).minutes is None
        assert _line(_item(informationSequence=[9])).minutes is None

    @pytest.mark.parametrize(
        ("start", "end", "minutes"),
        [
            ("2026-11-02T10:00:00-05:00", "2026-11-02T10:25:00-05:00", 25),
            ("2026-11-02T10:00:00", "2026-11-02T10:25:00", 25),
            ("2026-11-02T10:00:00-05:00", "2026-11-02T15:25:00Z", 25),
            # The clocks go back at 2:00: 1:50 and 1:05 are a quarter of an hour apart.
            ("2026-11-01T01:50:00-04:00", "2026-11-01T01:05:00-05:00", 15),
            # They go forward at 2:00: 1:50 and 3:05 as well.
            ("2026-03-08T01:50:00-05:00", "2026-03-08T03:05:00-04:00", 15),
            ("2026-11-02T23:50:00-05:00", "2026-11-03T00:05:00-05:00", 15),
            ("2026-11-02T10:00:00-05:00", "2026-11-02", None),
            ("2026-11-02", "2026-11-02T10:25:00-05:00", None),
            ("2026-11-02T10:00:00-05:00", "2026-11-02T10:25:00", None),
            ("2026-11-02T10:25:00Z", "2026-11-02T10:00:00Z", None),
        ],
    )
    def test_of_a_period_with_both_times(self, start: str, end: str, minutes: int | None) -> None:
        given = _line(_item(servicedDate=None, informationSequence=None, servicedPeriod={"start": start, "end": end}))
        assert given.minutes == minutes


class TestServiceDate:
    @pytest.mark.parametrize(
        ("elements", "day"),
        [
            ({"servicedDate": "2026-10-30"}, date(2026, 10, 30)),
            ({"servicedPeriod": {"start": "2026-10-30", "end": "2026-10-31"}}, date(2026, 10, 30)),
            ({"servicedPeriod": {"start": "2026-10-30T23:30:00-05:00"}}, date(2026, 10, 30)),
            ({}, date(2026, 11, 2)),
        ],
    )
    def test_of_the_line_before_the_claims(self, elements: Json, day: date) -> None:
        def change(claim: Json) -> None:
            claim["billablePeriod"] = {"start": "2026-11-02", "end": "2026-11-02"}
            _item(**{"servicedDate": None, **elements})(claim)

        assert _line(change).day == day

    @pytest.mark.parametrize(
        ("period", "day"),
        [
            ({"start": "2026-11-02T08:00:00Z", "end": "2026-11-02T18:00:00Z"}, date(2026, 11, 2)),
            ({"start": "2026-11-02", "end": "2026-11-03"}, None),
            ({"start": "2026-11-02"}, date(2026, 11, 2)),
            ({"start": "2026-11", "end": "2026-11"}, None),
        ],
    )
    def test_of_the_claim_when_it_is_one_day(self, period: Json, day: date | None) -> None:
        def change(claim: Json) -> None:
            claim["billablePeriod"] = period
            _item(servicedDate=None)(claim)

        assert _line(change).day == day


class TestRegions:
    @pytest.mark.parametrize(
        ("elements", "regions", "all_known"),
        [
            ({"bodySite": concept("122494005", SNOMED)}, {"cervical"}, True),
            ({"bodySite": {"text": " Cervical  Spine "}}, {"cervical"}, True),
            ({"bodySite": {"text": "neck"}, "subSite": [{"text": "lumbar spine"}]}, {"cervical", "lumbar"}, True),
            ({"subSite": [{"text": "lumbar spine"}]}, {"lumbar"}, True),
            ({"bodySite": {"text": "neck"}, "subSite": [{"text": "Left"}]}, {"cervical"}, True),
            ({"bodySite": {"text": "neck"}, "subSite": [concept("24028007", SNOMED)]}, {"cervical"}, True),
            ({"bodySite": {"text": "neck"}, "subSite": [{"text": "elsewhere"}]}, {"cervical"}, False),
            ({"bodySite": {"text": "elsewhere"}}, set(), False),
            ({}, set(), True),
        ],
    )
    def test_of_sites(self, elements: Json, regions: set[str], *, all_known: bool) -> None:
        found = _line(_item(**elements))
        assert (found.regions, found.all_sites_known) == (regions, all_known)

    @pytest.mark.parametrize(
        ("diagnosis", "hint"),
        [("M99.01", "cervical"), ("M9901", "cervical"), ("M54.2", "cervical"), ("M54.50", "lumbar"), ("R52", None)],
    )
    def test_diagnoses_only_hint(self, diagnosis: str, hint: str | None) -> None:
        found = _case(claim(line("97140"), diagnoses=(diagnosis,))).lines[0]
        assert found.hints == ({hint} if hint else set())
        assert not found.regions

    def test_a_diagnosis_behind_a_condition(self) -> None:
        bundle = claim(line("97140"))
        condition = {
            "resourceType": "Condition",
            "id": "pain",
            "code": concept("M542", "http://hl7.org/fhir/sid/icd-10-cm"),
        }
        bundle["entry"].append({"fullUrl": "urn:uuid:5c1f6f0e-3f41-4b43-9b33-9c8a5a1f4d11", "resource": condition})

        def change(claim: Json) -> None:
            reference = {"reference": "urn:uuid:5c1f6f0e-3f41-4b43-9b33-9c8a5a1f4d11"}
            claim["diagnosis"] = [{"sequence": 1, "diagnosisReference": reference}]

        (found,) = _case(varied(bundle, change)).lines[0].diagnoses
        assert found.code == "M54.2"


class TestWhoRendered:
    def _member(self, sequence: int, name: str, profession: str, **more: Any) -> Json:
        return {
            "sequence": sequence,
            "provider": {"reference": f"Practitioner/{name}"},
            "qualification": concept(TAXONOMY[profession], "http://nucc.org/provider-taxonomy"),
            **more,
        }

    def _profession(self, named: list[int] | None, *team: Json) -> str | None:
        def change(claim: Json) -> None:
            claim["careTeam"] = list(team)
            _item(careTeamSequence=named)(claim)
            if not team:
                del claim["careTeam"]
                claim["provider"] = {"reference": "Practitioner/biller"}

        bundle = claim(line("97140"))
        code = concept(TAXONOMY["chiropractor"], "http://nucc.org/provider-taxonomy")
        biller = {"resourceType": "Practitioner", "id": "biller", "qualification": [{"code": code}]}
        bundle["entry"].append({"fullUrl": "http://ehr.example.org/fhir/Practitioner/biller", "resource": biller})
        return _case(varied(bundle, change)).lines[0].provider.profession

    def test_in_their_order(self) -> None:
        massage = self._member(1, "a", "massage-therapist")
        physical = self._member(2, "b", "physical-therapist")
        responsible = self._member(3, "c", "physician", responsible=True)
        assert self._profession([2], massage, physical, responsible) == "physical-therapist"
        assert self._profession(None, massage) == "massage-therapist"
        assert self._profession(None, massage, physical, responsible) == "physician"
        assert self._profession(None, massage, physical) is None, "the clinic bills, whose profession nobody names"
        assert self._profession(None) == "chiropractor"


class TestTheSameEncounter:
    def _encounters(self, first: Json, second: Json, *more: Json) -> int:
        """How many encounters two lines of one day make, given who is named as rendering each."""

        def change(claim: Json) -> None:
            claim["careTeam"] = [{"sequence": 1, "provider": first}, {"sequence": 2, "provider": second}]
            claim["item"][1]["careTeamSequence"] = [2]

        bundle = claim(line("97140"), line("97110"))
        bundle["entry"] += [{"resource": each} for each in more]
        return len(_case(varied(bundle, change)).encounters)

    def test_by_reference(self) -> None:
        assert self._encounters({"reference": "Practitioner/x"}, {"reference": "Practitioner/x"}) == 1
        assert self._encounters({"reference": "Practitioner/x"}, {"reference": "Practitioner/y"}) == 2

    def test_by_npi(self) -> None:
        npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}
        role = {
            "resourceType": "PractitionerRole",
            "id": "role",
            "practitioner": {"reference": "Practitioner/therapist"},
        }
        assert self._encounters({"reference": "Practitioner/therapist"}, {"identifier": npi}) == 1
        assert (
            self._encounters({"reference": "Practitioner/therapist"}, {"reference": "PractitionerRole/role"}, role) == 1
        )
        assert (
            self._encounters({"reference": "Practitioner/x", "identifier": npi}, {"reference": "Practitioner/x"}) == 1
        )

    def test_a_bare_reference_before_the_one_with_the_npi(self) -> None:
        npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}
        bare, named = {"reference": "Practitioner/x"}, {"reference": "Practitioner/x", "identifier": npi}
        assert self._encounters(bare, named) == 1

    def test_not_on_two_days(self) -> None:
        assert len(_case(claim(line("97140"), line("97110", day="2026-11-03"))).encounters) == 2


def test_a_payer_nobody_knows_leaves_only_what_holds_for_all() -> None:
    """Overlap, whole units and modifiers are looked at; counting, NCCI and therapy modifiers are not."""
    bundle = claim(
        line("97140", units=9, minutes=15, modifiers=("GP", "GP")), line("97124", minutes=15), payer="commercial"
    )
    coverage = resource(bundle, "Coverage")
    coverage.pop("type")
    coverage["payor"] = [{"display": "Who Knows"}]
    rules = {finding.rule for finding in reviewed(bundle, TODAY).findings}
    assert {"payer-unrecognised", "modifier-invalid"} <= rules
    assert not {rule for rule in rules if rule.startswith(("units", "ptp", "therapy"))}
    assert shipped().policy("commercial", TODAY) is not None
