"""Writing a data set as a folder of FHIR NDJSON files, with its answer key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from fhir_massage.errors import FhirMassageError
from fhir_massage.read.read import encode
from fhir_massage.synthetic.dataset import DataSet, KnownFault

#: The types of resources in a data set, each with a file of its own, which may be empty.
KINDS = (
    "Claim", "Coverage", "ServiceRequest", "Patient", "Practitioner", "PractitionerRole", "Organization", "Procedure",
    "Condition", "CoverageEligibilityResponse",
)  # fmt: skip
ANSWERS = "answers"
BUFFER = 1 << 20


def write_data_set(data: DataSet, folder: Path, progress: Callable[[int], object] = lambda made: None) -> int:
    """Write every resource to ``<type>.ndjson`` and the known faults to ``answers.ndjson``; how many faults.

    ``progress`` is told now and then how many claims are made. Files of an earlier run are replaced. Raises
    ``FhirMassageError`` where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {kind: stack.enter_context(_open(folder, kind)) for kind in (*KINDS, ANSWERS)}
            return _written(data, files, progress)
    except OSError as error:
        raise FhirMassageError(f"{error.filename or folder}: {error.strerror or 'cannot be written'}") from None


def _open(folder: Path, kind: str) -> BinaryIO:
    return (folder / f"{kind}.ndjson").open("wb", buffering=BUFFER)


def _written(data: DataSet, files: dict[str, BinaryIO], progress: Callable[[int], object]) -> int:
    answers, told = 0, 0
    for made in data:
        if isinstance(made, KnownFault):
            files[ANSWERS].write(encode(made) + b"\n")
            answers += 1
        else:
            files[made["resourceType"]].write(encode(made) + b"\n")
        if data.made >= told + 500:
            told = data.made
            progress(told)
    return answers
