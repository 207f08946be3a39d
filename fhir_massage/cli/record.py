"""The FHIR server that ``check`` reads from: a PATH like ``Claim/123``, and what claims refer to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from fhir_massage.cli.documents import Source
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.gather import follow
from fhir_massage.ehr.play import fetched
from fhir_massage.ehr.server import FhirServer
from fhir_massage.read.read import Arrival, Entry, encode, read

_REFERENCE = re.compile(r"(Claim|ServiceRequest)/[A-Za-z0-9\-.]{1,64}")
SECONDS = 60.0


class Record:
    """A patient's record on the server that the user named, wherever it is: the user vouches for it."""

    def __init__(self, base: str, token: str | None) -> None:
        self._base = base
        self._token = token
        self._deadline = Deadline(SECONDS)

    @cached_property
    def _server(self) -> FhirServer:
        return FhirServer(self._base, self._deadline, listed=[self._base], token=self._token)

    def names(self, path: str) -> bool:
        """Whether a PATH is a reference. A file of that name goes first."""
        return _REFERENCE.fullmatch(path) is not None and not Path(path).exists()

    def open(self, reference: str) -> Source:
        """The resource of a reference, as though it were a file. Raises ``NotFetched`` or ``Unreadable``."""
        content = encode(fetched(self._server, reference))
        return Source(reference, content, [read(content)], lines=False)

    def follow(self, arrival: Arrival, subjects: Sequence[Entry]) -> list[str]:
        """Fetch into the arrival what its claims and orders refer to. A line for each thing that failed."""
        missing = follow(arrival, subjects, self._server, self._deadline)
        return [str(each) for each in missing]
