"""Examples to load into the review: those of the rules, and the few that the first page offers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from fhir_massage.fhir.dates import day
from fhir_massage.fhir.read import parse

FOLDER = Path(__file__).parents[2] / "rules" / "examples"

#: What the first page offers: the example's name, and what it shows.
SHOWN = (
    ("referral-missing/bad", "A massage therapist without a referral"),
    ("charge-mismatch/bad", "A charge that does not add up"),
    ("provider-not-payable/bad", "Medicare and a massage therapist"),
    ("diagnosis-retired/bad", "A diagnosis that has been retired"),
    ("duplicate-line/bad", "The same service twice"),
    ("letter-of-medical-necessity/good", "A letter for an HSA"),
    ("charge-mismatch/good", "A correct claim"),
)


class Example(msgspec.Struct, frozen=True):
    """An example: its document, and the day on which it is to be reviewed where it says one."""

    content: bytes
    on: date | None


def find(name: str) -> Example | None:
    """The example of a name such as ``charge-mismatch/bad``; ``None`` for any other."""
    if name not in _names():
        return None
    content = (FOLDER / f"{name}.json").read_bytes()
    return Example(content, day(str(parse(content).get("timestamp", ""))[:10]))


def of_rule(rule: str) -> list[str]:
    """The kinds of example that a rule has: ``bad`` and ``good``."""
    return [kind for kind in ("bad", "good") if f"{rule}/{kind}" in _names()]


def _names() -> frozenset[str]:
    return frozenset(f"{file.parent.name}/{file.stem}" for file in FOLDER.glob("*/*.json"))
