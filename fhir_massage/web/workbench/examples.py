"""Examples to load into the review: those of the rules, and a few of the workbench's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec

from fhir_massage.read.dates import day
from fhir_massage.read.read import parse

FOLDER = Path(__file__).parents[2] / "rules" / "examples"

OWN = Path(__file__).parent / "claims"

#: What the first page offers: the example's name, and what it shows.
SHOWN = (
    ("physical-therapy-visit", "A physical therapy visit, Medicare"),
    ("chiropractic-visit", "A chiropractic visit with manual therapy"),
    ("massage-without-referral", "A massage without its referral"),
    ("provider-not-payable/bad", "A massage therapist and TRICARE"),
    ("letter-of-medical-necessity/bad", "An order paid from a health account"),
    ("correct-claim", "A correct claim"),
)


class Example(msgspec.Struct, frozen=True):
    """An example: its document, and the day on which it is to be reviewed where it says one."""

    content: bytes
    on: date | None


def find(name: str) -> Example | None:
    """The example of a name such as ``charge-mismatch/bad``; ``None`` for any other."""
    if name not in _names():
        return None
    content = ((FOLDER if "/" in name else OWN) / f"{name}.json").read_bytes()
    return Example(content, day(str(parse(content).get("timestamp", ""))[:10]))


def of_rule(rule: str) -> list[str]:
    """The kinds of example that a rule has: ``bad`` and ``good``."""
    return [kind for kind in ("bad", "good") if f"{rule}/{kind}" in _names()]


def _names() -> frozenset[str]:
    rules = {f"{file.parent.name}/{file.stem}" for file in FOLDER.glob("*/*.json")}
    return frozenset(rules | {file.stem for file in OWN.glob("*.json")})
