"""The prefetch of a request: what of it is missing, and the seam by which it is fetched from the EHR."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_massage.errors import NotFetched
from fhir_massage.fhir.read import Arrival
from fhir_massage.hooks.services import Service

#: Gets what is missing. Given the service, the request (with ``fhirServer`` and ``fhirAuthorization``) and what
#: came with it, it returns what it fetched; whatever it could not have stands in ``unread`` as ``NotFetched``,
#: with ``prefetch.<key>`` as its place.
Fetch = Callable[[Service, Mapping[str, Any], Arrival], Arrival]


def nothing_fetched(service: Service, request: Mapping[str, Any], arrival: Arrival) -> Arrival:
    """The fetching of a service that asks no EHR."""
    return Arrival()


def missing(service: Service, request: Mapping[str, Any]) -> list[str]:
    """The keys of the prefetch that did not come, came as ``null``, or hold an OperationOutcome.

    By ``null`` a client says that it has no such data. Where its server can be asked, it is asked once more,
    because some say so where their own query failed.
    """
    given = request.get("prefetch") or {}
    return [key for key in service.prefetch if given.get(key) is None or _is_error(given[key])]


def failed(arrival: Arrival) -> bool:
    """Whether something was asked of the EHR and could not be had."""
    return any(isinstance(error, NotFetched) for error in arrival.unread)


def _is_error(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("resourceType") == "OperationOutcome"
