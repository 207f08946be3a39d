"""Reviewing everything that arrived: which claims and orders, and their findings in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from fhir_massage.case.record import Record
from fhir_massage.case.scope import NOT_REVIEWED, in_scope, order_is_ours
from fhir_massage.edit.finding import Finding
from fhir_massage.engine.effort import Effort, IsUp, never
from fhir_massage.engine.prove import Review, order_of
from fhir_massage.engine.report import Report
from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import Facts, shipped
from fhir_massage.read import elements
from fhir_massage.read.read import Arrival, Entry, read
from fhir_massage.read.references import Index


def review(content: bytes | str | Mapping[str, Any], *, on: date | None = None, facts: Facts | None = None) -> Report:
    """Review a claim, order, Bundle, Parameters, hook request or X12 interchange.

    ``on`` is the day of the review (default today), ``facts`` default to the shipped ones. Raises
    ``Unreadable`` where nothing can be read.
    """
    day = on.date() if isinstance(on, datetime) else on or date.today()
    return review_arrival(read(content), on=day, facts=facts or shipped())


def review_arrival(
    arrival: Arrival,
    *,
    on: date,
    facts: Facts,
    subjects: Sequence[Entry] | None = None,
    index: Index | None = None,
    record: Record | None = None,
    sent_to: Mapping[str, elements.Reference] | None = None,
    is_up: IsUp = never,
) -> Report:
    """Review what arrived. ``subjects`` are the claims and orders to review, where not all that count.

    ``index`` finds what references mean, where that is more than what arrived; ``record`` is what came along of the
    patients, where it was sorted before. ``sent_to`` says, by an
    order's name, whom it is being sent to, where that is being chosen. When ``is_up`` says that the time allowed is
    used up, the report has what was reviewed by then, and says how many were not.
    """
    chosen = sent_to or {}
    index = index or Index(arrival.entries, arrival.unfetched)
    if subjects is None:
        subjects = under_review(arrival.entries, index, facts=facts, on=on)
    record = record or Record(facts, index, arrival.entries, on)
    ours = in_scope(facts, subjects, on)
    effort = Effort(len(ours), is_up)
    reviews: list[Review] = []
    findings: list[Finding] = []
    for entry in ours:
        if is_up():
            break
        each = Review(facts, index, entry, record, on, effort=effort, sent_to=chosen.get(entry.name))
        findings += each.proved()
        reviews.append(each)
    findings.sort(key=order_of)
    return Report(
        on=on,
        findings=tuple(findings),
        claims=tuple([each.entry.name for each in reviews if each.entry.kind == "Claim"]),
        orders=tuple([each.entry.name for each in reviews if each.entry.kind == "ServiceRequest"]),
        out_of_scope=_out_of_scope(subjects, ours),
        x12=arrival.x12,
        unread=(*arrival.unread, *_not_reviewed(len(ours) - len(reviews))),
        broken=tuple([broken for each in reviews for broken in each.broken]),
        originals={each.entry.name: each.entry.json for each in reviews},
        cases={each.entry.name: each.case for each in reviews},
        correct=lambda: {each.entry.name: corrected for each in reviews if (corrected := each.corrected()) is not None},
    )


def _not_reviewed(count: int) -> list[Unreadable]:
    if not count:
        return []
    what = "1 claim or order was" if count == 1 else f"{count:,} claims and orders were"
    return [Unreadable(f"{what} not reviewed: the time allowed for one request was used up. Send fewer at once")]


def reviewed(arrival: Arrival, facts: Facts, on: date) -> list[Entry]:
    """The claims and orders of an arrival that are reviewed where none are chosen."""
    return under_review(arrival.entries, Index(arrival.entries, arrival.unfetched), facts=facts, on=on)


def joined(reports: Sequence[Report], on: date) -> Report:
    """Several reports as one, its findings in their order."""
    findings = [finding for report in reports for finding in report.findings]
    owners = {name: report for report in reports for name in (*report.claims, *report.orders)}
    return Report(
        on=on,
        findings=tuple(sorted(findings, key=order_of)),
        claims=tuple(name for report in reports for name in report.claims),
        orders=tuple(name for report in reports for name in report.orders),
        out_of_scope=tuple(name for report in reports for name in report.out_of_scope),
        x12={name: places for report in reports for name, places in report.x12.items()},
        unread=tuple(error for report in reports for error in report.unread),
        broken=tuple(broken for report in reports for broken in report.broken),
        originals={name: partial(report.original, name) for name, report in owners.items()},
        cases={name: case for report in reports for name, case in report.cases.items()},
        correct=lambda: {name: resource for report in reports for name, resource in report.corrected.items()},
    )


def under_review(
    entries: Sequence[Entry], index: Index, *, facts: Facts, on: date, any_claim: bool = False
) -> list[Entry]:
    """The claims and orders that are reviewed, by the rule book's "What is reviewed".

    ``any_claim`` says that a claim came along that is not among the entries.
    """
    every_claim = [entry for entry in entries if isinstance(entry.resource, elements.Claim)]
    claims = [entry for entry in every_claim if entry.resource.status not in NOT_REVIEWED]  # type: ignore[attr-defined]
    requests = [entry for entry in entries if isinstance(entry.resource, elements.ServiceRequest)]
    if not requests:
        return claims
    referrals = {id(index.find(entry.resource.referral, entry)) for entry in every_claim}  # type: ignore[attr-defined]
    return claims + [
        entry
        for entry in requests
        if entry.container is None
        and id(entry) not in referrals
        and _is_ordered(entry, entry.resource, any_claim=any_claim or bool(every_claim))  # type: ignore[arg-type]
        and order_is_ours(facts, entry.resource, on)  # type: ignore[arg-type]
    ]


def _out_of_scope(subjects: Sequence[Entry], ours: Sequence[Entry]) -> tuple[str, ...]:
    if len(ours) == len(subjects):
        return ()
    kept = {id(entry) for entry in ours}
    return tuple([entry.name for entry in subjects if id(entry) not in kept])


def _is_ordered(entry: Entry, request: elements.ServiceRequest, *, any_claim: bool) -> bool:
    if entry.path and entry.path[0] in ("context", "prefetch"):
        return entry.path[0] == "context"
    return not any_claim or request.status == "draft"
