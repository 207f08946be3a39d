"""The claim as a whole: its dates, its charges, and what was billed twice."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from fhir_massage.case.seen import ClaimCase, EarlierLine, Encounter, Line, Number
from fhir_massage.edit.changes import CENT, ClaimChange
from fhir_massage.edit.finding import Correction, Denial, Edit, Found
from fhir_massage.facts.policy import FilingLimit
from fhir_massage.rules.registry import claim_rule
from fhir_massage.rules.tools import certain, change, cite, confirmed, counted, days_after, named

#: Modifiers that say that a service was given once more on the same day.
REPEATED = frozenset({"76", "77", "91"})
UCUM = "http://unitsofmeasure.org"
INFORMATION = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claiminformationcategory", "code": "info"}]}


@claim_rule(
    "service-date-missing",
    family="claim",
    severity="error",
    title="A line has no date of service",
    denial=Denial("CO", "16"),
)
def service_date_missing(case: ClaimCase) -> Iterator[Found]:
    """Ask for the day of each service.

    What it checks
    A line without a date of service: neither its own date, nor the start of its own period, nor a period
    of the claim that is one day. A date that names only a month or a year is no day.

    Why it is denied
    Coverage, codes, edits and time limits all hang on the day. A line without is sent back as incomplete
    (CO-16).

    What to do
    Give the day of the service from the record of the visit.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 24A.
    """
    for line in case.lines:
        if line.day is None:
            partial = _partial_date(case.read_json(), line.index)
            given = f"its date, {partial}, names no day" if partial else "it has no date of service"
            yield Found(
                f"{line.element}.servicedDate", f"Line {line.index + 1} ({line.code or 'without a code'}): {given}."
            )


@claim_rule(
    "service-date-invalid",
    family="claim",
    severity="error",
    title="The date of service lies ahead",
    denial=Denial("CO", "110"),
)
def service_date_invalid(case: ClaimCase) -> Iterator[Found]:
    """Refuse a service that had not been given when it was billed.

    What it checks
    A date of service after the day of the review, or after the day on which the claim was created.

    Why it is denied
    A claim is for what has been done. A date of service after the bill is denied (CO-110).

    What to do
    Correct the date, or wait with the claim until the service has been given.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, item 24A; X12, claim adjustment
    reason code 110.
    """
    told: set[str] = set()
    for line in case.lines:
        if line.day is None or (line.day <= case.today and (case.created is None or line.day <= case.created)):
            continue
        element = _dated_element(case.read_json(), line)
        if element in told:
            continue
        told.add(element)
        after = (
            f"the day of this review, {case.today}"
            if line.day > case.today
            else f"the claim itself, which was created on {case.created}"
        )
        yield Found(
            element,
            f"{named(case.facts, line.code, line.day)}: the date of service, {line.day}, is later than {after}.",
            citations=cite(
                case.facts,
                *case.facts.rule_sources.all("service-date-invalid", case.today),
                case.facts.denials.find(("carc", "110"), case.today),
            ),
        )


@claim_rule(
    "timely-filing-exceeded",
    family="claim",
    severity="error",
    title="Sent later than the payer allows",
    topic="limits",
    denial=Denial("CO", "29"),
)
def timely_filing_exceeded(case: ClaimCase) -> Iterator[Found]:
    """Hold the day of the claim against the payer's time limit.

    What it checks
    A claim created later after the date of service than the payer's policy allows. Medicare allows one
    calendar year: a service of 29 February is to be billed by 28 February of the next year.

    Why it is denied
    The payer denies what comes too late (CO-29), and the patient may not be billed for it.

    What to do
    Nothing on the claim will mend it. Where the delay was the payer's, or the patient was covered only
    afterwards, ask the payer for an exception.

    Source
    The payer's own policy, named in the finding.
    """
    if case.created is None:
        return
    late = [(line, last) for line in case.lines if (last := _last_day(line)) is not None and last < case.created]
    if not late:
        return
    line, last = min(late, key=lambda found: found[1])
    limit = _limit(line)
    assert line.day is not None
    assert limit is not None
    lines = "" if len(late) == 1 else f" ({counted(len(late), 'line')} are late)"
    charges = [each.charge for each, _ in late]
    yield Found(
        "Claim.created",
        f"Created on {case.created}, but {case.payer_title} takes a claim for a service of {line.day} "
        f"only until {last}{lines}.",
        citations=cite(case.facts, limit),
        at_risk=None if None in charges else sum((charge for charge in charges if charge is not None), Decimal(0)),
    )


@claim_rule(
    "charge-mismatch",
    family="claim",
    severity="error",
    title="Charges do not add up",
    denial=Denial("CO", "16"),
)
def charge_mismatch(case: ClaimCase) -> Iterator[Found]:
    """Do the sums of the claim.

    What it checks
    A line's net charge against its units times its unit price (times its factor), and the claim's total
    against the sum of its lines. Where the total is right and a line is wrong, only the line is told of.

    Why it is denied
    A claim whose charges do not add up is sent back before it is looked at (CO-16).

    What to do
    Bill the product, and the sum.

    Source
    CMS, Medicare Learning Network, web-based training on the CMS-1500, items 24F and 28; HL7, FHIR R4,
    Claim.item.net and Claim.total.
    """
    right: list[Decimal | None] = []
    for line in case.lines:
        product = _product(line)
        if product is None or line.net is None or product == _cents(line.net) or _has_details(case, line):
            right.append(line.net)
            continue
        right.append(product)
        yield Found(
            f"{line.element}.net",
            f"{named(case.facts, line.code, line.day)}: {_dollars(line.net)} is charged, while "
            f"{_sum_in_words(line)} make {_dollars(product)}.",
            (certain(f"Charge {_dollars(product)}", change(case).net(line.index, product)),),
            at_risk=line.net,
        )
    sums = [_sum([line.net for line in case.lines]), _sum(right)]
    if case.total is None or None in sums or _cents(case.total) in sums:
        return
    total = tuple(change(case).total_of_nets())
    yield Found(
        "Claim.total",
        f"The total is {_dollars(case.total)}, while the lines add up to {_dollars(sums[0] or Decimal(0))}.",
        (Correction(f"Make the total {_dollars(sums[0] or Decimal(0))}", total),) if total else (),
    )


@claim_rule(
    "duplicate-line",
    family="claim",
    within="encounter",
    severity="error",
    title="The same service on two lines",
    topic="duplicate-therapy",
    denial=Denial("CO", "18"),
)
def duplicate_line(case: ClaimCase) -> Iterator[Found]:
    """Find a service that stands on the claim twice.

    What it checks
    Two lines of one encounter with the same code and the same modifiers, in whatever order. Modifiers 76,
    77 and 91 say that a service was given once more, and break it.

    Why it is denied
    The second line is denied as an exact duplicate (CO-18).

    What to do
    If both were given, bill them on one line with the units added. If the service was given once, remove
    one line.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, detection of duplicate claims; X12,
    claim adjustment reason code 18.
    """
    for encounter in case.encounters:
        if len({line.code for line in encounter.lines}) < len(encounter.lines):
            for first, second in _alike(encounter):
                yield Found(
                    second.element,
                    f"{_with_modifiers(case, second)} on {encounter.day} stands on line {first.index + 1} already.",
                    tuple(_one_of(case, first, second)),
                    cite(
                        case.facts,
                        *case.facts.rule_sources.all("duplicate-line", encounter.day),
                        case.facts.denials.find(("carc", "18"), encounter.day),
                    ),
                )


@claim_rule(
    "duplicate-claim",
    family="claim",
    severity="error",
    title="Billed on another claim already",
    topic="duplicate-therapy",
    denial=Denial("CO", "18"),
)
def duplicate_claim(case: ClaimCase) -> Iterator[Found]:
    """Find a service that another claim has billed before.

    What it checks
    Another claim, or a payer's answer to one, that came along with the same patient, rendering provider,
    date of service and code, was sent before this one, and is not the one that this claim says it replaces
    (a related claim that is only associated is not replaced). A cancelled claim was sent all the same. A repeat that is marked as one (76, 77, 91) is none.

    Why it is denied
    The service is denied as a duplicate of the claim that came first (CO-18).

    What to do
    Do not send it again. To correct a claim that was sent, name it in this claim as the one replaced.

    Source
    CMS, Medicare Claims Processing Manual (Pub. 100-04), chapter 1, detection of duplicate claims; X12,
    claim adjustment reason code 18.
    """
    if not case.bills_besides:
        return
    for line in case.lines:
        billed = _billed_before(case, line)
        if billed is not None:
            yield Found(
                line.element,
                f"{named(case.facts, line.code, line.day)} of {line.day} was billed by the same provider on "
                f"{billed.claim} already.",
                citations=cite(
                    case.facts,
                    *case.facts.rule_sources.all("duplicate-claim", line.day or case.today),
                    case.facts.denials.find(("carc", "18"), line.day or case.today),
                ),
            )


# --- dates --------------------------------------------------------------------------------------------


def _partial_date(claim: Mapping[str, Any], index: int) -> str | None:
    """The date of a line as written, where one is written that names no single day."""
    item = claim["item"][index]
    for text in (item.get("servicedDate"), (item.get("servicedPeriod") or {}).get("start")):
        if isinstance(text, str) and text[:4].isdigit() and len(text) in (4, 7):
            return text
    return None


def _dated_element(claim: Mapping[str, Any], line: Line) -> str:
    """Where the line's day is written."""
    item = claim["item"][line.index]
    for key in ("servicedDate", "servicedPeriod"):
        if key in item:
            return f"{line.element}.{key}"
    return "Claim.billablePeriod"


