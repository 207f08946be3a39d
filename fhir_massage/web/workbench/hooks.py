"""The hook simulator: be the EHR, see request, prefetch, answer and cards, accept and override; the last calls live."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import request

from fhir_massage.errors import FhirMassageError, Unreadable
from fhir_massage.hooks.services import SERVICES
from fhir_massage.hooks.simulated import accept, request_for
from fhir_massage.present.ehr import drawn_cards, system_actions
from fhir_massage.read.read import encode, parse
from fhir_massage.store.statistics import last_calls
from fhir_massage.web.answer import service
from fhir_massage.web.workbench import examples
from fhir_massage.web.workbench.called import Answered, Services
from fhir_massage.web.workbench.page import door, render

#: The example whose resources fill a hook's sample request.
_SAMPLES = {"order-sign": "charge-mismatch/bad", "encounter-discharge": "charge-mismatch/bad"}
_ORDER_SAMPLE = "order-performer-not-payable/bad"

Json = dict[str, Any]


class Simulation:
    """One turn of the simulator: the service called, the request sent, and what came of it."""

    def __init__(self, address: str, id: str) -> None:
        self.address = address
        self.id = id
        self.request = ""
        self.answered: Answered | None = None
        self.said = ""
        self.problem = ""
        self.services: Services | None = None
        self.offered: list[Json] = []

    def discover(self) -> None:
        """Find the services at the address. Raises ``FhirMassageError``."""
        settings = service().settings
        trusted = None if settings.ca_bundle is None else str(settings.ca_bundle)
        self.services = Services(self.address, settings.fhir_servers, trusted, service().places)
        self.offered = self.services.discover()
        if self.id not in {each["id"] for each in self.offered} and self.offered:
            self.id = self.offered[0]["id"]

    @property
    def chosen(self) -> Json:
        """The service as its discovery describes it."""
        return next((each for each in self.offered if each["id"] == self.id), {})

    def call(self, content: Any) -> None:
        """Call the service with a request."""
        assert self.services is not None
        self.request = _pretty(content)
        self.answered = self.services.call(self.id, content)


@door.get("/hooks")
def hooks_page() -> tuple[str, int]:
    """The simulator with a sample request of the service that the address names."""
    simulation = Simulation(request.args.get("address", ""), request.args.get("service", SERVICES[0].id))
    try:
        simulation.discover()
        simulation.request = _pretty(_sample(simulation.chosen))
    except FhirMassageError as error:
        simulation.problem = str(error)
    return _page(simulation)


@door.post("/hooks")
def simulate() -> tuple[str, int]:
    """One call, or the acceptance or override of a card, with the feedback that tells of it."""
    form = request.form
    simulation = Simulation(form.get("address", ""), form.get("service", ""))
    simulation.request = form.get("request", "")
    try:
        simulation.discover()
        content = parse(simulation.request.encode())
        if not isinstance(content, dict):
            raise Unreadable("expected a JSON object")
        if form.get("accept"):
            content = _accept(simulation, content, form["accept"])
            simulation.call(content)
        elif form.get("override"):
            _override(simulation, form["override"])
            simulation.answered = Answered(200, _without_card(_answer(), form["override"]), 0.0)
        else:
            simulation.call(content)
    except FhirMassageError as error:
        simulation.problem = str(error)
    return _page(simulation)


@door.get("/hooks/calls")
def calls() -> str:
    """The last calls, as the part of the page that is refreshed."""
    return render("calls.html", calls=last_calls(service().store))


def _accept(simulation: Simulation, content: Json, named: str) -> Json:
    card, suggestion = _card(named)
    changed = accept(content, suggestion)
    accepted = [{"id": suggestion["uuid"]}] if isinstance(suggestion.get("uuid"), str) else []
    _tell(simulation, card, {"outcome": "accepted", "acceptedSuggestions": accepted})
    simulation.said = f"Accepted: {suggestion.get('label', '')}. The EHR changed the draft, and called again."
    return changed


def _override(simulation: Simulation, named: str) -> None:
    card, _ = _card(f"{named}.0")
    code = request.form.get(f"reason.{named}", "")
    reason = next((each for each in card.get("overrideReasons") or [] if each.get("code") == code), None)
    told: Json = {"outcome": "overridden"}
    if reason is not None:
        told["overrideReason"] = {"reason": reason}
    _tell(simulation, card, told)
    simulation.said = f"Overridden{': ' + str(reason.get('display')) if reason else ''}. The service was told."


def _tell(simulation: Simulation, card: Json, outcome: Json) -> None:
    assert simulation.services is not None
    if isinstance(card.get("uuid"), str):
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        simulation.services.feedback(simulation.id, {"card": card["uuid"], **outcome, "outcomeTimestamp": now})


def _answer() -> Json:
    """The answer that the page carries from the call before. Raises ``Unreadable``."""
    content = parse(request.form.get("answer", "").encode())
    if not isinstance(content, dict) or not isinstance(content.get("cards"), list):
        raise Unreadable("the answer of the call before is not there; call again")
    return content


def _card(named: str) -> tuple[Json, Json]:
    """The card and suggestion that ``0.1`` names. Raises ``Unreadable``."""
    place, _, inner = named.partition(".")
    try:
        card = _answer()["cards"][int(place)]
        suggestions = card.get("suggestions") or [{}]
        return card, suggestions[int(inner)]
    except (LookupError, ValueError, AttributeError, TypeError):
        raise Unreadable("that card is not there; call again") from None


def _without_card(answer: Json, named: str) -> Json:
    return {**answer, "cards": [card for place, card in enumerate(answer["cards"]) if str(place) != named]}


def _sample(chosen: Json) -> Json:
    hook = str(chosen.get("hook", ""))
    example = examples.find(_SAMPLES.get(hook, _ORDER_SAMPLE))
    assert example is not None
    resources = [entry["resource"] for entry in parse(example.content)["entry"]]
    prefetch = chosen.get("prefetch")
    return request_for(hook, prefetch if isinstance(prefetch, dict) else {}, resources, uuid.uuid4())


def _page(simulation: Simulation) -> tuple[str, int]:
    answered = simulation.answered
    content = None if answered is None else answered.content
    page = render(
        "hooks.html",
        simulation=simulation,
        cards=drawn_cards(content),
        actions=system_actions(content),
        answer="" if answered is None else _pretty(content),
        prefetch=simulation.chosen.get("prefetch") if isinstance(simulation.chosen.get("prefetch"), dict) else {},
        brought=_brought(simulation.request),
        listed=service().settings.fhir_servers,
        calls=last_calls(service().store),
    )
    return page, 400 if simulation.problem else 200


def _brought(text: str) -> dict[str, str]:
    """What the request brings under each key of its prefetch, in words."""
    try:
        prefetch = parse(text.encode()).get("prefetch")
    except (FhirMassageError, AttributeError):
        return {}
    return {key: _told(value) for key, value in prefetch.items()} if isinstance(prefetch, dict) else {}


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return "nothing"
    entries = value.get("entry")
    if value.get("resourceType") == "Bundle" and isinstance(entries, list):
        return "1 resource" if len(entries) == 1 else f"{len(entries)} resources"
    return str(value.get("resourceType", "something"))


def _pretty(content: Any) -> str:
    return msgspec.json.format(encode(content), indent=2).decode()
