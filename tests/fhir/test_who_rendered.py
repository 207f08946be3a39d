"""Who rendered a line, and what their profession is: the rows of the rule book's table, one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fhir_massage.case.seen import ClaimCase
from fhir_massage.read.read import read, replaced
from fhir_massage.read.references import Index
from tests.claims import TAXONOMY, Json, claim, concept, line, resource, reviewed, varied

NUCC = "http://nucc.org/provider-taxonomy"
CMS_SPECIALTY = "https://bluebutton.cms.gov/resources/variables/prvdr_spclty"
MASSAGE, PHYSICAL = TAXONOMY["massage-therapist"], TAXONOMY["physical-therapist"]


def seen(content: Json) -> ClaimCase:
    """What the rules see of the claim."""
    case = reviewed(content).cases["Claim/c1"]
    assert isinstance(case, ClaimCase)
    return case


def profession(content: Json) -> str | None:
    """The profession of who rendered the first line."""
    return seen(content).lines[0].provider.profession


def team(*members: Json, named: list[int] | None = None, biller: str | None = None) -> Json:
    """A claim with this care team, whose line names these members."""

    def change(claim: Json) -> None:
        claim["careTeam"] = list(members)
        if biller:
            claim["provider"] = {"reference": biller}
        if named is None:
            del claim["item"][0]["careTeamSequence"]
        else:
            claim["item"][0]["careTeamSequence"] = named

    return varied(claim(line("97140"), profession=None), change)


def member(sequence: int, taxonomy: str, **more: object) -> Json:
    """Somebody of the care team, of this profession."""
    return {
        "sequence": sequence,
        "provider": {"reference": f"Practitioner/{sequence}"},
        "qualification": concept(taxonomy, NUCC),
        **more,
    }


@pytest.mark.parametrize(
    ("content", "element"),
    [
        (team(member(1, MASSAGE), member(2, PHYSICAL), named=[2]), "Claim.careTeam[1].provider"),
        (team(member(1, MASSAGE, responsible=True), member(2, PHYSICAL), named=[2]), "Claim.careTeam[1].provider"),
        (team(member(1, PHYSICAL)), "Claim.careTeam[0].provider"),
        (team(member(1, PHYSICAL), named=[9]), "Claim.careTeam[0].provider"),
        (team(member(1, MASSAGE), member(2, PHYSICAL, responsible=True)), "Claim.careTeam[1].provider"),
        (team(member(1, MASSAGE), member(2, PHYSICAL), biller="Practitioner/therapist"), "Claim.provider"),
        (team(biller="Practitioner/therapist"), "Claim.provider"),
        (team({"sequence": 1}, biller="Practitioner/therapist"), "Claim.provider"),
    ],
)
def test_who_rendered(content: Json, element: str) -> None:
    assert seen(content).lines[0].provider.element == element


def qualified(claim: Json) -> None:
    claim["careTeam"][0]["qualification"] = concept(PHYSICAL, NUCC)


def by_role(claim: Json) -> None:
    claim["careTeam"][0]["provider"] = {"reference": "PractitionerRole/role"}


def role(**what: list[Json]) -> Json:
    """A role of the therapist."""
    return {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/therapist"},
        **what,
    }


def with_role(content: Json, **what: list[Json]) -> Json:
    content["entry"].append({"resource": role(**what)})
    return content


def licensed(content: Json, taxonomy: str) -> Json:
    return varied(content, lambda p: p.update(qualification=[{"code": concept(taxonomy, NUCC)}]), "Practitioner")


def bare(change: Callable[[Json], object] = lambda claim: None) -> Json:
    return varied(claim(line("97140"), profession=None), change)


def test_the_care_teams_qualification_comes_first() -> None:
    content = with_role(licensed(bare(qualified), MASSAGE), code=[concept(MASSAGE, NUCC)])
    assert profession(content) == "physical-therapist"


@pytest.mark.parametrize("element", ["code", "specialty"])
def test_then_the_role_that_is_named(element: str) -> None:
    content = with_role(licensed(bare(by_role), MASSAGE), **{element: [concept(PHYSICAL, NUCC)]})
    assert profession(content) == "physical-therapist"


@pytest.mark.parametrize("element", ["code", "specialty"])
def test_or_the_role_that_names_the_practitioner(element: str) -> None:
    assert profession(with_role(bare(), **{element: [concept(PHYSICAL, NUCC)]})) == "physical-therapist"


def test_the_role_counts_as_well_for_a_corrected_copy_of_the_claim() -> None:
    entries = read(with_role(bare(), code=[concept(PHYSICAL, NUCC)])).entries
    claim, person = (next(each for each in entries if each.kind == kind) for kind in ("Claim", "Practitioner"))
    index = Index(entries)
    copies = replaced(claim, claim.json())
    assert index.replacing(claim, copies).roles_of(person, copies[0]) == index.roles_of(person, claim) != []


def test_roles_of_two_professions_do_not_tell() -> None:
    content = with_role(bare(), code=[concept(PHYSICAL, NUCC), concept(MASSAGE, NUCC)])
    assert profession(content) is None


def test_then_the_practitioners_own_qualification() -> None:
    assert profession(licensed(bare(), MASSAGE)) == "massage-therapist"
    assert profession(licensed(with_role(bare(by_role)), MASSAGE)) == "massage-therapist"
    assert profession(with_role(licensed(bare(), MASSAGE), code=[{"text": "therapist"}])) == "massage-therapist"


@pytest.mark.parametrize(
    ("taxonomy", "group"),
    [
        *((code, name) for name, code in TAXONOMY.items()),
        ("2251X0800X", "physical-therapist"),
        ("225XH1200X", "occupational-therapist"),
        ("111NS0005X", "chiropractor"),
        ("207Q00000X", "physician"),
        ("363A00000X", "advanced-practice"),
        ("364SA2100X", "advanced-practice"),
        ("101YM0800X", "other"),
        ("163W00000X", "other"),
    ],
)
def test_a_taxonomy_code_is_of_a_profession(taxonomy: str, group: str) -> None:
    assert profession(licensed(bare(), taxonomy)) == group


def test_a_code_of_another_system_is_no_profession() -> None:
    content = bare(lambda c: c["careTeam"][0].update(qualification=concept("225700000X", "http://example.org/staff")))
    assert profession(content) is None


@pytest.mark.parametrize("kind", ["Practitioner", "PractitionerRole"])
def test_people_within_the_claim_are_read(kind: str) -> None:
    people: list[Json] = [
        {"resourceType": "Practitioner", "id": "me", "qualification": [{"code": concept(MASSAGE, NUCC)}]},
        {"resourceType": "PractitionerRole", "id": "mine", "practitioner": {"reference": "#me"}},
    ]

    def within(claim: Json) -> None:
        claim["contained"] = people
        claim["careTeam"][0]["provider"] = {"reference": "#me" if kind == "Practitioner" else "#mine"}

    assert profession(bare(within)) == "massage-therapist"


def test_a_person_and_their_role_are_one_provider() -> None:
    def two(claim: Json) -> None:
        claim["careTeam"].append({"sequence": 2, "provider": {"reference": "PractitionerRole/role"}})
        claim["item"][1]["careTeamSequence"] = [2]

    content = with_role(varied(claim(line("97140"), line("97110")), two))
    assert len(seen(content).encounters) == 1
    assert resource(content, "PractitionerRole")["id"] == "role"


# --- professions in words -----------------------------------------------------------------------------------


def record_of(*qualifications: Json, name: Json | None = None, role: Json | None = None) -> Json:
    """A claim whose therapist's record says this, and no taxonomy code."""

    def change(practitioner: Json) -> None:
        practitioner["qualification"] = [{"code": each} for each in qualifications]
        practitioner["name"] = [name or {"family": "Doe", "given": ["Pat"]}]

    def bare(claim: Json) -> None:
        claim["careTeam"] = [{"sequence": 1, "provider": {"reference": "Practitioner/therapist"}}]

    content = varied(varied(claim(line("97140"), profession=None), change, kind="Practitioner"), bare)
    if role is not None:
        role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/therapist"}, **role}
        content["entry"].append({"resource": role})
    return content


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Licensed Massage Therapist", "massage-therapist"),
        ("LMT", "massage-therapist"),
        ("PT, DPT", "physical-therapist"),
        ("Physical Therapist Assistant", "physical-therapist-assistant"),
        ("OTR/L", "occupational-therapist"),
        ("L.Ac.", "acupuncturist"),
        ("D.C.", "chiropractor"),
        ("Physical Therapy", "physical-therapist"),
        ("PT and LMT", None),
        ("Driver's License", None),
    ],
)
def test_a_licence_in_words(said: str, expected: str | None) -> None:
    assert profession(record_of({"text": said})) == expected
    assert profession(record_of({"coding": [{"display": said}]})) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ({"family": "Doe", "suffix": ["LMT"]}, "massage-therapist"),
        ({"text": "Pat Doe, DC"}, "chiropractor"),
        ({"text": "PT Barnum"}, None),
    ],
)
def test_what_stands_after_a_name(name: Json, expected: str | None) -> None:
    assert profession(record_of(name=name)) == expected


def test_a_degree_by_hl7s_code() -> None:
    assert profession(record_of(concept("MD", "http://terminology.hl7.org/CodeSystem/v2-0360"))) == "physician"


def test_an_assistant_works_in_the_therapists_field() -> None:
    role = {"code": [{"text": "Physical therapist assistant"}], "specialty": [{"text": "Physical therapy"}]}
    assert profession(record_of(role=role)) == "physical-therapist-assistant"


def test_a_code_goes_before_words() -> None:
    assert (
        profession(record_of(concept(PHYSICAL, NUCC), {"text": "Licensed Massage Therapist"})) == "physical-therapist"
    )


@pytest.mark.parametrize(
    ("code", "expected"), [("65", "physical-therapist"), ("35", "chiropractor"), ("11", "physician")]
)
def test_cms_names_a_specialty(code: str, expected: str) -> None:
    content = team({**member(1, MASSAGE), "qualification": concept(code, CMS_SPECIALTY)}, named=[1])
    assert profession(content) == expected
