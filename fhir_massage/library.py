"""The library's door: reviews and answers for programs and notebooks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from fhir_massage.engine.answer import Answer
from fhir_massage.engine.answer import answer as answer_from
from fhir_massage.engine.report import Report as Reviewed
from fhir_massage.engine.run import review as review_with
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.present.finding import report_as_json
from fhir_massage.present.frame import frame
from fhir_massage.read.read import encode
from fhir_massage.rules import rule_plugins

if TYPE_CHECKING:
    from pandas import DataFrame


class PluginLeftOut(UserWarning):
    """An installed package could not be loaded; the rest is in use."""


class Report(Reviewed):
    """The outcome of one review, with the ways in which programs and notebooks take it on."""

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON content, as ``fhir-massage check --format json`` prints it."""
        content: dict[str, Any] = msgspec.json.decode(encode(report_as_json(self)))
        return content

    def to_frame(self) -> DataFrame:
        """The findings as a pandas DataFrame, a row each. Raises ``MissingExtra`` without the extra ``frame``."""
        return frame(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from fhir_massage.present.page import html  # templates are read by notebooks alone

        return html(self)

    def __repr__(self) -> str:
        counts = f"{len(self.findings)} findings, {len(self.claims)} claims, {len(self.orders)} orders"
        return f"<Report on {self.on}: {counts}>"


def review(content: bytes | str | Mapping[str, Any], *, on: date | None = None, facts: Facts | None = None) -> Report:
    """Review a claim, order, Bundle, Parameters, hook request or X12 interchange.

    ``on`` is the day of the review (default today), ``facts`` default to the shipped ones with those of
    installed packages. Raises ``Unreadable`` where nothing can be read. Warns ``PluginLeftOut`` once where
    an installed package could not be loaded.
    """
    found = review_with(content, on=on, facts=facts or _facts())
    return Report(
        on=found.on,
        findings=found.findings,
        claims=found.claims,
        orders=found.orders,
        out_of_scope=found.out_of_scope,
        x12=found.x12,
        unread=found.unread,
        broken=found.broken,
        originals=found._originals,
        cases=found.cases,
        correct=found._correct,
    )


def answer(code: str, payer: str, profession: str, on: date | None = None, facts: Facts | None = None) -> Answer:
    """Whether the profession may bill the code to the payer (a class or a named payer) on that day.

    ``on`` and ``facts`` default as in ``review``. Raises ``UnknownQuestion`` for a code, payer or profession
    that is not known, with those that are.
    """
    return answer_from(code, payer, profession, on or date.today(), facts or _facts())


@cache
def _facts() -> Facts:
    """The shipped facts; what had to be left out of installed packages is told the first time."""
    facts = shipped()
    for plugin in (*facts.plugins, *rule_plugins()):
        if plugin.problem is not None:
            told = f"the plugin {plugin.title} is left out: {plugin.problem}"
            warnings.warn(told, PluginLeftOut, stacklevel=3)
    return facts
