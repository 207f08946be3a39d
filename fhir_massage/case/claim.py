"""From a Claim and all that came along to the case that rules see (the table "Reading FHIR R4")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from fhir_massage.case.benefits import benefits_on
from fhir_massage.case.history import Before
from fhir_massage.case.lines import day_of, service_of, single_day_of
from fhir_massage.case.payer import NOT_TOLD, Told, payer_named, payor_name, told_by
from fhir_massage.case.people import Directory, People, refers, rendering_member
from fhir_massage.case.place import state_of_service
from fhir_massage.case.record import Record
from fhir_massage.case.referral import read_referral
from fhir_massage.case.scope import item_is_ours
from fhir_massage.case.seen import (
    ClaimCase,
    Coverage,
    Diagnosis,
    Encounter,
    InsuranceSlot,
    Line,
    MinutesFrom,
    Named,
    Number,
    Provider,
)
from fhir_massage.edit.patch import touched_keys, touched_places
from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Policy
from fhir_massage.read import codes, dates, elements
from fhir_massage.read.quantity import measure, within_reason
from fhir_massage.read.read import Entry, part
from fhir_massage.read.references import Index, same

#: The elements of a Claim that nearly every correction touches, and no others.
_OFTEN_CORRECTED = frozenset({"item", "total"})
NOBODY = Provider(key=None, element="Claim.provider", named=False)


def claim_case(
    facts: Facts, index: Index, entry: Entry, record: Record, today: date, origin: Entry | None = None
) -> ClaimCase:
    """The case of one Claim. ``record`` is what came along; ``today`` the day of review.

    ``origin`` is the claim as it came, where ``entry`` is a corrected copy of it.
    """
    return ClaimReader(facts, index, entry, record, today, origin or entry).case()


class ClaimReader:
    """Reads one Claim, and copies of it that differ in little."""

    def __init__(self, facts: Facts, index: Index, entry: Entry, record: Record, today: date, origin: Entry) -> None:
        assert isinstance(entry.resource, elements.Claim)
        self.facts = facts
        self.index = index
        self.entry = entry
        self.record = record
        self.origin = origin
        self.today = today
        self.claim = entry.resource
        #: A corrected copy may bring records of its own, so what was read of the claim's is not for it.
        as_it_came = record.directory.index is index
        self.directory = record.directory if as_it_came else Directory(facts, index, today)
        self.people = People(self.directory, entry)
        self.patient = index.identity(self.claim.patient, entry)
        self.members: dict[int, Provider] = {}
        self.renderers: dict[tuple[int, ...], Provider] = {}
        self.biller: Provider | None = None
        self.payers = record.payers if as_it_came else {}
        self.policies: dict[date, Policy | None] = {}
        self.minutes_of = _minutes_by_sequence(self.claim.supporting_info)

    def case(self) -> ClaimCase:
        """The case of the claim."""
        claim = self.claim
        insurance = self._insurance()
        coverage_entry = None if insurance is None else self.index.find(insurance[1].coverage, self.entry)
        coverage = None if insurance is None else insurance[1].coverage
        payer = self._told(coverage_entry, coverage).payer
        self.payer = payer
        self.single_day = single_day_of(claim.billable_period)
        diagnoses = tuple(self._diagnosis(i, d) for i, d in enumerate(claim.diagnosis))
        self.by_sequence = {d.sequence: d for d in diagnoses if d.sequence is not None}
        self._read_members_with_identifier()
        lines = tuple(self._line(i, item) for i, item in enumerate(claim.item[: elements.MOST_LINES]))
        referral_element, referral_entry = self._referral()
        authorization = (
            None if insurance is None else next((r for r in insurance[1].pre_auth_ref if r and r.strip()), None)
        )
        slots = tuple(self._slot(i, s) for i, s in enumerate(claim.insurance[: elements.MOST_POLICIES]))
        referred_by = self._referred_by()
        by_number = authorization is not None and payer is not None and payer.payer_class == "veterans-affairs"
        return ClaimCase(
            facts=self.facts,
            today=self.today,
            resource=self.entry.name,
            lines=lines,
            encounters=_encounters(lines),
            diagnoses=diagnoses,
            providers=self._providers(lines),
            payer=None if payer is None else payer.id,
            payer_class=None if payer is None else payer.payer_class,
            payer_title="" if payer is None else payer.title,
            has_insurance=bool(claim.insurance),
            has_coverage=insurance is not None and insurance[1].coverage is not None,
            coverage=self._coverage(insurance, coverage_entry),
            referral=None
            if referral_entry is None
            else read_referral(self.directory, referral_entry, referral_element, self.patient),
            names_referral=claim.referral is not None
            or claim.prescription is not None
            or referred_by is not None
            or by_number,
            referred_by=referred_by,
            named=self._named(insurance, lines),
            authorization=authorization,
            authorization_element="Claim.insurance"
            if insurance is None
            else f"Claim.insurance[{insurance[0]}].preAuthRef",
            benefits=tuple(benefits_on(self.record, self.index, coverage_entry, self.patient)),
            created=dates.day(claim.created),
            total=_money(claim.total) if len(claim.item) <= elements.MOST_LINES else None,
            lines_beyond=max(len(claim.item) - elements.MOST_LINES, 0),
            insurances=slots,
            billed=None if insurance is None else slots[insurance[0]],
            accident=claim.accident is not None,
            institutional=any(code == "institutional" for _, code in codes.codes(claim.type)),
            asks_only=claim.use in ("preauthorization", "predetermination"),
            said_minutes=self._said_minutes(lines),
            read_json=self.entry.json,
            payer_name=self._payer_name(coverage_entry, coverage),
            bills_besides=self.record.history.bills_besides,
            read_visits=lambda: self._before.visits(),
            read_same_service=lambda provider, day, code: self._before.same_service(provider, day, code),
        )

    def revised(self, before: ClaimCase, copy: dict[str, Any]) -> ClaimCase | None:
        """The case of a copy of the claim, read again only in the lines that differ.

        ``before`` is the case of the claim as it came, with which the copy shares its untouched parts.
        ``None`` where they differ in more than lines and total: then all is to be read anew. Raises
        ``Unreadable`` where a line is none any more.
        """
        original = self.entry.json()
        touched = touched_keys(original, copy)
        if not _OFTEN_CORRECTED.issuperset(touched):
            return None
        if "item" not in touched:
            return msgspec.structs.replace(before, total=_total(copy), read_json=lambda: copy, memo={})
        items = copy.get("item", [])
        lines = list(before.lines[: len(items)])
        places = [*touched_places(original.get("item", []), items), *range(len(lines), len(items))]
        for place in places:
            line = self._line(place, part(items[place], elements.Item, f"Claim.item[{place}]"))
            lines[place : place + 1] = [line]
        changed = [(before.lines[place], lines[place]) for place in places if place < len(before.lines)]
        grouped = len(lines) == len(before.lines) and all(
            new.day == old.day and new.provider is old.provider for old, new in changed
        )
        return msgspec.structs.replace(
            before,
            lines=tuple(lines),
            encounters=_with(lines, before.encounters, [new for _, new in changed]) if grouped else _encounters(lines),
            named=before.named if grouped else self._named(self._insurance(), lines),
            total=_total(copy) if "total" in touched else before.total,
            read_json=lambda: copy,
            memo={},
        )

    # --- who pays ------------------------------------------------------------------------------

    def _insurance(self) -> tuple[int, elements.Insurance] | None:
        slots = list(enumerate(self.claim.insurance[: elements.MOST_POLICIES]))
        if not slots:
            return None
        for position, slot in slots:
            if slot.focal:
                return position, slot
        return min(slots, key=lambda numbered: numbered[1].sequence or 0)

    def _told(self, entry: Entry | None, reference: elements.Reference | None = None) -> Told:
        if entry is None or not isinstance(entry.resource, elements.Coverage):
            return NOT_TOLD if reference is None else payer_named(self.facts, reference, self.today)
        if id(entry) not in self.payers:
            self.payers[id(entry)] = told_by(self.facts, self.index, entry, self.today)
        return self.payers[id(entry)]

    def _payer_name(self, entry: Entry | None, reference: elements.Reference | None) -> str:
        if entry is None or not isinstance(entry.resource, elements.Coverage):
            return "" if reference is None else reference.display or ""
        return payor_name(self.index, entry)

    def _slot(self, position: int, slot: elements.Insurance) -> InsuranceSlot:
        told = self._told(self.index.find(slot.coverage, self.entry), slot.coverage)
        return InsuranceSlot(
            element=f"Claim.insurance[{position}]",
            sequence=slot.sequence,
            focal=bool(slot.focal),
            payer_class=None if told.payer is None else told.payer.payer_class,
            kind=told.kind,
        )

    def _coverage(self, insurance: tuple[int, elements.Insurance] | None, entry: Entry | None) -> Coverage | None:
        if insurance is None or entry is None or not isinstance(entry.resource, elements.Coverage):
            return None
        coverage = entry.resource
        starts = dates.days(coverage.period.start) if coverage.period else None
        ends = dates.days(coverage.period.end) if coverage.period else None
        return Coverage(
            element=f"Claim.insurance[{insurance[0]}].coverage",
            status=coverage.status,
            starts=None if starts is None else starts.first,
            ends=None if ends is None else ends.last,
            same_patient=same(self.patient, self.index.identity(coverage.beneficiary, entry)),
        )

    @cached_property
    def _before(self) -> Before:
        return self.record.history.before(self.entry, self.index, self.origin)

    # --- lines ---------------------------------------------------------------------------------

    def _line(self, position: int, item: elements.Item) -> Line:
        start, end = (None, None) if item.serviced_period is None else _moments(item.serviced_period)
        minutes, minutes_from = self._minutes(item, start, end)
        code, modifiers = service_of(item)
        units, in_minutes = _units(item.quantity)
        day = day_of(item, self.index, self.entry, self.single_day)
        regions, all_sites_known = self._regions(item)
        known = self.by_sequence
        diagnoses = tuple([known[pointer] for pointer in item.diagnosis_sequence if pointer in known])
        return Line(
            index=position,
            element=f"Claim.item[{position}]",
            sequence=item.sequence,
            code=code,
            words=self._words(item) if item.procedure_sequence or _says_more(item.product_or_service) else (),
            modifiers=modifiers,
            units=units,
            units_given_in_minutes=in_minutes,
            minutes=minutes,
            minutes_from=minutes_from,
            start=start,
            end=end,
            day=day,
            regions=regions,
            all_sites_known=all_sites_known,
            pointers=tuple(item.diagnosis_sequence),
            diagnoses=diagnoses,
            provider=self._rendering(item),
            policy=None if day is None else self._policy(day),
            unit_price=_money(item.unit_price),
            factor=None if item.factor is None else _decimal(within_reason(item.factor)),
            net=_money(item.net),
            place_of_service=codes.place_of_service(item.location_codeable_concept),
            of_other_system=code is None
            and any(codes.codes(item.product_or_service))
            and not item_is_ours(self.facts, item, self.today),
        )

    def _policy(self, day: date) -> Policy | None:
        if day not in self.policies:
            self.policies[day] = None if self.payer is None else self.facts.policy(self.payer.id, day, self._state)
        return self.policies[day]

    @cached_property
    def _state(self) -> str | None:
        """The state whose law holds, read only where the payer's policy depends on it."""
        if self.payer is None or not self.facts.policies[self.payer.id].states:
            return None
        return state_of_service(self.index, self.entry)

    def _minutes(
        self, item: elements.Item, start: datetime | None, end: datetime | None
    ) -> tuple[Number | None, MinutesFrom | None]:
        for sequence in item.information_sequence:
            if sequence in self.minutes_of:
                return self.minutes_of[sequence], "supportingInfo"
        if start is not None and end is not None:
            minutes = dates.minutes_between(start, end)
            if minutes is not None:
                return minutes, "servicedPeriod"
        for sequence in item.procedure_sequence:
            procedure = self._procedure(sequence)
            if procedure is not None and procedure.performed_period is not None:
                begun, done = _moments(procedure.performed_period)
                if begun is not None and done is not None:
                    minutes = dates.minutes_between(begun, done)
                    if minutes is not None:
                        return minutes, "procedure"
        minutes = _in_minutes(item.quantity)
        return (minutes, "quantity") if minutes is not None else (None, None)

    def _said_minutes(self, lines: Sequence[Line]) -> Number | None:
        """The minutes of the claim's only day that no line names: those of all its timed services together."""
        if len({line.day for line in lines}) != 1:
            return None
        named = {sequence for item in self.claim.item for sequence in item.information_sequence}
        return next((minutes for sequence, minutes in self.minutes_of.items() if sequence not in named), None)

    def _procedure(self, sequence: int) -> elements.Procedure | None:
        for procedure in self.claim.procedure:
            if procedure.sequence == sequence:
                return self.index.resource(procedure.procedure_reference, self.entry, elements.Procedure)
        return None

    def _words(self, item: elements.Item) -> tuple[str, ...]:
        """Texts and SNOMED CT codes (as ``snomed|code``) that say what was done on the line."""
        concepts = [_beside_code(item.product_or_service)]
        for sequence in item.procedure_sequence:
            for procedure in self.claim.procedure:
                if procedure.sequence == sequence:
                    concepts.append(procedure.procedure_codeable_concept)
            behind = self._procedure(sequence)
            if behind is not None:
                concepts.append(behind.code)
        found: list[str] = []
        for concept in concepts:
            found += codes.words(concept)
            found += [f"snomed|{code}" for system, code in codes.codes(concept) if system in codes.SNOMED_SYSTEMS]
        return tuple(found) or tuple(codes.words(item.product_or_service))

    def _regions(self, item: elements.Item) -> tuple[frozenset[str], bool]:
        """The regions treated, and whether each site that the line names is known to be in one."""
        regions: set[str] = set()
        all_known = True
        for site in (item.body_site, *item.sub_site):
            if site is None or codes.is_side(site):
                continue
            found = self.facts.regions_of_site(
                tuple([code for system, code in codes.codes(site) if system in codes.SNOMED_SYSTEMS]),
                tuple(codes.words(site)),
                self.today,
            )
            all_known = all_known and bool(found)
            regions |= found
        return frozenset(regions), all_known

    # --- who rendered ----------------------------------------------------------------------------

    def _rendering(self, item: elements.Item) -> Provider:
        named = tuple(item.care_team_sequence)
        if named not in self.renderers:
            position = rendering_member(self.claim.care_team, named)
            self.renderers[named] = self._biller() if position is None else self._member(position)
        return self.renderers[named]

    def _biller(self) -> Provider:
        if self.biller is None:
            self.biller = (
                NOBODY if self.claim.provider is None else self.people.provider(self.claim.provider, "Claim.provider")
            )
        return self.biller

    def _read_members_with_identifier(self) -> None:
        """First, so that a bare reference to the same person elsewhere is known to have that NPI too."""
        for position, member in enumerate(self.claim.care_team):
            if member.provider is not None and member.provider.identifier is not None:
                self._member(position)

    def _member(self, position: int) -> Provider:
        if position not in self.members:
            member = self.claim.care_team[position]
            element = f"Claim.careTeam[{position}].provider"
            self.members[position] = self.people.provider(member.provider, element, member.qualification)
        return self.members[position]

    def _referral(self) -> tuple[str, Entry | None]:
        """The order that the claim names as its referral, or else as its prescription, and the element that does."""
        if self.claim.referral is not None or self.claim.prescription is None:
            return "Claim.referral", self.index.find(self.claim.referral, self.entry)
        return "Claim.prescription", self.index.find(self.claim.prescription, self.entry)

    def _referred_by(self) -> Provider | None:
        """Who referred, as a care team member with an NPI; ``None`` where none is."""
        referring = [self._member(i) for i, member in enumerate(self.claim.care_team) if refers(member)]
        return next((provider for provider in referring if provider.npis or provider.unfetched), None)

    def _providers(self, lines: tuple[Line, ...]) -> tuple[Provider, ...]:
        """Every provider on the claim: the biller, the care team, and who rendered a line."""
        found: dict[str, Provider] = {}
        if self.claim.provider is not None:
            found["Claim.provider"] = self._biller()
        for position, member in enumerate(self.claim.care_team):
            if member.provider is not None:
                provider = self._member(position)
                found[provider.element] = provider
        return tuple(found.values())

    # --- the rest -----------------------------------------------------------------------------------

    def _diagnosis(self, position: int, diagnosis: elements.ClaimDiagnosis) -> Diagnosis:
        concept, given = diagnosis.diagnosis_codeable_concept, ""
        code = codes.diagnosis_code(concept)
        if code is None and diagnosis.diagnosis_reference is not None:
            condition = self.index.resource(diagnosis.diagnosis_reference, self.entry, elements.Condition)
            concept = None if condition is None else condition.code
            code = codes.diagnosis_code(concept)
            if condition is None and not self.index.is_unfetched(diagnosis.diagnosis_reference):
                given = "a Condition that did not come along"
        if code is None:
            given = given or codes.instead_of_diagnosis(concept)
        region = None if code is None else self.facts.diagnosis_regions.by_prefix(code, self.today)
        return Diagnosis(
            f"Claim.diagnosis[{position}]", diagnosis.sequence, code, None if region is None else region.region, given
        )

    def _named(self, insurance: tuple[int, elements.Insurance] | None, lines: Sequence[Line]) -> tuple[Named, ...]:
        named = []
        if insurance is not None:
            element = f"Claim.insurance[{insurance[0]}].coverage"
            named += self._reference(insurance[1].coverage, element, "coverage")
        named += self._reference(self.claim.referral, "Claim.referral", "referral")
        named += self._reference(self.claim.patient, "Claim.patient", "patient")
        for provider in {line.provider.element: line.provider for line in lines}.values():
            if not provider.resolved and not provider.unfetched:
                named.append(Named(provider.element, "rendering provider", False))
        return tuple(named)

    def _reference(self, reference: elements.Reference | None, element: str, what: str) -> list[Named]:
        if reference is None:
            return []
        found = self.index.find(reference, self.entry) is not None or self.index.is_unfetched(reference)
        return [] if found else [Named(element, what, False)]  # type: ignore[arg-type]