def _limit(line: Line) -> FilingLimit | None:
    return None if line.policy is None else line.policy.filing_limit


def _last_day(line: Line) -> date | None:
    """The last day on which the line may be sent; ``None`` where no limit is known."""
    limit = _limit(line)
    if limit is None or line.day is None:
        return None
    if limit.days is not None:
        return days_after(line.day, limit.days)
    return None if limit.months is None else _months_after(line.day, limit.months)


@lru_cache(maxsize=4096)
def _months_after(day: date, months: int) -> date:
    """The same day so many months later, or the month's last where it has no such day; the last day of all at most."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > MAXYEAR:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


# --- charges --------------------------------------------------------------------------------------------


def _product(line: Line) -> Decimal | None:
    """What the line's units make in whole cents; ``None`` where they are not known, or nought or less."""
    if line.units is None or line.units <= 0 or line.product is None:
        return None
    return _cents(line.product)


def _has_details(case: ClaimCase, line: Line) -> bool:
    """Whether the line has lines of its own, which make up its charge."""
    return bool(case.read_json()["item"][line.index].get("detail"))


def _sum(nets: list[Decimal | None]) -> Decimal | None:
    known = [_cents(net) for net in nets if net is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(nets) else None


@lru_cache(maxsize=4096)
def _cents(dollars: Decimal) -> Decimal:
    return dollars.quantize(CENT, ROUND_HALF_UP)


def _dollars(amount: Decimal) -> str:
    return f"${_cents(amount):,}"


def _sum_in_words(line: Line) -> str:
    factor = "" if line.factor is None else f" times {line.factor.normalize():f}"
    return f"{counted(line.units or 0, 'unit')} at {_dollars(line.unit_price or Decimal(0))}{factor}"


# --- duplicates -----------------------------------------------------------------------------------------


def _alike(encounter: Encounter) -> Iterator[tuple[Line, Line]]:
    """Each line that repeats an earlier one of the encounter, with that one."""
    seen: dict[tuple[str, frozenset[str]], Line] = {}
    for line in encounter.lines:
        modifiers = frozenset(line.modifiers)
        if line.code is None or modifiers & REPEATED:
            continue
        first = seen.setdefault((line.code, modifiers), line)
        if first is not line:
            yield first, line


def _with_modifiers(case: ClaimCase, line: Line) -> str:
    modifiers = f" with {' '.join(line.modifiers)}" if line.modifiers else ""
    return f"{named(case.facts, line.code, line.day)}{modifiers}"


def _billed_before(case: ClaimCase, line: Line) -> EarlierLine | None:
    """The line that billed the same service before, where neither says that it is a repeat."""
    if line.provider.key is None or line.day is None or line.code is None or not REPEATED.isdisjoint(line.modifiers):
        return None
    others = case.read_same_service(line.provider.key, line.day, line.code)
    return next((other for other in others if other.sent_before and REPEATED.isdisjoint(other.modifiers)), None)


def _one_of(case: ClaimCase, first: Line, second: Line) -> Iterator[Correction]:
    if _is_whole(first.units) and _is_whole(second.units):
        units = int(first.units or 0) + int(second.units or 0)
        merged = change(case).units(first.index, units)
        if first.unit_price is None and first.net is not None and second.net is not None:
            merged.net(first.index, first.net + second.net)
        added = _add_minutes(case, merged, first, second)
        merged.remove(second.index)
        yield Correction(
            f"Bill line {first.index + 1} with {counted(units, 'unit')}, and remove line {second.index + 1}",
            (*added, *merged.edits()),
            "that both were given, and are the same service",
        )
    yield confirmed(
        f"Remove line {second.index + 1}",
        change(case).remove(second.index),
        f"that {second.code} was given once",
    )


def _is_whole(units: Number | None) -> bool:
    return units is not None and units > 0 and units == int(units)


def _add_minutes(case: ClaimCase, merged: ClaimChange, first: Line, second: Line) -> list[Edit]:
    """The minutes of both lines given to the first, where both are known and not the same ones.

    A line's minutes are the first that its information names, so their sum goes ahead of what it names.
    """
    if first.minutes is None or second.minutes is None:
        return []
    claim = case.read_json()
    one, other = (claim["item"][line.index] for line in (first, second))
    if first.minutes_from == second.minutes_from == "supportingInfo" and (
        one.get("informationSequence") == other.get("informationSequence")
    ):
        return []
    infos = claim.get("supportingInfo", [])
    sequence = max((info.get("sequence", 0) for info in infos), default=0) + 1
    info = {
        "sequence": sequence,
        "category": infos[0]["category"] if infos and "category" in infos[0] else INFORMATION,
        "valueQuantity": {"value": first.minutes + second.minutes, "unit": "min", "system": UCUM, "code": "min"},
    }
    merged.put(first.index, "/informationSequence", [sequence, *one.get("informationSequence", [])])
    return [Edit("add", "/supportingInfo/-", info) if infos else Edit("add", "/supportingInfo", [info])]
