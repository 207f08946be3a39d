"""What discovery says, and what a client may set with each call."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fhir_massage.errors import Unprocessable
from fhir_massage.hooks.configuration import MAX_CARDS, MOST_CARDS, Configuration, configuration
from fhir_massage.hooks.services import SERVICES, discovery
from fhir_massage.rules.registry import all_rules
from tests.crd import CARD_TYPES, no_nulls

Json = dict[str, Any]
DISCOVERED = discovery()["services"]


def set_to(**options: Any) -> Configuration:
    return configuration({"extension": {"davinci-crd.configuration": options}})


@pytest.mark.conforms(
    "hooks-3", "hooks-4", "hooks-6", "hooks-9", "hooks-10", "hooks-11", "hooks-12", "hooks-13", "hooks-14", "hooks-15",
    "hooks-16", "hooks-82", "dev-1", "dev-2", "hook-4",
)  # fmt: skip
def test_each_service_says_what_it_is() -> None:
    assert {service["hook"] for service in DISCOVERED} == {
        "order-sign", "order-select", "order-dispatch", "appointment-book", "encounter-discharge",
    }  # fmt: skip
    assert len({service["id"] for service in DISCOVERED}) == len(DISCOVERED)
    for service in DISCOVERED:
        no_nulls(service)
        assert {"id", "hook", "title", "description", "version", "prefetch"} <= set(service)
        versions = service["extension"]["davinci-crd.version"]
        assert versions == ["2.1", "2.2"]
        assert all(re.fullmatch(r"[1-9]\d*\.[1-9]\d*", version) for version in versions)


@pytest.mark.conforms("dev-4", "dev-5", "dev-7", "dev-8", "dev-9", "dev-10")
def test_each_card_type_can_be_set() -> None:
    everywhere: dict[str, tuple[str, str]] = {}
    for service in DISCOVERED:
        options = service["extension"]["davinci-crd.configuration-options"]
        for option in options:
            assert set(option) == {"code", "type", "name", "description", "default"}
            assert option["type"] == ("integer" if option["code"] == MAX_CARDS else "boolean")
            assert option["code"] in CARD_TYPES | {MAX_CARDS}
            named = (option["name"], option["description"])
            assert everywhere.setdefault(option["code"], named) == named
        for unique in ("code", "name", "description"):
            assert len({option[unique] for option in options}) == len(options)
    assert {rule.topic for rule in all_rules()} <= set(everywhere)
    offered = {s["hook"]: {o["code"] for o in s["extension"]["davinci-crd.configuration-options"]} for s in DISCOVERED}
    assert {hook for hook, codes in offered.items() if "coverage-info" in codes} == {
        service.hook for service in SERVICES if service.annotates
    }


@pytest.mark.conforms("dev-14", "resp-28")
def test_what_is_known_is_followed() -> None:
    asked = set_to(**{"limits": False, "coverage-info": False, "claim": True, "max-cards": 2})
    assert asked.unwanted == {"limits", "coverage-info"}
    assert (asked.most_cards, asked.wants_coverage_information) == (2, False)


@pytest.mark.conforms("dev-6", "dev-15", "dev-17")
@pytest.mark.parametrize(
    "options", [{}, {"colour": False}, {"limits": "no"}, {"limits": None}, {"max-cards": -1}, {"max-cards": True}]
)
def test_what_is_not_known_or_makes_no_sense_is_passed_over(options: Json) -> None:
    assert set_to(**options) == Configuration(most_cards=MOST_CARDS)


@pytest.mark.conforms("dev-15")
@pytest.mark.parametrize("extension", [None, [], "x", {}, {"davinci-crd.configuration": 3}])
def test_nothing_has_to_be_set(extension: Any) -> None:
    assert configuration({"extension": extension}) == Configuration()


@pytest.mark.conforms("hook-13")
def test_a_version_that_is_not_spoken_is_refused() -> None:
    assert configuration({"extension": {"davinci-crd.requestedVersion": "2.1"}}).version == "2.1"
    for version in ("2.0", "3.0", 2, None):
        with pytest.raises(Unprocessable):
            configuration({"extension": {"davinci-crd.requestedVersion": version}})
