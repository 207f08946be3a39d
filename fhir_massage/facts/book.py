"""The facts in one place: every table and policy, loaded once and looked up by code and day."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Hashable, Iterable
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts import load, rows
from fhir_massage.facts.imported import ImportedPairs, ImportedUnlikely, Store, open_store
from fhir_massage.facts.payor_words import PayorWords
from fhir_massage.facts.plugins import Files, laid_over
from fhir_massage.facts.policy import Policy, PolicyFile, PolicyHistory, normal_name
from fhir_massage.facts.table import Dated
from fhir_massage.installed import Plugin

R = TypeVar("R", bound=rows.Row)
_KEPT = 4096
#: What stands between several sites in one text.
_BETWEEN_SITES = re.compile(r"[,;/&+]|\band\b")

#: Each table's rows, the columns that make their key, and, where several rows of one key hold together,
#: the columns that tell those apart.
TABLES: dict[str, tuple[type[rows.Row], tuple[str, ...], tuple[str, ...]]] = {
    "ptp_pairs": (rows.Pair, ("column_one", "column_two"), ()),
    "mue": (rows.MedicallyUnlikely, ("code",), ()),
    "timed_codes": (rows.TimedCode, ("code",), ()),
    "always_therapy": (rows.AlwaysTherapy, ("code",), ()),
    "modifiers": (rows.Modifier, ("modifier",), ()),
    "modifier_conflicts": (rows.ModifierConflict, ("modifier",), ("other", "kind")),
    "retired_procedures": (rows.RetiredProcedure, ("code",), ()),
    "procedure_status": (rows.ProcedureStatus, ("code",), ()),
    "procedure_words": (rows.ProcedureWords, ("code",), ()),
    "fees": (rows.Fee, ("code",), ()),
    "therapy_thresholds": (rows.TherapyThreshold, ("discipline",), ()),
    "denials": (rows.DenialCode, ("kind", "code"), ()),
    "diagnosis_codes": (rows.DiagnosisCode, ("code",), ()),
    "diagnosis_words": (rows.DiagnosisWords, ("code",), ()),
    "diagnosis_regions": (rows.DiagnosisRegion, ("prefix",), ()),
    "supporting_diagnoses": (rows.SupportingDiagnosis, ("procedure", "prefix"), ()),
    "body_sites": (rows.BodySite, ("kind", "value"), ("region",)),
    "techniques": (rows.Technique, ("kind", "value"), ("code",)),
    "order_scope": (rows.OrderScope, ("kind", "value"), ()),
    "claim_scope": (rows.ClaimScope, ("kind", "first"), ()),
    "professions": (rows.Profession, ("taxonomy",), ()),
    "hands_on": (rows.HandsOn, ("code",), ()),
    "places_of_service": (rows.PlaceOfService, ("place",), ()),
    "profession_words": (rows.ProfessionWord, ("kind", "value"), ()),
    "outside_scope": (rows.OutsideScope, ("profession",), ("first_code", "last_code")),
    "payment_typology": (rows.PaymentTypology, ("prefix",), ()),
    "coverage_types": (rows.CoverageType, ("system", "code"), ()),
    "payors": (rows.Payor, ("kind", "value"), ()),
    "payor_words": (rows.PayorWord, ("words", "beside"), ()),
    "irs_figures": (rows.IrsFigure, ("figure", "filing"), ()),
    "rule_sources": (rows.RuleSource, ("rule",), ("source", "section")),
}


class Facts:
    """Every dated fact. Read-only once made; one instance serves every review and every thread."""

    def __init__(
        self,
        sources: dict[str, rows.Source],
        tables: dict[str, list[rows.Row]],
        policies: Iterable[PolicyFile],
        imported: Store | None = None,
        plugins: tuple[Plugin, ...] = (),
    ) -> None:
        """``plugins`` are the installed packages that offered facts or policies, those left out among them."""
        self.plugins = plugins
        self.sources = dict(sources)
        self.imported = imported
        #: What reviews found to follow from these facts alone, kept for the next (see ``engine.ask``).
        self.remembered: dict[Hashable, Any] = {}
        self._raw = tables
        self._professions_in_words: dict[tuple[str, date], str | None] = {}
        self._sites: dict[tuple[Hashable, ...], frozenset[str]] = {}
        self.ptp_pairs: Dated[rows.Pair] = self._dated("ptp_pairs")
        self.mue: Dated[rows.MedicallyUnlikely] = self._dated("mue")
        self.timed_codes: Dated[rows.TimedCode] = self._dated("timed_codes")
        self.always_therapy: Dated[rows.AlwaysTherapy] = self._dated("always_therapy")
        self.modifiers: Dated[rows.Modifier] = self._dated("modifiers")
        self.modifier_conflicts: Dated[rows.ModifierConflict] = self._dated("modifier_conflicts")
        self.retired_procedures: Dated[rows.RetiredProcedure] = self._dated("retired_procedures")
        self.procedure_status: Dated[rows.ProcedureStatus] = self._dated("procedure_status")
        self.procedure_words: Dated[rows.ProcedureWords] = self._dated("procedure_words")
        self.fees: Dated[rows.Fee] = self._dated("fees")
        self.therapy_thresholds: Dated[rows.TherapyThreshold] = self._dated("therapy_thresholds")
        self.denials: Dated[rows.DenialCode] = self._dated("denials")
        self.diagnosis_codes: Dated[rows.DiagnosisCode] = self._dated("diagnosis_codes")
        self.diagnosis_words: Dated[rows.DiagnosisWords] = self._dated("diagnosis_words")
        self.diagnosis_regions: Dated[rows.DiagnosisRegion] = self._dated("diagnosis_regions")
        self.supporting_diagnoses: Dated[rows.SupportingDiagnosis] = self._dated("supporting_diagnoses")
        self.body_sites: Dated[rows.BodySite] = self._dated("body_sites")
        self.techniques: Dated[rows.Technique] = self._dated("techniques")
        self.order_scope: Dated[rows.OrderScope] = self._dated("order_scope")
        self.claim_scope: Dated[rows.ClaimScope] = self._dated("claim_scope")
        self.professions: Dated[rows.Profession] = self._dated("professions")
        self.hands_on: Dated[rows.HandsOn] = self._dated("hands_on")
        self.places_of_service: Dated[rows.PlaceOfService] = self._dated("places_of_service")
        self.profession_words: Dated[rows.ProfessionWord] = self._dated("profession_words")
        self.outside_scope: Dated[rows.OutsideScope] = self._dated("outside_scope")
        self.payment_typology: Dated[rows.PaymentTypology] = self._dated("payment_typology")
        self.coverage_types: Dated[rows.CoverageType] = self._dated("coverage_types")
        self.payors: Dated[rows.Payor] = self._dated("payors")
        self.payor_words: Dated[rows.PayorWord] = self._dated("payor_words")
        self.irs_figures: Dated[rows.IrsFigure] = self._dated("irs_figures")
        self.rule_sources: Dated[rows.RuleSource] = self._dated("rule_sources")
        if imported is not None:
            self._lay_over(imported)
        self.policies = _histories(policies)
        self._by_words = PayorWords(self.payor_words, {payer: h.file.payer_class for payer, h in self.policies.items()})
        self._own_payors = {
            (kind, value): file.payer
            for history in self.policies.values()
            for file in history.layers
            if file.payer == history.file.payer
            for payor in file.payors
            for kind, value in (("name", normal_name(payor.name or "")), ("identifier", payor.identifier))
            if value
        }
        for history in self.policies.values():
            for key, own in history.file.sources.items():
                self.sources.setdefault(key, rows.Source(key, own.owner, own.title, own.published, own.url))

    def span_of(self, day: date) -> Hashable:
        """What tells the day from days on which other rows are in force; the day itself where files are imported."""
        return day if self.imported is not None else bisect_right(self._changes, day)

    @cached_property
    def _changes(self) -> list[date]:
        """The days from which any row is in force, or is not any more."""
        every_row = [row for table in self._raw.values() for row in table]
        ended = {row.end + timedelta(days=1) for row in every_row if row.end is not None and row.end < date.max}
        return sorted({row.effective for row in every_row} | ended)

    def policy(self, payer: str, on: date, state: str | None = None) -> Policy | None:
        """The payer's policy on that day, in that state where it is known; ``None`` for a payer without one."""
        history = self.policies.get(payer)
        return None if history is None else history.on(on, state)

    def payor(self, kind: str, value: str, on: date) -> str | None:
        """The payer that a payor's name, however it is written, or identifier means."""
        value = normal_name(value) if kind == "name" else value
        own = self._own_payors.get((kind, value))
        if own is not None:
            return own
        row = self.payors.find((kind, value), on)
        return None if row is None else row.payer

    def payor_in_words(self, name: str, on: date, context: str = "") -> rows.PayorWord | None:
        """The most telling words in a payor's or plan's name; those of ``context`` may stand beside them."""
        return self._by_words.find(name, on, context)

    def payers_between(self, name: str, on: date) -> tuple[str, ...]:
        """The titles of the payers between which a payor's name leaves it open; empty where it does not."""
        return tuple(self.policies[payer].file.title for payer in self._by_words.between(name, on))

    def profession_in_words(self, text: str, on: date) -> str | None:
        """The profession that a licence, role or name's suffix names, by words first and then by letters (``LMT``)."""
        found = self._professions_in_words.get((text, on), "")
        if found == "":
            if len(self._professions_in_words) >= _KEPT:  # what a stranger makes up
                self._professions_in_words.clear()
            found = self._professions_in_words[text, on] = self._profession_in_words(text, on)
        return found

    def _profession_in_words(self, text: str, on: date) -> str | None:
        said = f" {normal_name(text)} "
        for kind in ("words", "field"):
            named = [row for row in self._words_of_professions[kind] if row.in_force(on) and f" {row.value} " in said]
            if named:
                return named[0].profession
            letters = {row.profession for token in _letters(text) if (row := self._by_letters(token, on)) is not None}
            if letters:
                return letters.pop() if len(letters) == 1 else None
        return None

    def _by_letters(self, token: str, on: date) -> rows.ProfessionWord | None:
        return self.profession_words.find(("letters", token), on)

    @cached_property
    def _words_of_professions(self) -> dict[str, list[rows.ProfessionWord]]:
        """The words that name professions, by kind, the longest first: an assistant's hold those of the profession."""
        longest = sorted(self.profession_words, key=lambda row: -len(row.value))
        return {kind: [row for row in longest if row.kind == kind] for kind in ("words", "field")}

    def regions_of_site(self, snomed: tuple[str, ...], texts: tuple[str, ...], on: date) -> frozenset[str]:
        """The body regions of a site given by SNOMED CT codes or, failing those, by words."""
        found = self._sites.get((snomed, texts, on))
        if found is None:
            if len(self._sites) >= _KEPT:  # sites that a stranger makes up
                self._sites.clear()
            found = self._sites[snomed, texts, on] = self._regions_of_site(snomed, texts, on)
        return found

    def _regions_of_site(self, snomed: tuple[str, ...], texts: tuple[str, ...], on: date) -> frozenset[str]:
        for kind, values in (("snomed", snomed), ("text", [" ".join(text.lower().split()) for text in texts])):
            for value in values:
                found = self.body_sites.all((kind, value), on)
                if found:
                    return frozenset(row.region for row in found)
        return next((listed for text in texts if (listed := self._regions_listed(text, on))), frozenset())

    def _regions_listed(self, text: str, on: date) -> frozenset[str]:
        """The regions of several sites in one text (``cervical, thoracic and lumbar``), where each of them is known."""
        sites = [" ".join(site.split()) for site in _BETWEEN_SITES.split(text.lower())]
        found = [self.body_sites.all(("text", site), on) for site in sites if site]
        return (
            frozenset(row.region for rows_of in found for row in rows_of)
            if len(found) > 1 and all(found)
            else frozenset()
        )

    def is_code_ours(self, code: str) -> bool:
        """Return whether a procedure code lies in a range that is ours to judge."""
        return any(first <= code <= last and len(code) == len(first) for first, last in self._our_codes)

    def is_type_never_ours(self, claim_type: str) -> bool:
        """Return whether claims of that type are never ours, whatever they bill."""
        return claim_type.lower() in self._other_types

    @cached_property
    def _our_codes(self) -> list[tuple[str, str]]:
        return [(row.first, row.last) for row in self.claim_scope if row.kind == "code" and row.ours]

    @cached_property
    def _other_types(self) -> frozenset[str]:
        return frozenset(row.first for row in self.claim_scope if row.kind == "type" and not row.ours)

    @cached_property
    def diagnosis_categories(self) -> frozenset[str]:
        """The categories of ICD-10-CM of which every code is held."""
        return frozenset(row.code[:3] for row in self.diagnosis_codes)

    @cached_property
    def codes_in_pairs(self) -> frozenset[str]:
        """Every code that stands in a pair we hold: of others we cannot say that no pair exists."""
        if isinstance(self.ptp_pairs, ImportedPairs):
            return self.ptp_pairs.known_codes()
        return frozenset(code for pair in self.ptp_pairs for code in (pair.column_one, pair.column_two))

    def modifiers_of(self, kind: str) -> frozenset[str]:
        """Return every modifier of a kind (``therapy``, ``distinct``, ``liability``, ``repeat`` ...), whenever it holds."""
        return self._modifiers_by_kind.get(kind, frozenset())

    @cached_property
    def _modifiers_by_kind(self) -> dict[str, frozenset[str]]:
        kinds = {row.kind for row in self.modifiers}
        return {kind: frozenset([row.modifier for row in self.modifiers if row.kind == kind]) for kind in kinds}

    @cached_property
    def supported_procedures(self) -> frozenset[str]:
        """Every procedure code for which we hold a list of supporting diagnoses."""
        return frozenset(row.procedure for row in self.supporting_diagnoses)

    def supports(self, procedure: str, diagnosis: str, on: date) -> bool:
        """Whether the list of conditions holds, on that day, that the diagnosis supports the procedure."""
        listed = self._supporting.get(procedure)
        return listed is not None and listed.by_prefix(diagnosis, on) is not None

    @cached_property
    def _supporting(self) -> dict[str, Dated[rows.SupportingDiagnosis]]:
        """The prefixes of supporting diagnoses, by procedure."""
        every = list(self.supporting_diagnoses)
        return {
            procedure: Dated([row for row in every if row.procedure == procedure], lambda row: row.prefix)
            for procedure in self.supported_procedures
        }

    @cached_property
    def fingerprint(self) -> str:
        """What tells these facts and policies from any others: a checksum of all of them."""
        files = [] if self.imported is None else [*self.imported.files.values()]
        layers = [layer for history in self.policies.values() for layer in history.layers]
        every = msgspec.json.encode([self._raw, layers, files, list(self.sources.values())], order="deterministic")
        return hashlib.blake2b(every, digest_size=16).hexdigest()

    def rows_of(self, table: str) -> list[rows.Row]:
        """Every row of a table, whenever it is in force."""
        return list(self._raw[table])

    def _lay_over(self, imported: Store) -> None:
        """Put imported NCCI files ahead of the shipped rows, and cite them."""
        self.sources |= {file.source.id: file.source for file in imported.files.values()}
        self.ptp_pairs = ImportedPairs(imported, self.ptp_pairs, self.timed_codes)
        self.mue = ImportedUnlikely(imported, self.mue)

    def _dated(self, name: str) -> Dated[R]:
        _, columns, apart = TABLES[name]
        table = _by_columns(self._raw[name], columns)
        told_apart = _by_columns(self._raw[name], (*columns, *apart)) if apart else table
        told_apart.refuse_overlaps(f"{name}.csv")
        return table  # type: ignore[return-value]


