"""What people call a claim, an order and whoever is on it; addresses and places in a document are no names."""

from __future__ import annotations

from fhir_massage.case.seen import ClaimCase, OrderCase
from fhir_massage.read.references import is_type_and_id

NO_NAME = "(no name)"


def called(name: str, case: ClaimCase | OrderCase | None) -> str:
    """What a claim or order is called: by its type and id, else by its day."""
    if is_type_and_id(name):
        return name
    what = "Order" if isinstance(case, OrderCase) else "Claim"
    return what if case is None or case.day is None else f"{what} of {case.day}"


def is_address(text: str) -> bool:
    """Whether a text is an address within a document, which is nobody's name."""
    return text.startswith(("urn:", "#"))