def _minutes_by_sequence(infos: Sequence[elements.SupportingInfo]) -> dict[int | None, Number]:
    """The minutes that each supporting information tells, by its sequence; of several, the first."""
    found: dict[int | None, Number] = {}
    for info in infos:
        minutes = _in_minutes(info.value_quantity)
        if minutes is not None:
            found.setdefault(info.sequence, minutes)
    return found


def _says_more(concept: elements.CodeableConcept | None) -> bool:
    """Whether a concept says anything besides one bare code."""
    if concept is None:
        return False
    return concept.text is not None or len(concept.coding) != 1 or _in_words(concept.coding[0])


def _in_words(coding: elements.Coding) -> bool:
    return coding.display is not None or coding.system not in codes.PROCEDURE_SYSTEMS


def _beside_code(concept: elements.CodeableConcept | None) -> elements.CodeableConcept | None:
    """The concept without its procedure codes, whose displays only say again what the code means."""
    if concept is None:
        return None
    others = [
        coding
        for coding in concept.coding
        if coding.system is not None and coding.system not in codes.PROCEDURE_SYSTEMS
    ]
    return elements.CodeableConcept(coding=others, text=concept.text)


def _total(claim: Mapping[str, Any]) -> Decimal | None:
    return _money(part(claim["total"], elements.Money, "Claim.total")) if "total" in claim else None


