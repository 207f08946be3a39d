"""One struct for the rows of each dated table. Every row says since when, until when, and from where."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

Apart = Literal["region", "interval", "other"]


class Source(msgspec.Struct, frozen=True):
    """A document that rows cite. ``published`` is the date of the edition that was read."""

    id: str
    owner: str
    title: str
    published: str
    url: str


#: The first day of a row of which nobody says since when it holds, and how a file says so.
LONG_BEFORE = date.min
UNKNOWN = "unknown"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What every row has: in force from ``effective`` to ``end`` (both included), and its source.

    ``checked`` is the day on which somebody last confirmed the row in that source. A row whose first day is not
    known is written with ``unknown``, and holds for every day before.
    """

    effective: date
    end: date | None = None
    source: str
    section: str
    checked: date

    @property
    def since(self) -> str:
        """Since when it holds: its first day, or where that is not known ``seen`` and the day it was confirmed."""
        return f"seen {self.checked}" if self.effective == LONG_BEFORE else str(self.effective)

    @property
    def by_custom(self) -> bool:
        """Whether it is only what payers commonly do; of policies' entries some are."""
        return False

    @property
    def weighs(self) -> bool:
        """Whether what rests on it would surely cost money."""
        return True

    def in_force(self, on: date) -> bool:
        """Whether the row holds on that day."""
        return self.effective <= on and (self.end is None or on <= self.end)

    def overlaps(self, other: Row) -> bool:
        """Whether there is a day on which both hold."""
        return self.in_force(other.effective) or other.in_force(self.effective)


class Pair(Row, frozen=True, kw_only=True):
    """An NCCI procedure-to-procedure edit. ``apart`` is what keeps its two services apart."""

    column_one: str
    column_two: str
    indicator: Literal["0", "1", "9"]
    apart: Apart


class MedicallyUnlikely(Row, frozen=True, kw_only=True):
    """An NCCI medically unlikely edit: the most units of a code. Adjudication 1 line, 2 and 3 day."""

    code: str
    units: int
    adjudication: Literal["1", "2", "3"]


class TimedCode(Row, frozen=True, kw_only=True):
    """A code counted in 15-minute units; ``one_on_one`` where it needs direct contact."""

    code: str
    one_on_one: bool


class AlwaysTherapy(Row, frozen=True, kw_only=True):
    """A code that CMS always holds to be therapy."""

    code: str


class Modifier(Row, frozen=True, kw_only=True):
    """A modifier; ``ncci`` where it may break an NCCI pair of indicator 1."""

    modifier: str
    kind: str
    ncci: bool
    words: str


class ModifierConflict(Row, frozen=True, kw_only=True):
    """Two modifiers that exclude each other on one line, or one that needs the other.

    ``payer_class`` is the class of payer that says so; empty where all do.
    """

    modifier: str
    other: str
    kind: Literal["excludes", "needs"]
    redundant: str
    payer_class: str


class RetiredProcedure(Row, frozen=True, kw_only=True):
    """A procedure code that is no longer valid from ``effective`` on."""

    code: str
    replacements: tuple[str, ...]


class ProcedureStatus(Row, frozen=True, kw_only=True):
    """A code's status in the Medicare physician fee schedule (``B`` bundled, ``I`` not valid)."""

    code: str
    status: str


class ProcedureWords(Row, frozen=True, kw_only=True):
    """Our own few words for a procedure code."""

    code: str
    words: str


class Fee(Row, frozen=True, kw_only=True):
    """An amount in dollars for one unit of a code, and what amount it is."""

    code: str
    dollars: Decimal
    basis: str


class TherapyThreshold(Row, frozen=True, kw_only=True):
    """Medicare's yearly therapy amount in dollars above which KX is asked for."""

    discipline: str
    dollars: Decimal


class DenialCode(Row, frozen=True, kw_only=True):
    """A claim adjustment reason (``carc``) or remittance advice remark code (``rarc``) in our words."""

    group_hint: str
    code: str
    kind: Literal["carc", "rarc"]
    words: str


class DiagnosisCode(Row, frozen=True, kw_only=True):
    """An ICD-10-CM code: whether it may be billed, and what to bill in its place."""

    code: str
    billable: bool
    successors: tuple[str, ...]


