"""The disciplines of therapy: which modifier is whose."""

from __future__ import annotations

#: The assistant's own modifier and the discipline under which the assistant works.
ASSISTANTS = {"physical-therapist-assistant": ("CQ", "GP"), "occupational-therapy-assistant": ("CO", "GO")}
DISCIPLINES = {
    "physical-therapist": "GP",
    "physical-therapist-assistant": "GP",
    "occupational-therapist": "GO",
    "occupational-therapy-assistant": "GO",
}
