"""An audit on Apache Spark: the same inputs, the same review, the same rows, on as many machines as there are.

Spark reads, joins by reference and brings each patient's resources together; the review itself is ``gather``'s, in
Arrow batches. A patient's resources are reviewed in one place, so one patient's must fit into a worker's memory.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from fhir_massage import __version__
from fhir_massage.audit.gather import MOST_ROLES, Beside, Part, review_patient
from fhir_massage.audit.inputs import ANSWER_KEY, LINES, TABLES, BadInput, ending
from fhir_massage.audit.results import row, schema
from fhir_massage.audit.routing import Routed, route
from fhir_massage.audit.run import AuditFailed, unpacked_size
from fhir_massage.audit.scatter import REFERRED, Record
from fhir_massage.audit.summary import Summary, summary_files, write_summary
from fhir_massage.audit.tally import Tally
from fhir_massage.errors import Unreadable
from fhir_massage.facts.book import shipped
from fhir_massage.present.finding import as_json
from fhir_massage.read.elements import Practitioner
from fhir_massage.read.read import encode, read
from fhir_massage.read.references import identity_of, relative

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession

#: A referral names a role, the role a practitioner, and so on: how many steps are followed.
STEPS = 3
#: Bytes of input whose patients make one partition.
PARTITION = 32 * 1024 * 1024
_ERROR = re.compile(r"^(\w+(?:Error|Exception))\b", re.M)
_REFERENCE = re.compile(rb'"reference"\s*:\s*"((?:[^"#\\]|\\/)+)"')  # some servers write a slash as \/

ORDER = ("patient", "far", "file", "block", "line")


def audit_on_spark(
    inputs: Iterable[str],
    out: str,
    *,
    on: date,
    policies: Path | None = None,
    data: Path | None = None,
    corrected: bool = False,
    session: SparkSession | None = None,
) -> Summary:
    """Audit everything in the inputs into ``out``; both may be addresses that Spark reads (``s3a://...``).

    A folder or file of Parquet has a column ``resource`` with a resource's JSON. ``policies`` and ``data`` are
    read by every worker. Raises ``BadInput`` or ``AuditFailed``.
    """
    started = time.monotonic()
    spark = session or _session()
    from pyspark import StorageLevel

    inputs = list(inputs)
    try:
        _fit_partitions(spark, inputs)
        routed = _routed(_read(spark, inputs)).persist(StorageLevel.DISK_ONLY)
        any_claim = _any_claim(routed)
        reviewed = _reviewed(routed, on, policies, data, any_claim=any_claim, corrected=corrected)
        reviewed = reviewed.persist(StorageLevel.DISK_ONLY)
        tally = _tally(reviewed)
        rejected = _write(spark, routed, reviewed, out, corrected=corrected)
        summary = Summary(
            on=on.isoformat(),
            version=__version__,
            files=routed.select("file").distinct().count(),
            resources=routed.where("content is not null").count(),
            rejected=rejected,
            seconds=round(time.monotonic() - started, 3),
            tally=tally,
        )
        reviewed.unpersist()
        routed.unpersist()
    except Exception as error:
        raise _failed(error) from None
    if _is_local(out):
        write_summary(_local(out), summary)
    else:
        for name, text in summary_files(summary).items():
            spark.createDataFrame([(text,)], "value string").write.mode("overwrite").text(f"{out}/{name}")
    return summary


def _session() -> SparkSession:
    """The session of ``spark-submit`` where there is one, else one on this machine."""
    try:
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise AuditFailed("Spark is not installed: pip install 'fhir-massage[spark]'") from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # what is installed here is what workers need
    named = SparkSession.builder.appName("fhir-massage audit").config("spark.sql.adaptive.skewJoin.enabled", True)
    try:
        return named.getOrCreate()
    except PySparkRuntimeError:  # Java is missing, too old, or does not know this machine's name
        raise AuditFailed(
            "Spark could not be started: what it said stands above. It needs Java 17 or later (JAVA_HOME), and a"
            " name of this machine that resolves, or else SPARK_LOCAL_IP=127.0.0.1"
        ) from None


def _fit_partitions(spark: SparkSession, inputs: list[str]) -> None:
    """As many partitions as the input needs, where nobody has said how many: Spark's 200 are many for a laptop."""
    setting = "spark.sql.shuffle.partitions"
    if spark.sparkContext.getConf().contains(setting) or not all(_is_local(each) for each in inputs):
        return
    files = [file for each in inputs for file in (_local(each), *_local(each).rglob("*")) if file.is_file()]
    total = sum(unpacked_size(file, file.stat().st_size) for file in files)
    spark.conf.set(setting, max(2 * spark.sparkContext.defaultParallelism, total // PARTITION))


def _failed(error: Exception) -> Exception:
    if isinstance(error, BadInput | AuditFailed):
        return error
    # Spark repeats rows in its messages: only the kind of the error is told, and the rest is in Spark's own log.
    inner = _ERROR.findall(str(error))
    kind = inner[-1] if inner else type(error).__name__
    return AuditFailed(f"Spark failed with {kind}; its log says where")


# --- reading --------------------------------------------------------------------------------------------------


def _read(spark: SparkSession, inputs: list[str]) -> DataFrame:
    """Every line and document, with its file, the block of the file it is in, and whether it is a line."""
    parts: list[DataFrame] = []
    for each in inputs:
        parts += _read_one(spark, each)
    if not parts:
        raise BadInput("the inputs hold no .ndjson, .jsonl, .json or .parquet files")
    together = parts[0]
    for part in parts[1:]:
        together = together.unionByName(part)
    return together


def _read_one(spark: SparkSession, each: str) -> Iterator[DataFrame]:
    """The lines, documents and Parquet rows of one input."""
    names = _names(each)
    lines = [name for name in names if ending(name) in LINES]
    documents = [name for name in names if ending(name) == ".json"]
    tables = [name for name in names if ending(name) in TABLES]
    found = "value", "_metadata.file_path as file", "_metadata.file_block_start as block"
    if lines:
        yield (
            spark.read.text(lines, lineSep="\n")
            .selectExpr(*found, "true as is_line")
            .where(f"file not like '%/{ANSWER_KEY}'")
        )
    if documents:
        yield spark.read.text(documents, wholetext=True).selectExpr(*found, "false as is_line")
    if tables:
        parquet = spark.read.parquet(*tables)
        if "resource" not in parquet.columns:
            raise BadInput(f"{each}: the Parquet has no column 'resource' with the resources' JSON")
        yield parquet.selectExpr("cast(resource as string) as value", *found[1:], "true as is_line")


def _names(each: str) -> list[str]:
    """The files of a local input; an address elsewhere is Spark's to list, by the ending it has."""
    if not _is_local(each):
        return [each] if ending(each) else [f"{each.rstrip('/')}/*{found}" for found in (".ndjson", ".ndjson.gz")]
    path = _local(each)
    if not path.exists():
        raise BadInput(f"{each}: there is no such file or folder")
    if path.is_dir() and path.suffix not in TABLES:
        return [_address(file) for file in sorted(path.rglob("*"), key=str) if file.is_file() and ending(file.name)]
    return [_address(path)]


def _is_local(address: str) -> bool:
    return "://" not in address or address.startswith("file://")


def _local(address: str) -> Path:
    return Path(address.removeprefix("file://")).absolute()


def _address(file: Path) -> str:
    return file.absolute().as_uri()


def _routed(lines: DataFrame) -> DataFrame:
    return lines.mapInArrow(_route_batches, _columns(_routed_schema()))


def _route_batches(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    """Where each resource belongs, and what it refers to; what cannot be read, with the reason."""
    counts: dict[tuple[str, int], int] = {}
    for batch in batches:
        rows: list[dict[str, Any]] = []
        for value, file, block in zip(
            *(batch.column(name).to_pylist() for name in ("value", "file", "block")), strict=True
        ):
            counts[file, block] = counts.get((file, block), 0) + 1
            origin = {"file": file, "block": block, "line": counts[file, block]}
            content = (value or "").encode().removeprefix(b"\xef\xbb\xbf")
            if not content.strip():
                continue
            try:
                rows += [origin | _row_of(routed) for routed in route(content)]
            except Unreadable as error:
                rows.append(origin | {"reason": str(error)})
        yield _batch(rows, _routed_schema())
    # How many lines each block has comes last, so that lines can be numbered across the blocks of a file.
    ends = [{"file": file, "block": block, "line": count, "kind": "#count"} for (file, block), count in counts.items()]
    yield _batch(ends, _routed_schema())


def _row_of(routed: Routed) -> dict[str, Any]:
    wants = {relative(found.decode().replace(r"\/", "/")) for found in _REFERENCE.findall(routed.content)}
    return {
        "kind": routed.kind,
        "address": routed.address,
        "patient": routed.patient,
        "together": routed.together,
        "content": routed.content,
        "person": routed.person,
        "wants": sorted(_outside(routed.content, wants) if routed.together else wants),
    }


def _outside(bundle: bytes, wants: set[str]) -> set[str]:
    """What a Bundle refers to and does not hold, and the practitioners that it holds, who may have roles elsewhere."""
    try:
        entries = read(bundle).entries
    except Unreadable:
        return wants
    people = {name for each in entries if isinstance(each.resource, Practitioner) and (name := identity_of(each))}
    return wants - {name for each in entries for name in (identity_of(each), each.full_url)} | people


def _any_claim(routed: DataFrame) -> bool:
    return bool(routed.where("kind = 'Claim' or (together and instr(content, '\"Claim\"') > 0)").take(1))


# --- joining and reviewing --------------------------------------------------------------------------------------


def _reviewed(
    routed: DataFrame, on: date, policies: Path | None, data: Path | None, *, any_claim: bool, corrected: bool
) -> DataFrame:
    """Each patient's resources beside what they refer to elsewhere, reviewed."""
    columns = ("patient", "far", "file", "block", "line", "address", "person", "together", "content")
    resources = routed.where("content is not null")
    mine = resources.where("patient is not null").selectExpr("*", "false as far")
    together = mine.select(*columns).unionByName(_from_elsewhere(resources, mine).select(*columns))
    sorted_by_patient = together.repartition("patient").sortWithinPartitions(*ORDER)

    def review_batches(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        facts = shipped(policies, data)
        tally = Tally()
        for rows in _by_patient(batches):
            near = [each for each in rows if not each["far"]]
            if not near:
                continue
            far = [each for each in rows if each["far"]]
            beside = Beside(*([(e[key], e["content"]) for e in far if e[key]] for key in ("address", "person")))
            part = Part([], [], [], Tally())
            records = [
                Record(number, 0, each["line"], each["together"], b"", each["content"])
                for number, each in enumerate(near)
            ]
            review_patient(part, records, facts, on, beside, any_claim=any_claim, corrected=corrected)
            tally.add(part.tally)
            yield from _found(part, near)
        yield _batch([{"what": "tally", "json": msgspec.json.encode(tally).decode()}], _reviewed_schema())

    return sorted_by_patient.mapInArrow(review_batches, _columns(_reviewed_schema()))


def _from_elsewhere(resources: DataFrame, mine: DataFrame) -> DataFrame:
    """What a patient's resources refer to that is another's or nobody's, and what that refers to, for each patient.

    It has its address; a role that came for the practitioner whom it names has that ``person`` in place of one.
    """
    from pyspark.sql import functions

    kinds = ", ".join(f"'{kind}'" for kind in sorted(REFERRED))
    referred = (
        resources.where(f"not together and address is not null and kind in ({kinds})")
        .dropDuplicates(["address"])
        .drop("patient", "person")
    )
    own = mine.where("address is not null").select("patient", "address")
    wanted = mine.select("patient", functions.explode("wants").alias("address")).distinct()
    found: DataFrame | None = None
    met: DataFrame | None = None
    for _ in range(STEPS):
        wanted = wanted.join(own, ["patient", "address"], "left_anti")
        met = wanted if met is None else met.unionByName(wanted)
        step = wanted.join(referred, "address").selectExpr("*", "cast(null as string) as person", "true as far")
        found = step if found is None else found.unionByName(step)
        wanted = step.select("patient", functions.explode("wants").alias("address")).distinct()
    assert found is not None and met is not None
    people = met.where("address like 'Practitioner/%'").distinct().withColumnRenamed("address", "person")
    roles = people.join(_loose_roles(resources), "person")
    roles = roles.selectExpr("*", "cast(null as string) as address", "true as far")
    return found.dropDuplicates(["patient", "address"]).unionByName(roles)


def _loose_roles(resources: DataFrame) -> DataFrame:
    """The roles by the practitioner whom they name; of one who has very many, the first in the order of the input."""
    from pyspark.sql import Window, functions

    in_order = Window.partitionBy("person").orderBy("file", "block", "line")
    numbered = resources.where("person is not null").withColumn("number", functions.row_number().over(in_order))
    return numbered.where(functions.col("number") <= MOST_ROLES).drop("number", "patient", "address")


def _by_patient(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[list[dict[str, Any]]]:
    """The rows of each patient, which come one patient after the other."""
    held: list[dict[str, Any]] = []
    for batch in batches:
        for each in batch.to_pylist():
            if held and held[0]["patient"] != each["patient"]:
                yield held
                held = []
            held.append(each)
    if held:
        yield held


def _found(part: Part, rows: list[dict[str, Any]]) -> Iterator[pyarrow.RecordBatch]:
    shown = [(each, as_json(each.finding)) for each in part.findings]
    found = [row(*each) | {"what": "finding", "json": encode(each[1]).decode()} for each in shown]
    found += [{"what": "corrected", "json": encode(resource).decode()} for _, resource in part.corrected]
    found += [
        {
            "what": "rejected",
            "message": each.reason,
            **{key: rows[each.chunk][key] for key in ("file", "block", "line")},
        }
        for each in part.rejected
    ]
    if found:
        yield _batch(found, _reviewed_schema())


def _routed_schema() -> pyarrow.Schema:
    """The columns of a resource on its way."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    return pyarrow.schema(
        [
            ("file", text), ("block", number), ("line", number), ("kind", text), ("address", text), ("patient", text),
            ("together", pyarrow.bool_()), ("content", pyarrow.binary()), ("person", text), ("wants", pyarrow.list_(text)), ("reason", text),
        ]
    )  # fmt: skip


def _reviewed_schema() -> pyarrow.Schema:
    """The columns of a finding in Parquet, with what the row is, its JSON, and where it stood."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    columns = [("what", text), ("json", text), ("file", text), ("block", number), ("line", number)]
    return pyarrow.schema([*columns, *((field.name, field.type) for field in schema())])


def _columns(found: pyarrow.Schema) -> Any:
    """The columns as Spark has them."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(found)


def _batch(rows: list[dict[str, Any]], columns: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow

    return pyarrow.RecordBatch.from_pylist(rows, columns)


# --- writing ----------------------------------------------------------------------------------------------------


def _tally(reviewed: DataFrame) -> Tally:
    whole = Tally()
    for each in reviewed.where("what = 'tally'").select("json").collect():
        whole.add(msgspec.json.decode(each.json, type=Tally))
    return whole


def _write(spark: SparkSession, routed: DataFrame, reviewed: DataFrame, out: str, *, corrected: bool) -> int:
    """Write findings, corrected resources and what was set aside; how many lines were."""
    names = [field.name for field in schema()]
    findings = reviewed.where("what = 'finding'")
    target = _address(_local(out)) if _is_local(out) else out
    findings.select(*names).write.mode("overwrite").parquet(f"{target}/findings.parquet")
    findings.selectExpr("json as value").write.mode("overwrite").text(f"{target}/findings.ndjson")
    if corrected:
        reviewed.where("what = 'corrected'").selectExpr("json as value").write.mode("overwrite").text(
            f"{target}/corrected.ndjson"
        )
    rejected = _rejected(spark, routed, reviewed)
    lines = [msgspec.json.encode(each).decode() for each in rejected]
    if _is_local(out):
        for name in ("findings.parquet", "findings.ndjson", "corrected.ndjson"):
            _raise_parts(_local(out), name)
        (_local(out) / "rejected.ndjson").write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    else:
        spark.createDataFrame([(each,) for each in lines], "value string").write.mode("overwrite").text(
            f"{target}/rejected.ndjson"
        )
    return len(lines)


def _rejected(spark: SparkSession, routed: DataFrame, reviewed: DataFrame) -> list[dict[str, Any]]:
    """Every line that could not be read, by file and line of the file."""
    counted = routed.where("kind = '#count'").select("file", "block", "line").collect()
    before: dict[tuple[str, int], int] = {}
    lines_of: dict[str, int] = {}
    for each in sorted(counted, key=lambda found: (found.file, found.block)):
        before[each.file, each.block] = lines_of.get(each.file, 0)
        lines_of[each.file] = lines_of.get(each.file, 0) + each.line
    aside = (
        routed.where("reason is not null")
        .select("file", "block", "line", "reason")
        .unionByName(reviewed.where("what = 'rejected'").selectExpr("file", "block", "line", "message as reason"))
    )
    rows = [
        {"file": _shown(each.file), "line": before.get((each.file, each.block), 0) + each.line, "reason": each.reason}
        for each in aside.collect()
    ]
    return sorted(rows, key=lambda found: (found["file"], found["line"], found["reason"]))


def _shown(file: str) -> str:
    """A local file by its path, as the other engine names it."""
    from urllib.parse import unquote

    return unquote(file.removeprefix("file://").replace("file:/", "/", 1)) if file.startswith("file:") else file


def _raise_parts(out: Path, name: str) -> None:
    """Put Spark's part files beside each other, named as the other engine names its own."""
    folder = out / name
    if not folder.is_dir():
        return
    stem, suffix = name.split(".")
    for number, part in enumerate(sorted(folder.glob("part-*"))):
        if part.stat().st_size:
            part.replace(out / f"{stem}-{number:05d}.{suffix}")
    for rest in folder.iterdir():
        rest.unlink()
    folder.rmdir()
