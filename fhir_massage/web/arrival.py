"""When the request that a thread answers had arrived: what is promised of a call's time counts from then."""

from __future__ import annotations

import threading
import time

_of_thread = threading.local()


def note(moment: float) -> None:
    """From now on this thread answers a request that had arrived at that moment (of ``time.perf_counter``)."""
    _of_thread.moment = moment


def forget() -> None:
    """This thread answers no request any more."""
    _of_thread.moment = None


def moment() -> float:
    """When this thread's request had arrived; now, where no server has said."""
    noted = getattr(_of_thread, "moment", None)
    return time.perf_counter() if noted is None else float(noted)
