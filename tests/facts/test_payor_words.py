"""Payers by the words in a name, as practice systems hold it."""

from __future__ import annotations

import csv
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_massage.case.payer import payer_named
from fhir_massage.facts.book import shipped
from fhir_massage.facts.load import SHIPPED
from fhir_massage.facts.rows import PAYOR_WORD_KINDS
from fhir_massage.read.elements import Reference
from tests.claims import claim, line, resource, reviewed

DAY = date(2026, 11, 2)
FURTHER_NAMES = Path(__file__).with_name("payor_names.csv")

NAMES: dict[str, str] = {
    # as practice systems hold them
    "MEDICARE PART B": "medicare-part-b",
    "NORIDIAN JF MEDICARE PART B": "medicare-part-b",
    "National Government Services": "medicare-part-b",
    "Railroad Medicare": "medicare-part-b",
    "Medicare of Washington": "medicare-part-b",
    "AARP Medicare Advantage (UnitedHealthcare)": "medicare-advantage",
    "Humana Medicare": "medicare-advantage",
    "Cigna HealthSpring": "medicare-advantage",
    "Wellcare": "medicare-advantage",
    "Medicare Advantage - Molina": "medicare-advantage",
    "VA CCN Optum": "veterans-affairs",
    "VACCN": "veterans-affairs",
    "VA Community Care Network": "veterans-affairs",
    "VA Fee Basis": "veterans-affairs",
    "TRICARE": "tricare",
    "HUMANA MILITARY TRICARE EAST": "tricare",
    "Health Net Federal Services": "tricare",
    "BCBS of Texas": "commercial",
    "Anthem BCBS": "anthem-blue-cross",
    "UNITED HEALTH CARE": "unitedhealthcare",
    "AETNA PPO": "aetna",
    "Kaiser Permanente": "commercial",
    "Regence": "regence-blueshield",
    "Moda Health": "commercial",
    "Lifewise": "premera-blue-cross",
    "Oscar": "commercial",
    "GEICO": "auto",
    "USAA": "auto",
    "Safeco": "auto",
    "PIP": "auto",
    "Labor and Industries": "washington-labor-industries",
    "SEDGWICK CMS": "workers-compensation",
    "Workers Compensation": "workers-compensation",
    "US Department of Labor OWCP": "workers-compensation",
    "Liberty Mutual Workers Comp": "workers-compensation",
    "Apple Health": "washington-apple-health",
    "Coordinated Care Apple Health": "washington-apple-health",
    "Medi-Cal": "medicaid",
    "UnitedHealthcare Community Plan": "medicaid",
    "Health Share of Oregon": "oregon-health-plan",
    # Medicare, its contractors and its plans
    "Medicare": "medicare-part-b",
    "Medicare Part A and B": "medicare-part-b",
    "Medicare A & B": "medicare-part-b",
    "WPS GHA Medicare": "medicare-part-b",
    "NGS Medicare": "medicare-part-b",
    "Palmetto Medicare": "medicare-part-b",
    "Palmetto GBA Railroad Medicare": "medicare-part-b",
    "Novitas Solutions JH Part B": "medicare-part-b",
    "CGS Medicare Part B": "medicare-part-b",
    "First Coast Service Options": "medicare-part-b",
    "BCBS of Kansas Medicare Part B": "medicare-part-b",
    "Medicare Part A/B/D": "medicare-part-b",
    "UHC Medicare Advantage": "medicare-advantage",
    "Humana Gold Plus": "medicare-advantage",
    "Medicare Part C (Medicare Advantage)": "medicare-advantage",
    "Blue Medicare HMO": "medicare-advantage",
    "Molina Medicare": "medicare-advantage",
    "UHC Dual Complete": "medicare-advantage",
    "UnitedHealthcare Community Plan Dual Complete": "medicare-advantage",
    "Molina HMO D-SNP": "medicare-advantage",
    # programmes
    "OPTUM VACCN": "veterans-affairs",
    "TRIWEST VA CCN REGION 4": "veterans-affairs",
    "TriWest VA": "veterans-affairs",
    "VHA Office of Community Care": "veterans-affairs",
    "VA": "veterans-affairs",
    "WPS TRICARE": "tricare",
    "TriWest TRICARE West": "tricare",
    "Humana Military": "tricare",
    "Texas Medicaid": "medicaid",
    "Virginia Medicaid VA": "medicaid",
    "WellCare of Kentucky Medicaid": "medicaid",
    "MassHealth": "medicaid",
    "TennCare Select": "medicaid",
    "Molina Apple Health": "washington-apple-health",
    "Washington Medicaid (Amerigroup)": "washington-apple-health",
    "WA L&I": "washington-labor-industries",
    "L & I": "washington-labor-industries",
    "Washington State Dept of Labor & Industries": "washington-labor-industries",
    "Sedgwick": "workers-compensation",
    "Gallagher Bassett Services": "workers-compensation",
    "OWCP": "workers-compensation",
    "State Fund": "workers-compensation",
    "Workers' Comp": "workers-compensation",
    "Worker's Compensation Fund": "workers-compensation",
    # auto insurers
    "State Farm Mutual Automobile Insurance": "auto",
    "State Farm Auto": "auto",
    "Progressive Auto": "auto",
    "Progressive Casualty": "auto",
    "Farmers Auto": "auto",
    "Allstate PIP": "auto",
    "Liberty Mutual": "auto",
    "Auto": "auto",
    "Mercury Insurance Auto": "auto",
    "Auto-Owners Insurance": "auto",
    "Hartford Auto": "auto",
    "Hartford Workers Comp": "workers-compensation",
    "Texas CHIP": "medicaid",
    "Children's Health Insurance Program": "medicaid",
    "Aetna Better Health of Ohio": "medicaid",
    "Kaiser Permanente Senior Advantage": "medicare-advantage",
    "Fallon Health Medicare": "medicare-advantage",
    # health insurers
    "Humana": "commercial",
    "UMR": "unitedhealthcare",
    "BCBS FEP": "commercial",
    "BlueShield of California": "commercial",
    "REGENCE BLUE SHIELD": "regence-blueshield",
    "Regence BlueCross BlueShield": "regence-blueshield",
    "Blue Cross Blue Shield (Anthem)": "anthem-blue-cross",
    "BCBS of Vermont": "blue-cross-vermont",
    "Premera BCBS of Alaska": "premera-blue-cross",
    "Uniform Medical Plan (Regence)": "uniform-medical-plan",
    "Health Net": "commercial",
    "Oxford Health Plans (UHC)": "unitedhealthcare",
    "Highmark BCBS": "commercial",
    "Independence Blue Cross": "commercial",
    "CareFirst BlueCross BlueShield": "commercial",
    "Providence Health Plan": "commercial",
    "First Choice Health": "commercial",
    "PPO": "commercial",
}

