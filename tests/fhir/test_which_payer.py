"""Which payer a claim goes to: whose coverage counts, and the three steps that tell its class."""

from __future__ import annotations

import pytest

from fhir_massage.case.seen import ClaimCase
from tests.claims import Json, claim, line, resource, reviewed, varied

SOPT = "https://nahdo.org/sopt"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SELF = "http://terminology.hl7.org/CodeSystem/coverage-selfpay"


def payer_class(content: Json) -> str | None:
    """The class of the payer that the rules see."""
    case = reviewed(content).cases["Claim/c1"]
    assert isinstance(case, ClaimCase)
    return case.payer_class


def of_type(*codings: tuple[str | None, str], name: str = "A plan nobody knows") -> Json:
    """A claim whose coverage has these codes as its type."""
    kind = [{"code": code} | ({"system": system} if system else {}) for system, code in codings]
    return varied(
        claim(line("97140")), lambda c: c.update(type={"coding": kind}, payor=[{"display": name}]), "Coverage"
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("11", "medicare-advantage"),
        ("111", "medicare-advantage"),
        ("112", "medicare-advantage"),
        ("119", "medicare-advantage"),
        ("12", "medicare-part-b"),
        ("121", "medicare-part-b"),
        ("122", None),
        ("14", "medicare-advantage"),
        ("2", "medicaid"),
        ("219", "medicaid"),
        ("311", "tricare"),
        ("3119", "tricare"),
        ("32", "veterans-affairs"),
        ("32121", "veterans-affairs"),
        ("5", "commercial"),
        ("512", "commercial"),
        ("6", "commercial"),
        ("611", "commercial"),
        ("7", "commercial"),
        ("79", "commercial"),
        ("81", "self-pay"),
        ("95", "workers-compensation"),
        ("951", "workers-compensation"),
        ("96", "auto"),
        ("1", "medicare-part-b"),
        ("3221", None),
        ("3114", "tricare"),
        ("3", None),
        ("33", None),
        ("4", None),
        ("8", None),
        ("82", None),
        ("9", None),
        ("98", None),
        ("ZZZ", None),
    ],
)
def test_payment_typology_by_its_longest_prefix(code: str, expected: str | None) -> None:
    assert payer_class(of_type((SOPT, code))) == expected


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (ACT, "AUTOPOL", "auto"),
        (ACT, "WCBPOL", "workers-compensation"),
        (ACT, "EHCPOL", "commercial"),
        (ACT, "HMO", "commercial"),
        (ACT, "PPO", "commercial"),
        (ACT, "HSAPOL", "hsa-fsa"),
        (ACT, "PUBLICPOL", None),
        (SELF, "pay", "self-pay"),
        ("http://example.org/plans", "PPO", None),
    ],
)
def test_then_the_type_of_hl7(system: str, code: str, expected: str | None) -> None:
    assert payer_class(of_type((system, code))) == expected


def test_the_typology_goes_ahead_of_hl7s_type_wherever_it_stands() -> None:
    assert payer_class(of_type((ACT, "PPO"), (SOPT, "12"))) == "medicare-part-b"
    assert payer_class(of_type((ACT, "PPO"), (SOPT, "9"))) == "commercial"


@pytest.mark.parametrize(
    ("name", "typology", "expected"),
    [
        ("Medicare Part B", "5", "medicare-part-b"),
        ("TRICARE", "5", "tricare"),
        ("Medicaid", "12", "medicaid"),
        ("medicare   part b", "5", "medicare-part-b"),
    ],
)
def test_the_payors_name_goes_ahead_of_the_type(name: str, typology: str, expected: str) -> None:
    assert payer_class(of_type((SOPT, typology), name=name)) == expected


def test_an_insurers_plan_is_of_the_class_that_its_type_says() -> None:
    assert payer_class(of_type((SOPT, "5"), name="Aetna")) == "commercial"
    assert payer_class(of_type((SOPT, "111"), name="Aetna")) == "medicare-advantage"
    assert payer_class(of_type(name="Aetna")) == "commercial"


def test_a_payor_is_known_by_its_identifier_too() -> None:
    content = of_type((SOPT, "9"))
    resource(content, "Coverage")["payor"] = [{"identifier": {"value": "60054"}}]
    case = reviewed(content).cases["Claim/c1"]
    assert case.payer == "aetna"


