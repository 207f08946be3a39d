"""Who may bill what to whom and when, asked of the facts and policies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cached_property

import msgspec

from fhir_massage.facts.book import Facts
from fhir_massage.facts.policy import Flag, Policy
from fhir_massage.facts.rows import Pair
from fhir_massage.rules.payment import refusal
from fhir_massage.rules.tools import flag_for, follows_ncci
from fhir_massage.synthetic.repertoire import COMPLAINTS, FOREIGN_COMPLAINTS, SERVICES, SPINE

#: The time in which the services of made-up claims lie.
FIRST_DAY = date(2018, 1, 1)
LAST_DAY = date(2026, 10, 31)
BUNDLED = "B"


class Setting(msgspec.Struct, frozen=True):
    """A profession that bills a payer from some day on, and the codes that it may bill then."""

    payer: str
    profession: str
    day: date
    policy: Policy
    codes: tuple[str, ...]


class PayerName(msgspec.Struct, frozen=True):
    """A way to write a coverage so that its payer is known: the payor's name or identifier, the plan's type."""

    name: str | None = None
    identifier: str | None = None
    type_system: str | None = None
    type_code: str | None = None


class Market:
    """What the facts let be billed. Look-ups are kept, because the same ones come again for every claim."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._codes: dict[tuple[int, str, int], tuple[str, ...]] = {}
        self._complaints: dict[tuple[int, str, int], tuple[str, ...]] = {}
        self._valid: dict[int, tuple[str, ...]] = {}
        self._names: dict[str, tuple[PayerName, ...]] = {}

    def policy(self, payer: str, day: date) -> Policy:
        """The payer's policy on that day."""
        return self.facts.policies[payer].on(day)

    @cached_property
    def payers(self) -> tuple[str, ...]:
        """The payers that a coverage can be made for."""
        return tuple(payer for payer in sorted(self.facts.policies) if self.names(payer))

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Who may bill whom, looked at on the first day of every quarter."""
        return tuple(self._settings())

    def _settings(self) -> Iterator[Setting]:
        days = [date(year, month, 1) for year in range(FIRST_DAY.year, LAST_DAY.year + 1) for month in (1, 4, 7, 10)]
        for payer in self.payers:
            for profession in SERVICES:
                for day in days:
                    codes = self.codes(payer, profession, day)
                    if codes:
                        yield Setting(payer, profession, day, self.policy(payer, day), codes)

    def codes(self, payer: str, profession: str, day: date) -> tuple[str, ...]:
        """The codes that the profession gives and the payer pays it for on that day."""
        policy = self.policy(payer, day)
        key = (id(policy), profession, day.year)
        if key not in self._codes:
            self._codes[key] = tuple(c for c in SERVICES[profession] if self.is_paid(policy, c, profession, day))
        return self._codes[key]

    def is_paid(self, policy: Policy, code: str, profession: str, day: date) -> bool:
        """Whether the code is billed to the payer as it is, and the profession is paid for it."""
        if self.facts.retired_procedures.find(code, day) is not None or policy.accepted_code(code) is not None:
            return False
        if policy.manipulation_modifier is not None and code in ("98941", "98942"):
            return False  # each region would want a diagnosis of its own
        if refusal(self.facts, policy, code, profession, day) is not None or self.is_bundled(policy, code):
            return False
        covered = policy.covered(code, profession)
        if covered is not None and covered.answer == "no":
            return False
        # A policy that says who is paid for a code, and does not name this profession, is no promise.
        silent = not any(entry.covers_code(code) for entry in policy.payable_entries)
        return silent or policy.payable(code, profession) is not None

    def is_bundled(self, policy: Policy, code: str) -> bool:
        """Whether the payer never pays the code by itself."""
        follows = policy.follows_fee_schedule
        status = self.facts.procedure_status.ever(code)
        return follows is not None and follows.value and any(row.status == BUNDLED for row in status)

    def complaints(self, policy: Policy, code: str, day: date) -> tuple[str, ...]:
        """The diagnoses valid on that day that support the code to this payer."""
        key = (id(policy), code, day.year * 100 + day.month)
        if key not in self._complaints:
            valid = self.valid_complaints(day)
            self._complaints[key] = tuple(c for c in valid if self._supports(policy, code, c, day))
        return self._complaints[key]

    def valid_complaints(self, day: date) -> tuple[str, ...]:
        """The complaints whose codes are valid in the month of that day: codes change on the first of a month."""
        key = day.year * 100 + day.month
        if key not in self._valid:
            self._valid[key] = tuple(c for c in COMPLAINTS if self.is_valid(c, day))
        return self._valid[key]

    def foreign_complaints(self, policy: Policy, code: str, day: date) -> list[str]:
        """Diagnoses that do not support the code, where the payer asks for one that does; else none."""
        if not self._is_listed(policy, code):
            return []
        return [
            c for c in (*FOREIGN_COMPLAINTS, *COMPLAINTS)
            if (c in FOREIGN_COMPLAINTS or self.is_valid(c, day)) and not self._supports(policy, code, c, day)
        ]  # fmt: skip

    def is_valid(self, diagnosis: str, day: date) -> bool:
        """Whether the facts know the diagnosis as one to be billed on that day."""
        row = self.facts.diagnosis_codes.find(diagnosis, day)
        return row is not None and row.billable

    def _is_listed(self, policy: Policy, code: str) -> bool:
        return policy.supporting(code) is not None or code in self.facts.supported_procedures

    def _supports(self, policy: Policy, code: str, diagnosis: str, day: date) -> bool:
        own = policy.supporting(code)
        if own is not None:
            return diagnosis.startswith(own.prefixes)
        if code not in self.facts.supported_procedures:
            return True
        return self.facts.supports(code, diagnosis, day)

    def names(self, payer: str) -> tuple[PayerName, ...]:
        """The ways to write a coverage of the payer."""
        if payer not in self._names:
            self._names[payer] = tuple(self._ways(payer))
        return self._names[payer]

    def _is_supplement(self, name: str) -> bool:
        """Whether a name is that of a policy that follows another payer, and so is not billed alone."""
        words = self.facts.payor_in_words(name, LAST_DAY)
        return words is not None and words.kind == "supplement"

    def _ways(self, payer: str) -> Iterator[PayerName]:
        file = self.facts.policies[payer].file
        typology = self.facts.payment_typology
        types = [("https://nahdo.org/sopt", code) for row in typology if row.payer == file.payer_class
                 and row.kind == "plan" and typology.by_prefix(code := row.prefix + row.prefix[-1], LAST_DAY) is row]  # fmt: skip
        types += [(row.system, row.code) for row in self.facts.coverage_types if row.payer == file.payer_class]
        payors = [row for row in self.facts.payors if row.payer == payer and row.in_force(LAST_DAY)
                  and not self._is_supplement(row.value)]  # fmt: skip
        if payer == file.payer_class:
            for system, code in types:
                yield PayerName(type_system=system, type_code=code)
        for name, identifier in [
            *((own.name, own.identifier) for own in file.payors),
            *((row.value, None) for row in payors if row.kind == "name"),
            *((None, row.value) for row in payors if row.kind == "identifier"),
        ]:
            yield PayerName(name, identifier)
            for system, code in types[:1]:
                yield PayerName(name, identifier, system, code)

    def pair(self, policy: Policy, one: str, two: str, day: date) -> Pair | None:
        """The NCCI pair that two codes make for the payer, whichever way round.

        A pair that had not ended by that day counts, though the copy at hand may be younger than the pair.
        """
        if not follows_ncci(policy):
            return None
        for key in ((one, two), (two, one)):
            found = self.facts.ptp_pairs.find(key, day)
            if found is not None and found.indicator != "9":
                return found
        for key in ((one, two), (two, one)):
            if key in self.facts.ptp_pairs:
                for pair in self.facts.ptp_pairs.ever(key):
                    if pair.indicator != "9" and (pair.end is None or pair.end >= day):
                        return pair
        return None

    def most_units(self, policy: Policy, code: str, day: date) -> int:
        """The most units of a code that the payer takes on one day."""
        limits = [entry.units for entry in policy.daily_units if entry.covers_code(code) or "timed" in entry.codes]
        edit = self.facts.mue.find(code, day) if follows_ncci(policy) else None
        if edit is not None and edit.units:
            limits.append(edit.units)
        return min(limits, default=8)

    def asks(self, flag: Flag | None, code: str, profession: str) -> bool:
        """Whether the payer asks for what the flag stands for."""
        return flag_for(flag, code, profession) is not None

    def is_timed(self, code: str, day: date) -> bool:
        """Whether the code is counted in 15-minute units."""
        return self.facts.timed_codes.find(code, day) is not None

    @cached_property
    def sites(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """For each region, the body sites that mean it and no other: (kind, value) with kind snomed or text."""
        regions: dict[tuple[str, str], set[str]] = {}
        for row in self.facts.body_sites:
            if row.in_force(LAST_DAY):
                regions.setdefault((row.kind, row.value), set()).add(row.region)
        found: dict[str, list[tuple[str, str]]] = {}
        for site, meant in regions.items():
            if len(meant) == 1:
                found.setdefault(next(iter(meant)), []).append(site)
        return {region: tuple(sites) for region, sites in sorted(found.items())}

    @cached_property
    def limbs(self) -> tuple[str, ...]:
        """The regions that are not of the spine."""
        return tuple(region for region in self.sites if region not in SPINE)
