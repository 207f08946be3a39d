"""Several things fetched at once, for as long as there is time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.errors import OutOfTime
from fhir_massage.errors import NotFetched

Json = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)

#: Requests to one server that are under way at a time.
AT_ONCE = 6


def fetch_together(wanted: Mapping[Key, Callable[[], Json]], deadline: Deadline) -> dict[Key, Json | NotFetched]:
    """What each gives, or why it could not be fetched. Comes back when the time is over, whatever is still open."""
    if not wanted:
        return {}
    pool = ThreadPoolExecutor(min(AT_ONCE, len(wanted)), thread_name_prefix="ehr")
    waiting: dict[Future[Json], Key] = {pool.submit(fetch): key for key, fetch in wanted.items()}
    found: dict[Key, Json | NotFetched] = {}
    open_ones = set(waiting)
    while open_ones and deadline.left:
        done, open_ones = wait(open_ones, timeout=deadline.left, return_when=FIRST_COMPLETED)
        for future in done:
            found[waiting[future]] = _outcome(future)
    pool.shutdown(wait=False, cancel_futures=True)
    for future in open_ones:
        found[waiting[future]] = OutOfTime("the server did not answer within the time allowed")
    return found


def _outcome(future: Future[Json]) -> Json | NotFetched:
    try:
        return future.result()
    except NotFetched as reason:
        return reason