def read_facts(own_policies: Path | None = None, data: Path | None = None, folder: Path = load.SHIPPED) -> Facts:
    """The shipped facts, with what was imported into ``data``, what installed packages bring, and the user's
    own policies laid over them.

    Raises ``BadFact`` with file, key and reason for anything that cannot be loaded. A package whose files
    cannot be is left out, and ``Facts.plugins`` says why.
    """
    sources = load.read_sources(folder)
    tables = {name: load.read_table(name, kind, sources, folder) for name, (kind, _, _) in TABLES.items()}
    policies = [load.read_policy(file, sources) for file in sorted((folder / "policies").glob("*.toml"))]
    kinds = {name: kind for name, (kind, _, _) in TABLES.items()}
    files, plugins = laid_over(
        Files(sources, tables, policies), kinds, lambda more: Facts(more.sources, more.tables, more.policies)
    )
    policies = list(files.policies)
    if own_policies is not None:
        if not own_policies.is_dir():
            raise BadFact(str(own_policies), "(folder)", "there is no such folder of policies")
        policies += [load.read_policy(file, files.sources) for file in sorted(own_policies.glob("*.toml"))]
    return Facts(files.sources, files.tables, policies, open_store(data), plugins)


@lru_cache(maxsize=8)
def shipped(own_policies: Path | None = None, data: Path | None = None) -> Facts:
    """The shipped facts, read once a process (and once for each folder of own policies and of imported facts)."""
    return read_facts(own_policies, data)