FALSE_FRIENDS = [
    "Palmetto Health",
    "Progressive Physical Therapy Fund",
    "Advantage Care",
    "Advantage Health",
    "Medicare Supplement Plan G",
    "CHAMPVA",
    "CHAMP VA",
    "VHA CHAMPVA",
    "CHAMPVA - Department of Veterans Affairs",
    "United Auto Workers Health Fund",
    "Sedgwick County",
    "Kaiser Aluminum",
    "Farmers Union Health",
    "Oscar's Body Shop",
    "Oxford Physical Therapy",
    "Providence Church",
    "Nationwide Children's Hospital",
    "Travelers Rest Clinic",
    "Medical",
    "Landi",
    "Chip's Automotive",
    "Mercury Records",
    "Hartford Hospital",
    "Part B",
    "Molina",
    "AARP",
    "TriWest",
    "Medicaid/Medicare",
    "Evergreen Mutual Health",
    "",
    "&&&",
]


def payer(name: str, on: date = DAY) -> str | None:
    """The payer that a name means."""
    found = payer_named(shipped(), Reference(display=name), on).payer
    return None if found is None else found.id


def kind(name: str) -> str:
    """The kind of what told the payer."""
    return payer_named(shipped(), Reference(display=name), DAY).kind


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=list(NAMES))
def test_a_payer_is_known_by_the_words_in_its_name(name: str, expected: str) -> None:
    assert payer(name) == expected