def insured(*slots: tuple[int, bool | None, str]) -> Json:
    """A claim with insurances of this sequence, focal or not, and typology."""
    content = claim(line("97140"))
    first = resource(content, "Coverage")
    content["entry"] += [
        {"resource": {**first, "id": f"plan{n}", "type": {"coding": [{"system": SOPT, "code": code}]}, "payor": []}}
        for n, (_, _, code) in enumerate(slots)
    ]

    def change(claim: Json) -> None:
        claim["insurance"] = [
            {"sequence": sequence, "coverage": {"reference": f"Coverage/plan{n}"}}
            | ({} if focal is None else {"focal": focal})
            for n, (sequence, focal, _) in enumerate(slots)
        ]

    return varied(content, change)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([(1, False, "12"), (2, True, "2")], "medicaid"),
        ([(2, False, "12"), (1, False, "2")], "medicaid"),
        ([(2, None, "12"), (1, None, "2")], "medicaid"),
        ([(1, None, "12"), (2, None, "2")], "medicare-part-b"),
    ],
)
def test_the_focal_coverage_counts_else_the_lowest_sequence(
    slots: list[tuple[int, bool | None, str]], expected: str
) -> None:
    assert payer_class(insured(*slots)) == expected


@pytest.mark.parametrize("kept", [1, 2])
def test_the_authorization_is_that_of_the_focal_insurance(kept: int) -> None:
    content = insured((1, False, "5"), (2, True, "32"))
    resource(content, "Claim")["insurance"][kept - 1]["preAuthRef"] = ["VA1"]
    rules = [finding.rule for finding in reviewed(content).findings]
    assert ("authorization-missing" in rules) is (kept == 1)


def described(payor: str = "", text: str = "", code: str = "", **classes: str) -> Json:
    """A claim whose coverage is described in words: payor, plan, group and type."""
    kind: Json = {"text": text} if text else {}
    if code:
        kind["coding"] = [{"system": SOPT, "code": code}]
    named = [{"type": {"coding": [{"code": each}]}, "value": value} for each, value in classes.items()]
    payors = [{"display": payor}] if payor else []
    return varied(claim(line("97140")), lambda c: c.update({"type": kind, "payor": payors, "class": named}), "Coverage")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Medicare", "medicare-part-b"),
        ("Workers Comp", "workers-compensation"),
        ("Auto", "auto"),
        ("VA", "veterans-affairs"),
        ("TRICARE", "tricare"),
        ("Medicaid HMO", "medicaid"),
        ("Commercial insurance", "commercial"),
        ("Plan", None),
    ],
)
def test_a_type_in_words_alone_tells(text: str, expected: str | None) -> None:
    assert payer_class(described(text=text)) == expected


@pytest.mark.parametrize(
    ("payor", "classes", "expected"),
    [
        ("", {"plan": "MEDICARE PART B"}, "medicare-part-b"),
        ("", {"group": "MEDICARE HMO PLAN"}, "medicare-advantage"),
        ("", {"plan": "Medicare Part A/B/D"}, "medicare-part-b"),
        ("Humana", {"plan": "Medicare PPO"}, "medicare-advantage"),
        ("Humana", {"plan": "Medicare"}, "medicare-advantage"),
        ("UnitedHealthcare", {"plan": "Community Plan"}, "medicaid"),
        ("UnitedHealthcare", {"plan": "Dual Complete"}, "medicare-advantage"),
        ("Centers for Medicare and Medicaid Services", {"plan": "Part C"}, "medicare-advantage"),
        ("Department of Veterans Affairs", {"plan": "CHAMPVA"}, None),
        ("Aetna", {"group": "State Farm"}, "commercial"),
        ("Aetna", {"group": "Progressive"}, "commercial"),
        ("TRICARE", {"group": "Medicare"}, "tricare"),
        ("Aetna", {"rxbin": "Medicare"}, "commercial"),
    ],
)
def test_the_plan_and_group_of_a_coverage_tell(payor: str, classes: dict[str, str], expected: str | None) -> None:
    assert payer_class(described(payor, **classes)) == expected


@pytest.mark.parametrize(
    ("payor", "code", "expected"),
    [
        ("Humana", "111", "medicare-advantage"),
        ("Molina", "211", "medicaid"),
        ("Molina", "5", "commercial"),
        ("Liberty Mutual", "95", "workers-compensation"),
        ("Wellcare", "211", "medicaid"),
        ("CHAMPVA", "32", None),
        ("Department of Veterans Affairs", "3221", None),
        ("Noridian Medicare", "5", "medicare-part-b"),
    ],
)
def test_an_insurers_plan_is_told_by_its_type_and_a_programme_by_its_name(
    payor: str, code: str, expected: str | None
) -> None:
    assert payer_class(described(payor, code=code)) == expected


@pytest.mark.parametrize(("value", "expected"), [("Noridian Medicare Part B", "medicare-part-b"), ("MC0012", None)])
def test_an_identifier_that_is_a_name_tells_as_one(value: str, expected: str | None) -> None:
    content = described()
    resource(content, "Coverage")["payor"] = [{"identifier": {"value": value}}]
    assert payer_class(content) == expected
