"""Payer policies: what one payer asks for on one day, each answer with its source."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from fhir_massage.facts.rows import Row

_NOT_WORDS = re.compile(r"[^a-z0-9&]+")

Answer = Literal["yes", "no", "conditional"]
EVERYTHING = "*"
#: On what an entry rests: the payer's own words, a law that binds it, or what payers of its class commonly do.
RestsOn = Literal["payer", "law", "custom"]
#: A state as the United States Postal Service writes it: ``FL``.
StateCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]


class Entry(Row, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every entry of a policy may carry besides its dates and source.

    ``codes`` are procedure codes, ranges (``97010-97799``) or ``*``; ``professions`` likewise. ``states`` (``FL``)
    limits it to services given there, ahead of entries that hold everywhere. ``rests_on`` says on what it rests;
    ``sure`` whether what rests on custom would surely cost money if this payer does it too.
    """

    codes: tuple[str, ...] = (EVERYTHING,)
    professions: tuple[str, ...] = (EVERYTHING,)
    states: tuple[StateCode, ...] = ()
    words: str = ""
    rests_on: RestsOn = "payer"
    sure: bool = True

    @property
    def by_custom(self) -> bool:
        return self.rests_on == "custom"

    @property
    def weighs(self) -> bool:
        return self.sure or not self.by_custom

    def covers_code(self, code: str) -> bool:
        """Whether the entry speaks of the procedure code."""
        return any(_matches(pattern, code) for pattern in self.codes)

    @property
    def subject(self) -> Hashable:
        """What the entry is about: of two entries of a key with one subject the second would never be heard."""
        return (frozenset(self.codes), frozenset(self.professions), frozenset(self.states))

    def speaks_of(self, code: str, profession: str | None) -> bool:
        """Whether the entry speaks of the code when rendered by the profession (None: not known)."""
        if EVERYTHING not in self.professions and profession not in self.professions:
            return False
        return self.covers_code(code)