def further_names() -> list[tuple[str, str]]:
    """Names as practice systems hold them, with the class of payer that each means: none where it is no payer's."""
    with FURTHER_NAMES.open(encoding="utf-8", newline="") as stream:
        return [(row["name"], row["class"]) for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("name", "expected"), further_names())
def test_names_of_practice_systems_are_of_their_class_or_nobodys(name: str, expected: str) -> None:
    found = payer_named(shipped(), Reference(display=name), DAY).payer
    assert (found.payer_class if found else "") == expected


@pytest.mark.parametrize("name", FALSE_FRIENDS)
def test_a_name_that_says_nothing_telling_means_nobody(name: str) -> None:
    assert payer(name) is None


@pytest.mark.parametrize(
    "name",
    ["Medicare Supplement Plan G", "AARP Medicare Supplement (UnitedHealthcare)", "Mutual of Omaha Medigap",
     "TRICARE for Life", "WPS TFL", "CHAMPVA Supplement"],
)  # fmt: skip
def test_a_supplement_follows_another_payer(name: str) -> None:
    assert kind(name) == "supplement"


@pytest.mark.parametrize(
    "name",
    ["Medicare Part D", "Humana Medicare Part D", "SilverScript Choice (PDP)", "Aetna Medicare Rx (PDP)",
     "Wellcare Value Script"],
)  # fmt: skip
def test_a_plan_for_drugs_is_one_and_no_payer_of_services(name: str) -> None:
    assert (kind(name), payer(name)) == ("drug", None)


def test_a_contractor_of_old_still_means_its_programme() -> None:
    assert payer("Health Net Federal Services", date(2024, 6, 1)) == "tricare"
    assert payer("HNFS", date(2026, 6, 1)) == "tricare"


def test_insurers_beside_medicare_are_told_from_words_of_another_text() -> None:
    facts = shipped()
    assert facts.payor_in_words("Community Plan", DAY) is None
    found = facts.payor_in_words("Community Plan", DAY, "UnitedHealthcare")
    assert found is not None
    assert found.payer == "medicaid"


_BETWEEN = st.text(alphabet=" .,;:/()*_#", min_size=1, max_size=3)


@given(name=st.sampled_from([*NAMES, *FALSE_FRIENDS]), data=st.data())
def test_case_blanks_and_punctuation_change_nothing(name: str, data: st.DataObject) -> None:
    parts = name.split()
    between = [data.draw(_BETWEEN) for _ in pairwise(parts)]
    spaced = "".join(a + b for a, b in zip(parts, [*between, ""], strict=False)) if parts else name
    changed = "".join(letter.upper() if data.draw(st.booleans()) else letter.lower() for letter in spaced)
    assert payer(f" {changed} ") == payer(name)


@given(st.text(max_size=600))
def test_no_text_is_too_odd_to_look_up(text: str) -> None:
    found = shipped().payor_in_words(text, DAY)
    assert found is None or found.kind in PAYOR_WORD_KINDS


def test_the_table_names_payers_that_we_have() -> None:
    facts = shipped()
    with (SHIPPED / "tables" / "payor_words.csv").open(encoding="utf-8") as stream:
        named = {row["payer"] for row in csv.DictReader(stream)}
    assert named - {""} <= set(facts.policies)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Medicaid/Medicare", "may mean Medicaid or Medicare Part B"),
        ("Molina", "sells plans of several kinds"),
        ("Progressive Waste Solutions", "Neither the payer's name and identifier"),
    ],
)
def test_a_name_that_may_mean_several_says_between_which(name: str, said: str) -> None:
    content = claim(line("97140"))
    resource(content, "Coverage").pop("type")
    resource(content, "Coverage")["payor"] = [{"display": name}]
    (found,) = [each for each in reviewed(content).findings if each.rule == "payer-unrecognised"]
    assert said in found.message