def _encounters(lines: Sequence[Line]) -> tuple[Encounter, ...]:
    groups: dict[tuple[date, str | None], list[Line]] = {}
    for line in lines:
        if line.day is not None:
            groups.setdefault((line.day, line.provider.key), []).append(line)
    return tuple(
        Encounter(day, provider, tuple(members), members[0].policy) for (day, provider), members in groups.items()
    )


def _with(lines: Sequence[Line], encounters: tuple[Encounter, ...], changed: Sequence[Line]) -> tuple[Encounter, ...]:
    """The encounters with lines as they are now: only those of changed lines are put together anew."""
    groups = {(line.day, line.provider.key) for line in changed}
    return tuple(
        [
            Encounter(each.day, each.provider, tuple([lines[line.index] for line in each.lines]), each.policy)
            if (each.day, each.provider) in groups
            else each
            for each in encounters
        ]
    )


def _moments(period: elements.Period) -> tuple[datetime | None, datetime | None]:
    return dates.moment(period.start), dates.moment(period.end)


def _units(quantity: elements.Quantity | None) -> tuple[Number | None, bool]:
    """The units of a line, and whether its quantity is in minutes or hours instead."""
    if quantity is None or quantity.value is None:
        return None, False
    kind = measure(quantity.code, quantity.unit)
    if kind == "count":
        value = within_reason(quantity.value)
        return (int(value) if value == int(value) else value), False
    return None, kind in ("minutes", "hours")


def _in_minutes(quantity: elements.Quantity | None) -> Number | None:
    if quantity is None or quantity.value is None or quantity.value < 0:
        return None
    kind, value = measure(quantity.code, quantity.unit), within_reason(quantity.value)
    if kind == "minutes":
        return value
    return value * 60 if kind == "hours" else None


def _money(money: elements.Money | None) -> Decimal | None:
    """Dollars; ``None`` for what is not known, or is in another currency."""
    if money is None or money.value is None or money.currency not in (None, "USD"):
        return None
    return _decimal(within_reason(money.value))


@lru_cache(maxsize=4096, typed=True)
def _decimal(value: Number) -> Decimal:
    """A number as it is written: ``58.0`` and ``58`` are told apart."""
    return Decimal(str(value))
