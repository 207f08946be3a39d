"""What CDS Hooks and Da Vinci CRD ask of an answer, as checks that tests hold answers to.

The invariants are those of CRD 2.2.1 (extension coverage-information: crd-ci-q1 to q9; response: crd-respci1)
and of CDS Hooks 3.0 (cds-resp-1 to 7), the codes those of the guide's value sets.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

Json = dict[str, Any]
URL = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
CARD_TYPES = {
    "coverage-info", "unsolicited-determ", "claim", "insurance", "limits", "network", "appropriate-use", "cost",
    "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder", "duplicate-therapy",
    "contraindication", "guideline", "off-guideline",
}  # fmt: skip
CODES = {
    "covered": {"covered", "not-covered", "conditional", "indeterminate"},
    "pa-needed": {"no-auth", "auth-needed", "satisfied", "performpa", "conditional", "indeterminate"},
    "doc-needed": {"clinical", "admin", "patient", "conditional", "indeterminate"},
    "doc-purpose": {"withpa", "withclaim", "withorder", "retain-doc", "OTH"},
    "info-needed": {"performer", "location", "timeframe", "contract-window", "detail-code", "OTH"},
}
#: Each part of the extension: how often it may stand, and the type of its value in version 2.2.
PARTS = {
    "coverage": (1, 1, "valueReference"),
    "covered": (1, 1, "valueCode"),
    "pa-needed": (0, 1, "valueCode"),
    "doc-needed": (0, None, "valueCode"),
    "doc-purpose": (0, None, "valueCode"),
    "info-needed": (0, None, "valueCode"),
    "billingCode": (0, None, "valueCoding"),
    "reason": (0, None, "valueCodeableConcept"),
    "detail": (0, None, "extension"),
    "dependency": (0, None, "valueReference"),
    "questionnaire": (0, None, "valueCanonical"),
    "date": (1, 1, "valueDate"),
    "coverage-assertion-id": (1, 1, "valueString"),
    "satisfied-pa-id": (0, 1, "valueString"),
    "contact": (0, None, "valueContactDetail"),
    "expiry-date": (0, 1, "valueDate"),
}
REASONS = {"gold-card", "no-member-found", "no-active-coverage", "coverage-not-found", "auth-out-network", "technical"}
DETAILS = {
    "allowed-quantity": "valueQuantity", "allowed-period": "valuePeriod", "policy-link": "valueUrl",
    "instructions": "valueString",
}  # fmt: skip


def coverage_information(resource: Json) -> list[Json]:
    """The coverage-information extensions of a resource."""
    return [extension for extension in resource.get("extension", []) if extension["url"] == URL]


def values(extension: Json, url: str) -> list[Any]:
    """The values of the parts of that name."""
    return [
        next(value for key, value in part.items() if key not in ("url", "id"))
        for part in extension["extension"]
        if part["url"] == url
    ]


def check_coverage_information(extension: Json, version: str = "2.2") -> None:
    """Hold one extension to the guide: its parts, how often, their types and codes, and every invariant."""
    types = {**PARTS, **({"contact": (0, None, "valueContactPoint")} if version == "2.1" else {})}
    for part in extension["extension"]:
        assert set(part) == {"url", types[part["url"]][2]}, part
    for url, (least, most, _) in types.items():
        count = len(values(extension, url))
        assert least <= count <= (count if most is None else most), url
    known = {**CODES, "covered": CODES["covered"] - ({"indeterminate"} if version == "2.1" else set())}
    for url, allowed in known.items():
        assert set(values(extension, url)) <= allowed, url
    for detail in values(extension, "detail"):
        _check_detail(detail)
    covered, doc, info = (values(extension, url) for url in ("covered", "doc-needed", "info-needed"))
    authorization, purpose, reasons = (values(extension, url) for url in ("pa-needed", "doc-purpose", "reason"))
    decisive = [*covered, *authorization, *doc]
    assert doc or not values(extension, "questionnaire"), "crd-ci-q1"
    assert covered != ["not-covered"] or not authorization, "crd-ci-q2"
    assert ("conditional" in decisive) == bool(info), "crd-ci-q3"
    assert authorization not in (["satisfied"], ["no-auth"]) or "withpa" not in purpose, "crd-ci-q4"
    assert (authorization == ["satisfied"]) == bool(values(extension, "satisfied-pa-id")), "crd-ci-q5"
    assert "OTH" not in info or (reasons and values(extension, "detail")), "crd-ci-q6, and the comment on info-needed"
    for reason in reasons:
        coded = {coding["code"] for coding in reason.get("coding", [])}
        assert reason.get("text") or (coded and coded <= REASONS), "crd-ci-q7"
    assert reasons or not purpose, "crd-ci-q8"
    assert reasons or "indeterminate" not in decisive, "crd-ci-q9"


def _check_detail(parts: list[Json]) -> None:
    (category,) = [part["valueCode"] for part in parts if part["url"] == "category"]
    (code,) = [part["valueCodeableConcept"]["coding"][0]["code"] for part in parts if part["url"] == "code"]
    (value,) = [part for part in parts if part["url"] == "value"]
    assert category in {"cat-limitation", "cat-decisional", "cat-other"}
    assert set(value) == {"url", DETAILS[code]}


def check_action(before: Json, action: Json, version: str = "2.2") -> None:
    """Hold a system action to the guide: an update of the whole resource in which nothing else changed."""
    assert action["type"] == "update"
    assert "resourceId" not in action
    after = action["resource"]
    extensions = coverage_information(after)
    assert extensions, "crd-respci1"
    for extension in extensions:
        check_coverage_information(extension, version)
    ids: dict[str, set[str]] = {}
    for extension in extensions:
        coverage = values(extension, "coverage")[0]["reference"]
        ids.setdefault(coverage, set()).update(values(extension, "coverage-assertion-id"))
    assert sum(map(len, ids.values())) == len(set().union(*ids.values())), "an id is of one coverage"
    assert [key for key in after if key != "extension"] == [key for key in before if key != "extension"]
    assert {**after, "extension": None} == {**before, "extension": None}
    others = [each for each in before.get("extension", []) if each["url"] != URL]
    assert [each for each in after["extension"] if each["url"] != URL] == others
    get_fhir_model_class(after["resourceType"]).model_validate(after)


def check_card(card: Json) -> None:
    """Hold a card to CDS Hooks 3.0 and to the guide's general rules for cards."""
    uuid.UUID(card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] in ("info", "warning")
    assert card["source"]["label"]
    topic = card["source"]["topic"]
    assert topic["system"] == "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"
    assert topic["code"] in CARD_TYPES - {"coverage-info"}, "coverage information is never a card"
    assert set(card) <= {
        "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons",
        "links", "extension",
    }  # fmt: skip
    assert not re.search(r"(?<!\\)<[a-z]", card["detail"])
    suggestions = card.get("suggestions", [])
    assert ("selectionBehavior" in card) == bool(suggestions), "cds-resp-6"
    assert card.get("selectionBehavior", "any") in ("at-most-one", "any")
    assert sum(bool(each.get("isRecommended")) for each in suggestions) <= 1, "cds-resp-1"
    for suggestion in suggestions:
        uuid.UUID(suggestion["uuid"])
        assert suggestion["label"]
        assert set(suggestion) <= {"label", "uuid", "isRecommended", "actions"}
        assert len(suggestion["actions"]) == 1
        for action in suggestion["actions"]:
            assert action["description"], "cds-resp-5"
            assert action["type"] in ("create", "update")
            assert action["resource"]["resourceType"]
    for reason in card.get("overrideReasons", []):
        assert set(reason) == {"code", "system", "display"} and all(reason.values()), "cds-resp-4"
    for link in card.get("links", []):
        assert link["url"].startswith("https://") and link["type"] == "absolute" and link["label"]
    no_nulls(card)


def no_nulls(content: Any) -> None:
    """Nothing is null, and no text is empty."""
    assert content is not None and content != ""
    for value in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        no_nulls(value)
