"""Where each element of a claim stood in the interchange that it came in."""

from __future__ import annotations

import re

import msgspec

from fhir_massage.read.x12.split import Segment

#: The box of the CMS-1500 (02/12) for elements of a claim, by the National Uniform Claim Committee's map to the 837P.
_BOXES = (
    (r"Claim\.item\[\d+\]\.(quantity|informationSequence)", "24G"),
    (r"Claim\.item\[\d+\]\.(net|unitPrice)", "24F"),
    (r"Claim\.item\[\d+\]\.serviced", "24A"),
    (r"Claim\.item\[\d+\]\.locationCodeableConcept", "24B"),
    (r"Claim\.item\[\d+\]\.diagnosisSequence", "24E"),
    (r"Claim\.item\[\d+\]\.careTeamSequence", "24J"),
    (r"Claim\.item\[\d+\]", "24D"),
    (r"Claim\.diagnosis", "21"),
    (r"Claim\.insurance\[\d+\]\.preAuthRef", "23"),
    (r"Claim\.insurance", "11"),
    (r"Claim\.accident", "10"),
    (r"Claim\.related", "22"),
    (r"Claim\.referral", "17"),
    (r"Claim\.total", "28"),
    (r"Claim\.provider", "33"),
    (r"Claim\.patient", "2"),
)
_TEAM_BOXES = {
    "NM1*DN": "17",
    "NM1*DK": "17",
    "NM1*DQ": "17",
    "NM1*82": "24J",
    "PRV*PE": "24J",
    "NM1*85": "33",
    "PRV*BI": "33",
}


class Place(msgspec.Struct, frozen=True):
    """A segment, its position in its transaction (ST is 1), the element in it, and its loop."""

    segment: Segment
    element: str
    position: int
    loop: str


class ClaimPlaces(msgspec.Struct, frozen=True):
    """Where a claim and its elements stood; ``number`` is CLM01 as it was sent."""

    number: str
    interchange: str
    transaction: str
    institutional: bool
    elements: dict[str, Place]

    def find(self, expression: str) -> Place:
        """The place of an element, or of what it is part of."""
        path = expression
        while path not in self.elements and "." in path:
            shorter = path.rsplit(".", 1)[0] if not path.endswith("]") else path[: path.rindex("[")]
            path = shorter
        return self.elements.get(path, self.elements["Claim"])

    def box(self, expression: str) -> str:
        """``box 24D, line 2`` of the paper claim; empty for what has none, and for institutional claims."""
        if self.institutional:
            return ""
        if expression.startswith("Claim.careTeam["):
            segment = self.find(expression).segment
            box = _TEAM_BOXES.get(f"{segment.name}*{segment.at(1)}", "")
        else:
            box = next((box for pattern, box in _BOXES if re.match(pattern, expression)), "")
        line = re.match(r"Claim\.item\[(\d+)\]", expression)
        return "" if not box else f"box {box}" + (f", line {int(line[1]) + 1}" if line else "")

    def words(self, expression: str) -> str:
        """Box, element and segment of an element, in words."""
        found = self.find(expression)
        stood = f"{found.element}, segment {found.position} of transaction {self.transaction}"
        where = f"{stood} (claim {self.number}, interchange {self.interchange}, loop {found.loop})"
        box = self.box(expression)
        return f"{box}; {where}" if box else where
