"""What every page of the workbench shares: its door, its navigation, and how words and money are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from typing import Any

from flask import Blueprint, current_app, render_template, request
from markdown_it import MarkdownIt
from markupsafe import Markup

from fhir_massage.edit.finding import Citation
from fhir_massage.errors import FhirMassageError
from fhir_massage.facts.age import old_quarters
from fhir_massage.rules.payment import PROFESSIONS

door = Blueprint("workbench", __name__)

PAGES = (
    ("workbench.review_page", "Review"),
    ("workbench.build_page", "Build a claim"),
    ("workbench.answers_page", "Can I bill it?"),
    ("workbench.rules_page", "Rules"),
    ("workbench.hooks_page", "Hooks"),
    ("workbench.savings_page", "What it saves"),
)


class BadAnswer(FhirMassageError):
    """Something asked for in an address cannot be used: says which and what it takes."""


def render(template: str, **content: Any) -> str:
    """A page of the workbench."""
    return render_template(f"workbench/{template}", pages=PAGES, old=_old_quarters(), **content)


def _old_quarters() -> list[str]:
    """How old CMS's tables in use are, in words; empty where they are of this quarter."""
    return list(old_quarters(current_app.extensions["fhir_massage"].facts, date.today()).values())


def asked_day(name: str = "on") -> date:
    """The day that the address or form asks about, today where it asks about none. Raises ``BadAnswer``."""
    text = request.values.get(name, "").strip()
    if not text:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadAnswer(f"{name}: write the day as YYYY-MM-DD") from None


def professions() -> list[tuple[str, str]]:
    """Every profession with what it is called."""
    return [(profession, profession_words(profession)) for profession in PROFESSIONS if profession != "other"]


def profession_words(profession: str) -> str:
    """``Physical therapist assistant``."""
    return "Advanced practitioner (NP, PA, CNS)" if profession == "advanced-practice" else sentence(profession)


def sentence(text: str) -> str:
    """``massage-therapist`` as ``Massage therapist``."""
    text = text.replace("-", " ")
    return text[:1].upper() + text[1:]


def dollars(amount: Any) -> str:
    """``$1,234.50``."""
    return f"${amount:,.2f}"


def linked(citations: Iterable[Citation]) -> list[tuple[str, str, str]]:
    """Title, address where it is safe to follow, and first day of each citation."""
    return [(cited.title, cited.url if cited.url.startswith("https://") else "", cited.in_force) for cited in citations]


def markdown(text: str) -> Markup:
    """Markdown as HTML, in which what was HTML stays text and no address leads anywhere but to a web page."""
    return Markup(_markdown().render(text))


def moment(at: datetime) -> str:
    """A moment as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).disable("image")
    made.validateLink = _is_web  # type: ignore[method-assign]
    return made


def _is_web(url: str) -> bool:
    return re.match(r"https?://", url) is not None


door.add_app_template_filter(dollars)
door.add_app_template_filter(sentence)
door.add_app_template_filter(markdown)
door.add_app_template_filter(moment)
door.add_app_template_filter(linked)
door.add_app_template_filter(profession_words)