class DiagnosisWords(Row, frozen=True, kw_only=True):
    """The words of ICD-10-CM for a code that is offered in place of another."""

    code: str
    words: str


class DiagnosisRegion(Row, frozen=True, kw_only=True):
    """The body region that diagnoses with this prefix name."""

    prefix: str
    region: str


class SupportingDiagnosis(Row, frozen=True, kw_only=True):
    """Diagnoses with this prefix support the procedure."""

    procedure: str
    prefix: str


class BodySite(Row, frozen=True, kw_only=True):
    """The region of a SNOMED CT body site or of words for one."""

    kind: Literal["snomed", "text"]
    value: str
    region: str


class Technique(Row, frozen=True, kw_only=True):
    """A technique, named by a word stem or SNOMED CT code, and the procedure code it belongs to.

    A ``name`` is what the service itself is called, which tells less than a technique does.
    """

    kind: Literal["text", "name", "snomed"]
    value: str
    code: str


class OrderScope(Row, frozen=True, kw_only=True):
    """What makes an order one for massage or manual therapy (``ours``), or one for something else.

    ``value`` is a procedure code, a SNOMED CT code, or a lower-case word stem.
    """

    kind: Literal["code", "snomed", "text"]
    value: str
    ours: bool


class ClaimScope(Row, frozen=True, kw_only=True):
    """What makes a line, or a type of claim, ours to judge, or never ours.

    ``first`` and ``last`` bound a range of procedure codes, or are one type of claim.
    """

    kind: Literal["code", "type"]
    first: str
    last: str
    ours: bool


class HandsOn(Row, frozen=True, kw_only=True):
    """A code of a service that is given by hand, and so never from afar."""

    code: str


class PlaceOfService(Row, frozen=True, kw_only=True):
    """A place of service as CMS numbers them."""

    place: str


class Profession(Row, frozen=True, kw_only=True):
    """The profession of NUCC taxonomy codes with this prefix."""

    taxonomy: str
    profession: str


class ProfessionWord(Row, frozen=True, kw_only=True):
    """What names a profession where no taxonomy code does.

    ``letters`` after a name or in a licence, ``words`` in a licence or role, the ``field`` somebody works in, which
    tells only where nothing else does, or CMS's ``specialty`` code.
    """

    kind: Literal["letters", "words", "field", "specialty"]
    value: str
    profession: str


class OutsideScope(Row, frozen=True, kw_only=True):
    """A range of codes that lies outside a profession altogether."""

    profession: str
    first_code: str
    last_code: str


class PaymentTypology(Row, frozen=True, kw_only=True):
    """The payer class of Source of Payment Typology codes with this prefix.

    ``payer`` is empty where the codes name a plan of no class that we know, and ``kind`` tells a plan for drugs alone.
    """

    prefix: str
    kind: Literal["plan", "drug", "supplement"]
    payer: str


class CoverageType(Row, frozen=True, kw_only=True):
    """The payer class that a code of ``Coverage.type`` names."""

    system: str
    code: str
    payer: str


class Payor(Row, frozen=True, kw_only=True):
    """The payer that a payor organisation's name or identifier means."""

    kind: Literal["name", "identifier"]
    value: str
    payer: str


#: What words in a payor's or a plan's name tell, the most telling first: a policy that follows another payer, a plan
#: that takes a programme's place, a plan for drugs alone, a programme, an insurer of several plans, a kind of plan.
PAYOR_WORD_KINDS = ("supplement", "plan", "drug", "program", "insurer", "type")
PayorWordKind = Literal["supplement", "plan", "drug", "program", "insurer", "type"]


class PayorWord(Row, frozen=True, kw_only=True):
    """Words that name a payer within a longer name.

    ``beside`` lists, with ``|`` between them, words of which some must stand in the name too (``<insurer>``: any
    insurer's). Words may be run together or cut up (``VACCN``), save where a hyphen joins them. ``payer`` is empty
    where the words tell that it is none that we know.
    """

    words: str
    beside: str
    kind: PayorWordKind
    payer: str


class IrsFigure(Row, frozen=True, kw_only=True):
    """A figure of the United States tax law, in dollars or percent."""

    figure: str
    filing: str
    dollars_or_percent: Decimal


class RuleSource(Row, frozen=True, kw_only=True):
    """The document that a rule rests on where no other fact carries the citation."""

    rule: str
