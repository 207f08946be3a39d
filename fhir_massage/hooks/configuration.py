"""What a client may set with each call (Da Vinci CRD): which card types it wants, how many, by which version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fhir_massage.errors import Unprocessable
from fhir_massage.present.card import Made
from fhir_massage.present.coverage_information import Version
from fhir_massage.rules.registry import all_rules

Json = dict[str, Any]
VERSIONS: tuple[Version, ...] = ("2.1", "2.2")
COVERAGE_INFO = "coverage-info"
MAX_CARDS = "max-cards"
MOST_CARDS = 50

#: Each card type, by the codes of HL7's card types, with its name and what it does.
_CARD_TYPES = {
    COVERAGE_INFO: (
        "Coverage Information",
        "Writes onto each order whether the payer covers it, whether it asks for authorization, and what is to be known.",
    ),
    "claim": ("Claim Corrections", "Cards on what keeps a claim from being paid as it stands, with corrections."),
    "insurance": ("Insurance", "Cards on coverage, referral, authorization and who the payer pays for the service."),
    "limits": ("Limits", "Cards on limits of visits and units, and on orders that do not say how much is ordered."),
    "duplicate-therapy": ("Duplicate Therapy", "Cards on services that have been billed already."),
    "guideline": ("Guidelines", "Cards on what an order should say, and on letters that a payer will ask for."),
}


class Configuration(msgspec.Struct, frozen=True):
    """What one call asks for. ``unwanted`` are card types; ``version`` is of the guide."""

    unwanted: frozenset[str] = frozenset()
    most_cards: int = MOST_CARDS
    version: Version = VERSIONS[-1]

    @property
    def wants_coverage_information(self) -> bool:
        """Whether orders are to be annotated."""
        return COVERAGE_INFO not in self.unwanted


def options(subjects: frozenset[str], *, annotates: bool) -> list[Json]:
    """The options of a service whose rules judge these subjects, and that annotates orders or not."""
    topics = {rule.topic for rule in all_rules() if rule.subject in subjects}
    topics.add("claim")  # what could not be read is told in a card of this type
    offered = [code for code in _CARD_TYPES if code in topics or (annotates and code == COVERAGE_INFO)]
    return [
        *(
            {"code": code, "type": "boolean", "name": name, "description": description, "default": True}
            for code, (name, description) in _CARD_TYPES.items()
            if code in offered
        ),
        {
            "code": MAX_CARDS,
            "type": "integer",
            "name": "Maximum cards",
            "description": "The most cards that are returned, the gravest first.",
            "default": MOST_CARDS,
        },
    ]


def wanted(made: Sequence[Made], asked: Configuration) -> list[Made]:
    """The cards of the wanted types, no more than are asked for. They come gravest first."""
    return [card for card in made if card.topic not in asked.unwanted][: asked.most_cards]


def configuration(request: Mapping[str, Any]) -> Configuration:
    """What a request asks for. Options that are not known, and values that make no sense, are passed over.

    Raises ``Unprocessable`` where it asks for a version of the guide that is not spoken here.
    """
    extension = request.get("extension")
    given = extension if isinstance(extension, Mapping) else {}
    version = given.get("davinci-crd.requestedVersion", VERSIONS[-1])
    if version not in VERSIONS:
        place = "extension.`davinci-crd.requestedVersion`"
        raise Unprocessable(f"the versions of CRD spoken here are {', '.join(VERSIONS)}", place=place)
    settings = given.get("davinci-crd.configuration")
    chosen = settings if isinstance(settings, Mapping) else {}
    most = chosen.get(MAX_CARDS)
    return Configuration(
        unwanted=frozenset(code for code in _CARD_TYPES if chosen.get(code) is False),
        most_cards=most if isinstance(most, int) and not isinstance(most, bool) and most >= 0 else MOST_CARDS,
        version=version,
    )