def _letters(text: str) -> list[str]:
    """The words of a text that are written in capitals, as letters after a name are: ``OTR/L``, ``L.Ac.``."""
    tokens = re.split(r"[\s,;/()]+", text.replace(".", ""))
    return [token.upper() for token in tokens if token and (token.isupper() or token == "LAc")]


def _by_columns(rows_of_table: Iterable[rows.Row], columns: tuple[str, ...]) -> Dated[rows.Row]:
    """The rows by one column, or by several as a tuple."""
    if len(columns) == 1:
        column = columns[0]
        return Dated(rows_of_table, lambda row: getattr(row, column))
    return Dated(rows_of_table, lambda row: tuple(getattr(row, c) for c in columns))


def _histories(files: Iterable[PolicyFile]) -> dict[str, PolicyHistory]:
    """Each payer's history. A later file of the same payer goes ahead of the earlier one."""
    by_payer: dict[str, list[PolicyFile]] = {}
    for file in files:
        by_payer.setdefault(file.payer, []).insert(0, file)
    return {
        payer: PolicyHistory(stack[0], _layers(stack, by_payer, seen=(payer,))) for payer, stack in by_payer.items()
    }


def _layers(stack: list[PolicyFile], by_payer: dict[str, list[PolicyFile]], seen: tuple[str, ...]) -> list[PolicyFile]:
    layers = list(stack)
    for file in stack:
        if file.extends is None:
            continue
        if file.extends in seen:
            raise BadFact(f"{file.payer}.toml", "extends", f"goes round in a circle by {file.extends}")
        if file.extends not in by_payer:
            raise BadFact(f"{file.payer}.toml", "extends", f"there is no policy of a payer '{file.extends}'")
        layers += _layers(by_payer[file.extends], by_payer, (*seen, file.extends))
    return layers
