"""The workbench: pages for people, one module a page. They decide nothing: ``review`` and ``present`` do."""

from __future__ import annotations

from fhir_massage.web.workbench import answers, build, hooks, review, rules, savings
from fhir_massage.web.workbench.page import door

__all__ = ["answers", "build", "door", "hooks", "review", "rules", "savings"]
