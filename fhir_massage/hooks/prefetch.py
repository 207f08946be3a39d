"""The prefetch of a request: what of it is missing, and the seam by which it is fetched from the EHR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fhir_massage.errors import NotFetched
from fhir_massage.hooks.services import Service
from fhir_massage.read.read import Arrival

#: Gets what is missing. Given the service, the request (with ``fhirServer`` and ``fhirAuthorization``) and what
#: came with it, it returns what it fetched; whatever it could not have stands in ``unread`` as ``NotFetched``,
#: with ``prefetch.<key>`` as its place.
Fetch = Callable[[Service, Mapping[str, Any], Arrival], Arrival]

_TOKEN = re.compile(r"\{\{context\.(\w+)\}\}")


def missing(service: Service, request: Mapping[str, Any]) -> dict[str, str]:
    """The queries whose answers did not come, by key, with the context filled in.

    A key that is ``null`` did come: the client says that it has no such data. One that holds an
    OperationOutcome did not.
    """
    given = request.get("prefetch") or {}
    context = request["context"]
    queries = {}
    for key, template in service.prefetch.items():
        if key in given and not _is_error(given[key]):
            continue
        if all(isinstance(context.get(name), str) for name in _TOKEN.findall(template)):
            queries[key] = _TOKEN.sub(lambda token: str(context[token[1]]), template)
    return queries


def failed(arrival: Arrival) -> bool:
    """Whether something was asked of the EHR and could not be had."""
    return any(isinstance(error, NotFetched) for error in arrival.unread)


def _is_error(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("resourceType") == "OperationOutcome"
