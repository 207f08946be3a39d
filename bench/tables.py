"""An NCCI table as large as CMS's own, imported as its files are."""

from __future__ import annotations

import itertools
from datetime import date
from pathlib import Path

from fhir_massage.facts.book import Facts, read_facts
from fhir_massage.facts.imported import import_file

HEADER = "Column 1\tColumn 2\tin existence prior to 1996\tEffective Date\tDeletion Date\tModifier\tPTP Edit Rationale"


def with_pairs(count: int, folder: Path, today: date) -> Facts:
    """The shipped facts under an imported file of so many made-up pairs, our codes' column ones among them."""
    file = folder / "ccipra-v323r0-f1.txt"
    codes = [*(f"{number:05}" for number in range(97000, 98999)), *(f"{number:05}" for number in range(10000, 11000))]
    pairs = itertools.islice(((one, two) for one in codes for two in codes if one < two and two > "98000"), count)
    with file.open("w") as stream:
        stream.write(HEADER + "\n")
        stream.writelines(f"{one}\t{two}\t\t20150101\t*\t1\tMade for a measurement\n" for one, two in pairs)
    (loaded,) = import_file(file, folder, today=today)
    assert loaded.rows == count, loaded.rows
    return read_facts(data=folder)
