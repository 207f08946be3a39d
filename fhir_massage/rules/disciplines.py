"""The disciplines of therapy: which modifier is whose."""

from __future__ import annotations

#: The assistant's own modifier and the discipline under which the assistant works.
ASSISTANTS = {"physical-therapist-assistant": ("CQ", "GP"), "occupational-therapy-assistant": ("CO", "GO")}
#: Evaluations that belong to one discipline.
OF_CODES = {
    **dict.fromkeys(("97161", "97162", "97163", "97164"), "GP"),
    **dict.fromkeys(("97165", "97166", "97167", "97168"), "GO"),
}
DISCIPLINES = {
    "physical-therapist": "GP",
    "physical-therapist-assistant": "GP",
    "occupational-therapist": "GO",
    "occupational-therapy-assistant": "GO",
}
#: The modifiers held against who rendered. GN is for speech-language pathology, which no profession here is.
JUDGED = frozenset(DISCIPLINES.values())
