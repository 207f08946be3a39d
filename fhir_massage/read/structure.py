"""Whether a resource has FHIR's own structure, as strictly as the fhir.resources library sees it.

It takes many times a review, so only ``$validate`` asks for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from fhir_massage.errors import Unreadable


def departures(kind: str, resource: Mapping[str, Any]) -> list[Unreadable]:
    """Where a resource of that kind departs from FHIR's structure (R4B), each with its place and the reason.

    What it contains is looked at too, save types that R4B no longer has.
    """
    found = _departures(kind, {key: value for key, value in resource.items() if key != "contained"}, kind)
    contained = resource.get("contained", [])
    for position, inner in enumerate(contained if isinstance(contained, list) else []):
        if isinstance(inner, Mapping) and isinstance(inner.get("resourceType"), str):
            found += _departures(inner["resourceType"], inner, f"{kind}.contained[{position}]")
    return found


def _departures(kind: str, resource: Mapping[str, Any], place: str) -> list[Unreadable]:
    model = _model(kind)
    if model is None:
        return []
    try:
        model.model_validate(resource)
    except ValidationError as error:
        return [
            Unreadable(_reason(each["type"], each["msg"]), place=place + _steps(each["loc"]))
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    except Exception:  # the library fails, rather than refuses, on some wrong types
        return [Unreadable("something in it has not the type that FHIR gives it", place=place)]
    return []


@lru_cache(maxsize=256)
def _model(kind: str) -> type[BaseModel] | None:
    """The library's model of a type of resource. ``kind`` may be anything that arrived."""
    if not kind.isascii() or not kind.isalpha():
        return None
    try:
        module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
    except ImportError:
        return None
    model: type[BaseModel] | None = getattr(module, kind, None)
    return model


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "this element is required"
    if kind == "extra_forbidden":
        return "FHIR has no such element"
    if kind == "json_invalid":
        return "expected an object"
    reason = message.removeprefix("Value error, ").rstrip(".")
    return reason[:1].lower() + reason[1:]


def _steps(steps: tuple[str | int, ...]) -> str:
    """``("item", 0, "sequence")`` as ``.item[0].sequence``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removesuffix(".root")
