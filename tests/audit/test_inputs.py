"""What a file holds is told by its name in one way, on whichever engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_massage.audit.inputs import BadInput, ending, find_files
from fhir_massage.audit.spark import _names


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Claim.ndjson", ".ndjson"),
        ("Claim.ndjson.gz", ".ndjson"),
        ("Claim.jsonl.zst", ".jsonl"),
        ("Claim.001.json", ".json"),
        ("claims.parquet", ".parquet"),
        ("s3a://bucket/export/*.ndjson.gz", ".ndjson"),
        ("s3a://bucket/claims.parquet/", ".parquet"),
        ("s3a://bucket/export.2026", ""),
        ("s3a://bucket", ""),
        ("Claim.csv", ""),
        ("Claim.csv.gz", ""),
        ("ndjson", ""),
        (".ndjson", ""),
        ("claims.gz", ""),
        ("Claim.ndjson.gz.part", ""),
        ("", ""),
    ],
)
def test_the_name_tells_what_a_file_holds_packed_or_not(name: str, told: str) -> None:
    assert ending(name) == told


def test_both_engines_find_the_same_files_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "more" / "nested.json").mkdir(parents=True)
    read = {"a.ndjson", "b.jsonl.gz", "c.json", "more/d.json.zst", "more/nested.json/e.ndjson"}
    for name in (*read, "notes.txt", "packed.gz", ".ndjson", "more/table.csv"):
        (tmp_path / name).write_bytes(b"{}\n")
    found = [file.relative_to(tmp_path).as_posix() for file in find_files([str(tmp_path)])]
    assert found == sorted(read)
    assert _names(str(tmp_path)) == [(tmp_path / name).as_uri() for name in found]


def test_a_table_in_several_parts_is_read_once_on_spark(tmp_path: Path) -> None:
    (part := tmp_path / "claims.parquet" / "part-0.parquet").parent.mkdir()
    part.write_bytes(b"")
    assert _names(str(tmp_path)) == [part.as_uri()]


def test_a_folder_without_anything_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(BadInput, match="holds no"):
        find_files([str(tmp_path)])
