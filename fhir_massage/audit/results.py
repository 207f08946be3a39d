"""What an audit writes: findings as NDJSON and Parquet, corrected resources, and the tally of each part."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fhir_massage.audit.gather import Part, Reviewed
from fhir_massage.audit.scatter import REJECTED, rejected_line, write_whole
from fhir_massage.audit.tally import Tally
from fhir_massage.present.finding import as_json
from fhir_massage.read.read import encode

if TYPE_CHECKING:
    import pyarrow

CENT = Decimal("0.01")


class PartResult(msgspec.Struct, frozen=True):
    """What is kept of a part beside its findings. It is written last: a part without it is reviewed again."""

    number: int
    tally: Tally
    rejected: int


def write_part(number: int, part: Part, out: Path, state: Path) -> PartResult:
    """Write a part's files; each is there whole or not at all, and writing them again changes nothing."""
    name = f"{number:05d}"
    if part.findings:
        shown = [as_json(each.finding) for each in part.findings]
        write_whole(out / f"findings-{name}.ndjson", b"".join(_line(each) for each in shown))
        _write_parquet(
            out / f"findings-{name}.parquet", [row(*each) for each in zip(part.findings, shown, strict=True)]
        )
    if part.corrected:
        write_whole(out / f"corrected-{name}.ndjson", b"".join(_line(resource) for _, resource in part.corrected))
    if part.rejected:
        write_whole(state / f"{name}{REJECTED}", b"".join(rejected_line(each) for each in sorted(part.rejected)))
    result = PartResult(number, part.tally, len(part.rejected))
    write_whole(state / f"{name}.part", msgspec.json.encode(result))
    return result


def read_part_result(file: Path) -> PartResult:
    """A part's result as ``write_part`` left it."""
    return msgspec.json.decode(file.read_bytes(), type=PartResult)


def schema() -> pyarrow.Schema:
    """The columns of the findings in Parquet. ``at_risk`` is in dollars."""
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema(
        [
            ("resource", text),
            ("rule", text),
            ("severity", text),
            ("message", text),
            ("expression", pyarrow.list_(text)),
            ("denial_group", text),
            ("denial_carc", text),
            ("denial_rarc", pyarrow.list_(text)),
            ("at_risk", pyarrow.decimal128(14, 2)),
            ("payer", text),
            ("payer_class", text),
            ("provider", text),
            ("day", pyarrow.date32()),
            ("certain", pyarrow.bool_()),
            ("citations", text),
            ("corrections", text),
        ]
    )


def row(reviewed: Reviewed, shown: dict[str, Any]) -> dict[str, Any]:
    """A finding as a row of Parquet; ``shown`` is its JSON. Citations and corrections are JSON."""
    finding = reviewed.finding
    denial = finding.denial
    return {
        "resource": finding.resource,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "expression": list(finding.expression),
        "denial_group": None if denial is None else denial.group,
        "denial_carc": None if denial is None else denial.carc,
        "denial_rarc": [] if denial is None else list(denial.rarc),
        "at_risk": None if finding.at_risk is None else finding.at_risk.quantize(CENT),
        "payer": reviewed.payer,
        "payer_class": reviewed.payer_class or None,
        "provider": reviewed.provider,
        "day": reviewed.day,
        "certain": any(correction.certain for correction in finding.corrections),
        "citations": encode(shown["citations"]).decode(),
        "corrections": encode(shown["corrections"]).decode(),
    }


def _line(content: object) -> bytes:
    return encode(content) + b"\n"


def _write_parquet(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    unfinished = file.with_name(file.name + ".tmp")
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema()), unfinished)
    unfinished.replace(file)