class Whole(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry that holds for the payer as a whole: of such a key the payer has one on any day."""

    @property
    def subject(self) -> Hashable:
        return ("the payer", frozenset(self.states))


class Counting(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How timed units are counted."""

    value: Literal["cms", "midpoint"]


class Flag(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something the payer does or does not ask for."""

    value: bool


class Choice(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A modifier the payer prefers."""

    value: Literal["XS", "59"]


class Payable(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the payer pays these professions for these codes.

    ``supervised`` marks professions that bill under another's number: that of the supervising therapist is on the line.
    """

    answer: Answer
    conditions: tuple[str, ...] = ()
    group: str = "CO"
    supervised: bool = False


class Covered(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the service itself is covered."""

    answer: Answer
    conditions: tuple[str, ...] = ()


class ReferralAsked(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a referral is asked for, how many days it lives, and whose is taken (empty: anyone's).

    ``on_file`` says that it only has to be kept on file.
    """

    required: bool
    on_file: bool = False
    life_days: int | None = None
    referrers: tuple[str, ...] = ()


class AuthorizationAsked(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether prior authorization is asked for; the form to fill in for it (a canonical address of a FHIR
    Questionnaire), and where to ask (a web address or telephone number), if the payer names them.
    """

    required: bool
    questionnaire: str = ""
    contact: str = ""


class AuthorizationAfter(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After how many visits of one course of treatment prior authorization is asked for."""

    visits: int


class DailyUnits(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most 15-minute units of these codes together on one day (``timed`` means every timed code)."""

    units: int


class YearlyVisits(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most visits in a calendar year."""

    visits: int


class FilingLimit(Whole, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long after the service a claim may be sent: days, or calendar months."""

    days: int | None = None
    months: int | None = None


class Supporting(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payer's own list of ICD-10-CM prefixes that support these codes."""

    prefixes: tuple[str, ...]


class AcceptedCode(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code that the payer takes in place of another."""

    code: str
    accepted: str

    @property
    def subject(self) -> Hashable:
        return (self.code, frozenset(self.states))


class PayorName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a payor organisation is recognised as this payer: its name or an identifier."""

    name: str | None = None
    identifier: str | None = None


@lru_cache(maxsize=4096)
def normal_name(name: str) -> str:
    """A payor's name for comparing: lower case, single spaces, no punctuation."""
    return _NOT_WORDS.sub(" ", name.lower()).strip()


class OwnSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document that a user's own policy file cites."""

    title: str
    url: str = ""
    owner: str = ""
    published: str = ""


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payer's policy as written in its TOML file: every key a list of dated, cited entries."""

    payer: str
    title: str
    payer_class: str = msgspec.field(name="class")
    extends: str | None = None
    payors: tuple[PayorName, ...] = ()
    sources: dict[str, OwnSource] = {}
    counting: tuple[Counting, ...] = ()
    follows_ncci: tuple[Flag, ...] = ()
    distinct_modifier: tuple[Choice, ...] = ()
    follows_fee_schedule: tuple[Flag, ...] = ()
    therapy_modifier: tuple[Flag, ...] = ()
    assistant_modifier: tuple[Flag, ...] = ()
    threshold_modifier: tuple[Flag, ...] = ()
    manipulation_modifier: tuple[Flag, ...] = ()
    noncovered_modifier: tuple[Flag, ...] = ()
    referring_provider: tuple[Flag, ...] = ()
    payable: tuple[Payable, ...] = ()
    coverage: tuple[Covered, ...] = ()
    referral: tuple[ReferralAsked, ...] = ()
    authorization: tuple[AuthorizationAsked, ...] = ()
    authorization_after: tuple[AuthorizationAfter, ...] = ()
    daily_units: tuple[DailyUnits, ...] = ()
    yearly_visits: tuple[YearlyVisits, ...] = ()
    filing_limit: tuple[FilingLimit, ...] = ()
    supporting_diagnoses: tuple[Supporting, ...] = ()
    accepted_code: tuple[AcceptedCode, ...] = ()


#: The keys of a policy whose entries are dated and cited.
ENTRY_KEYS: tuple[str, ...] = PolicyFile.__struct_fields__[6:]
#: What a key says, where several keys share one kind of entry; of the others the docstring of the entry says it.
KEY_WORDS: dict[str, str] = {
    "follows_ncci": "Whether the payer follows the NCCI edits of CMS.",
    "follows_fee_schedule": "Whether the payer bundles services as the Medicare fee schedule does.",
    "therapy_modifier": "Whether GP, GO or GN is asked for on therapy lines.",
    "assistant_modifier": "Whether CQ or CO is asked for where an assistant rendered the service.",
    "threshold_modifier": "Whether KX is asked for above the yearly therapy amount.",
    "manipulation_modifier": "Whether AT is asked for on active chiropractic manipulation.",
    "noncovered_modifier": "Whether GY, GX or GZ is asked for on a service that is not covered.",
    "referring_provider": "Whether the certifying or referring provider has to stand on the claim.",
}


class Policy(msgspec.Struct, frozen=True, kw_only=True, eq=False, weakref=True):
    """What one payer asks for within one span of days in which nothing of it changes.

    Tuples hold every entry in force, the payer's own before those of its class; single values hold
    the first of them, or ``None`` where nothing is known.
    """

    payer: str
    title: str
    payer_class: str
    counting: Counting | None
    follows_ncci: Flag | None
    distinct_modifier: Choice | None
    follows_fee_schedule: Flag | None
    therapy_modifier: Flag | None
    assistant_modifier: Flag | None
    threshold_modifier: Flag | None
    manipulation_modifier: Flag | None
    noncovered_modifier: Flag | None
    referring_provider: Flag | None
    filing_limit: FilingLimit | None
    payable_entries: tuple[Payable, ...]
    coverage_entries: tuple[Covered, ...]
    referral_entries: tuple[ReferralAsked, ...]
    authorization_entries: tuple[AuthorizationAsked, ...]
    authorization_after_entries: tuple[AuthorizationAfter, ...]
    daily_units: tuple[DailyUnits, ...]
    yearly_visits: tuple[YearlyVisits, ...]
    supporting_diagnoses: tuple[Supporting, ...]
    accepted_codes: tuple[AcceptedCode, ...]

    def payable(self, code: str, profession: str | None) -> Payable | None:
        """Whether the profession is paid for the code; ``None`` where the policy does not say."""
        return _payable(self, code, profession)

    def covered(self, code: str, profession: str | None) -> Covered | None:
        """Whether the service is covered; ``None`` where the policy does not say."""
        return _covered(self, code, profession)

    def referral(self, code: str, profession: str | None) -> ReferralAsked | None:
        """The referral that is asked for; ``None`` where none is."""
        return _referral(self, code, profession)

    def authorization(self, code: str, profession: str | None) -> AuthorizationAsked | None:
        """The prior authorization that is asked for; ``None`` where none is."""
        return _authorization(self, code, profession)

    def says_of_authorization(self, code: str, profession: str | None) -> AuthorizationAsked | None:
        """What the policy says of prior authorization, be it that none is asked for; ``None`` where nothing."""
        return next((e for e in self.authorization_entries if e.speaks_of(code, profession)), None)

    def authorization_after(self, code: str, profession: str | None) -> AuthorizationAfter | None:
        """After how many visits prior authorization is asked for; ``None`` where the policy does not say."""
        return next((e for e in self.authorization_after_entries if e.speaks_of(code, profession)), None)

    def may_ask_authorization(self, code: str, profession: str | None) -> bool:
        """Whether prior authorization is asked for, from the first visit or after some."""
        return any(asked(code, profession) is not None for asked in (self.authorization, self.authorization_after))

    def visits_a_year(self, code: str, profession: str | None) -> YearlyVisits | None:
        """The most visits a year that the policy allows; ``None`` where it does not say."""
        return next((e for e in self.yearly_visits if e.speaks_of(code, profession)), None)

    def depends_on_profession(self, code: str) -> bool:
        """Whether pay, coverage or referral for the code differ between professions."""
        return _depends_on_profession(self, code)

    def accepted_code(self, code: str) -> AcceptedCode | None:
        """The code that the payer takes in its place, if it does not take this one."""
        return next((entry for entry in self.accepted_codes if entry.code == code), None)

    def supporting(self, code: str) -> Supporting | None:
        """The payer's own list of diagnoses that support the code."""
        return _supporting(self, code)


# Look-ups repeat for every claim of a payer, so their answers are kept; the bound is for codes
# that a stranger makes up.
@lru_cache(maxsize=8192)
def _payable(policy: Policy, code: str, profession: str | None) -> Payable | None:
    return next((e for e in policy.payable_entries if e.speaks_of(code, profession)), None)


@lru_cache(maxsize=8192)
def _covered(policy: Policy, code: str, profession: str | None) -> Covered | None:
    return next((e for e in policy.coverage_entries if e.speaks_of(code, profession)), None)


@lru_cache(maxsize=8192)
def _referral(policy: Policy, code: str, profession: str | None) -> ReferralAsked | None:
    entry = next((e for e in policy.referral_entries if e.speaks_of(code, profession)), None)
    return entry if entry is not None and entry.required else None


@lru_cache(maxsize=8192)
def _authorization(policy: Policy, code: str, profession: str | None) -> AuthorizationAsked | None:
    entry = next((e for e in policy.authorization_entries if e.speaks_of(code, profession)), None)
    return entry if entry is not None and entry.required else None


@lru_cache(maxsize=8192)
def _supporting(policy: Policy, code: str) -> Supporting | None:
    return next((entry for entry in policy.supporting_diagnoses if entry.covers_code(code)), None)


@lru_cache(maxsize=8192)
def _depends_on_profession(policy: Policy, code: str) -> bool:
    deciding: tuple[Sequence[Entry], ...] = (
        policy.payable_entries,
        policy.coverage_entries,
        policy.referral_entries,
    )
    for entries in deciding:
        speaking = [entry for entry in entries if entry.covers_code(code)]
        if len({_verdict(entry) for entry in speaking}) > 1:
            return True
        if any(EVERYTHING not in entry.professions for entry in speaking if _verdict(entry) is not _SILENT):
            return True
    return False


_SILENT = "yes"


def _verdict(entry: Entry) -> str:
    """An entry's answer, where ``yes`` is also what holds when no entry speaks."""
    if isinstance(entry, Payable | Covered):
        return entry.answer
    if isinstance(entry, ReferralAsked) and entry.required:
        return "asked"
    return _SILENT


def _matches(pattern: str, code: str) -> bool:
    if pattern in (EVERYTHING, code):
        return True
    first, dash, last = pattern.partition("-")
    return bool(dash) and len(code) == len(first) and first <= code <= last


class PolicyHistory:
    """One payer's policy over time."""

    def __init__(self, policy: PolicyFile, layers: Sequence[PolicyFile]) -> None:
        """``layers`` are the files to read, the most particular first."""
        self.file = policy
        self.layers = tuple(layers)
        entries = [entry for layer in layers for key in ENTRY_KEYS for entry in getattr(layer, key)]
        starts = {date.min} | {entry.effective for entry in entries}
        starts |= {entry.end + timedelta(days=1) for entry in entries if entry.end is not None}
        self._starts = sorted(starts)
        self._said = [_said(layer, of_its_own=layer.payer == policy.payer) for layer in layers]
        #: The states of which the policy says something of their own.
        self.states = frozenset(state for entry in entries for state in entry.states)
        self._policies = {
            state: [self._within(start, state) for start in self._starts] for state in (None, *self.states)
        }

    def on(self, day: date, state: str | None = None) -> Policy:
        """The policy in force on that day for a service given in that state (``None``: not known)."""
        policies = self._policies[state if state in self.states else None]
        return policies[bisect_right(self._starts, day) - 1]

    def entries(self) -> list[tuple[str, Entry]]:
        """Every entry of the payer's own file with its key, whenever it is in force."""
        return [(key, entry) for key in ENTRY_KEYS for entry in getattr(self.file, key)]

    def _within(self, day: date, state: str | None) -> Policy:
        force = {
            key: tuple(e for layer in self._said for e in _for_state(layer[key], state) if e.in_force(day))
            for key in ENTRY_KEYS
        }
        return Policy(
            payer=self.file.payer,
            title=self.file.title,
            payer_class=self.file.payer_class,
            counting=_first(force["counting"]),
            follows_ncci=_first(force["follows_ncci"]),
            distinct_modifier=_first(force["distinct_modifier"]),
            follows_fee_schedule=_first(force["follows_fee_schedule"]),
            therapy_modifier=_first(force["therapy_modifier"]),
            assistant_modifier=_first(force["assistant_modifier"]),
            threshold_modifier=_first(force["threshold_modifier"]),
            manipulation_modifier=_first(force["manipulation_modifier"]),
            noncovered_modifier=_first(force["noncovered_modifier"]),
            referring_provider=_first(force["referring_provider"]),
            filing_limit=_first(force["filing_limit"]),
            payable_entries=force["payable"],
            coverage_entries=force["coverage"],
            referral_entries=force["referral"],
            authorization_entries=force["authorization"],
            authorization_after_entries=force["authorization_after"],
            daily_units=force["daily_units"],
            yearly_visits=force["yearly_visits"],
            supporting_diagnoses=force["supporting_diagnoses"],
            accepted_codes=force["accepted_code"],
        )


def _said(layer: PolicyFile, *, of_its_own: bool) -> dict[str, tuple[Any, ...]]:
    """What a file says, by key. What another payer says of itself is no more than custom for this one."""
    entries: dict[str, tuple[Entry, ...]] = {key: getattr(layer, key) for key in ENTRY_KEYS}
    if of_its_own:
        return entries
    return {key: tuple([_by_custom(entry) for entry in of_key]) for key, of_key in entries.items()}


def _for_state(entries: Sequence[Any], state: str | None) -> list[Any]:
    """The entries that hold in the state, its own first."""
    return [e for e in entries if state in e.states] + [e for e in entries if not e.states]


def _by_custom(entry: Entry) -> Entry:
    return msgspec.structs.replace(entry, rests_on="custom") if entry.rests_on == "payer" else entry


def _first(entries: tuple[Any, ...]) -> Any:
    """The entry that decides; its type is that of the field it goes into."""
    return entries[0] if entries else None
