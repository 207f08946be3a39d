"""What is recorded of a hook call and of feedback, with as much of the patient as may be kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from fhir_massage.engine.coverage import Assertion
from fhir_massage.engine.report import Report
from fhir_massage.hooks.feedback import Outcome
from fhir_massage.present.card import Made
from fhir_massage.read.read import encode
from fhir_massage.store.privacy import Privacy

Json = dict[str, Any]
#: Never kept, whatever the settings say: it opens the EHR.
_SECRET = "fhirAuthorization"


def hook_call(
    *,
    at: datetime,
    service: str,
    request: Mapping[str, Any],
    report: Report,
    made: Iterable[Made],
    assertions: Mapping[str, Assertion],
    answer: Json,
    milliseconds: float,
    privacy: Privacy,
) -> Json:
    """The row of ``hook_calls``."""
    whole = privacy.keep == "everything"
    names = [privacy.name(name) for name in (*report.claims, *report.orders)]
    return {
        "at": at,
        "service": service,
        "hook_instance": request["hookInstance"][:100],
        "rules": [finding.rule for finding in report.findings],
        "cards": [each.card["uuid"] for each in made],
        "milliseconds": milliseconds,
        "patient": privacy.name(request["context"]["patientId"]),
        "reviewed": [name for name in names if name is not None],
        "assertions": [_asserted(name, assertion) for name, assertion in assertions.items()],
        "request": _plain({k: v for k, v in request.items() if k != _SECRET}) if whole else None,
        "answer": _plain(answer) if whole else None,
    }


def sent_card(made: Made, *, at: datetime, service: str) -> Json:
    """The row of ``cards``."""
    return {
        "uuid": made.card["uuid"],
        "at": at,
        "service": service,
        "topic": made.topic,
        "rules": list(made.rules),
        "suggestions": made.suggestions,
    }


def feedback(outcome: Outcome, *, at: datetime, service: str, comments: bool) -> Json:
    """The row of ``feedback``. What the user wrote is kept only where ``comments`` says so."""
    return {
        "at": at,
        "service": service,
        "card": outcome.card,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "outcome_at": outcome.at,
        "suggestions": list(outcome.suggestions),
        "reason_system": None if outcome.system is None else outcome.system[:200],
        "comment": outcome.comment if comments else None,
    }


def _asserted(id: str, assertion: Assertion) -> Json:
    """An assertion of coverage without the words and references that say whose it was."""
    return {
        "id": id,
        "covered": assertion.covered,
        "authorization": assertion.authorization,
        "codes": list(assertion.codes),
        "reasons": [why.text for why in assertion.reasons],
    }


def _plain(content: Any) -> Any:
    """Content with its decimals as numbers that any JSON column takes."""
    return msgspec.json.decode(encode(content))
