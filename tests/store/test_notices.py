"""The queue of claims that a server told of: nothing is lost, nothing is done twice at a time, attempts end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from fhir_massage.store.notices import CHANGES, FIRST_PAUSE, LEASE, LONGEST_PAUSE, MOST_ATTEMPTS, Notice, Notices
from fhir_massage.store.schema import upgrade


class Queue:
    """The queue with a clock that the test moves."""

    def __init__(self, address: str) -> None:
        self.now = 1_000_000.0
        self.engine = create_engine(address)
        upgrade(self.engine)
        self.notices = self.again()

    def again(self) -> Notices:
        """The queue as another process, or the same one after a restart, sees it."""
        return Notices(self.engine, lambda: self.now)

    def take(self) -> Notice:
        taken = self.notices.take()
        assert taken is not None
        return taken


@pytest.fixture
def queue(database: str) -> Iterator[Queue]:
    made = Queue(database)
    yield made
    made.engine.dispose()


def test_what_was_told_is_there_after_a_restart_until_it_is_done(queue: Queue) -> None:
    queue.notices.tell(["c1", "c2"])
    queue.notices.tell(["c1"])
    after = queue.again()
    assert after.waiting() == 2
    taken = [each for each in (after.take(), after.take(), after.take()) if each is not None]
    assert sorted(each.claim for each in taken) == ["c1", "c2"]
    for each in taken:
        after.done(each)
    assert (after.waiting(), after.take()) == (0, None)


def test_told_again_while_it_is_reviewed_it_is_reviewed_once_more(queue: Queue) -> None:
    queue.notices.tell(["c1"])
    first = queue.take()
    queue.notices.tell(["c1"])
    assert queue.notices.take() is None  # two never work on one claim
    queue.notices.done(first)
    queue.notices.done(queue.take())
    assert queue.notices.waiting() == 0


def test_a_process_that_ended_amid_a_review_loses_nothing(queue: Queue) -> None:
    queue.notices.tell(["c1"])
    queue.take()
    assert queue.again().take() is None
    queue.now += LEASE
    assert queue.again().take() is not None


def test_attempts_come_later_and_later_and_end(queue: Queue) -> None:
    queue.notices.tell(["c1"])
    pauses = []
    for attempt in range(MOST_ATTEMPTS):
        taken = queue.take()
        assert taken.is_last == (attempt == MOST_ATTEMPTS - 1)
        queue.notices.failed(taken)
        began = queue.now
        while not taken.is_last and queue.notices.take() is None:
            queue.now += FIRST_PAUSE
        pauses.append(queue.now - began)
        queue.now += LEASE  # the lease of what the loop took
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) <= LONGEST_PAUSE + FIRST_PAUSE
    queue.now += 10 * LONGEST_PAUSE
    assert (queue.notices.take(), queue.notices.waiting()) == (None, 1)


def test_what_was_left_begins_anew_when_told_of_again_or_at_the_next_start(queue: Queue) -> None:
    for begin in (lambda: queue.notices.tell(["c1"]), lambda: queue.again().begin()):
        queue.notices.tell(["c1"])
        for _ in range(MOST_ATTEMPTS):
            queue.now += LONGEST_PAUSE
            queue.notices.failed(queue.take())
        queue.now += LONGEST_PAUSE
        assert queue.notices.take() is None
        begin()
        assert queue.take().attempts == 0
        queue.now += LEASE


def test_told_again_in_the_last_attempt_it_begins_anew(queue: Queue) -> None:
    queue.notices.tell(["c1"])
    taken = queue.take()
    queue.notices.tell(["c1"])
    queue.notices.failed(taken)
    assert queue.take().attempts == 0


def test_changes_are_looked_for_from_where_the_last_look_ended(queue: Queue) -> None:
    queue.notices.tell([CHANGES])
    look = queue.take()
    assert (look.claim, look.since) == (CHANGES, None)
    queue.notices.tell([CHANGES])  # told while it looks: it looks once more
    queue.notices.found(look, ["c1", "c2"], since=77.5)
    assert queue.notices.waiting() == 3
    found = [queue.take() for _ in range(3)]
    assert sorted(each.claim for each in found) == [CHANGES, "c1", "c2"]
    again = next(each for each in found if each.claim == CHANGES)
    assert again.since == 77.5
    queue.notices.found(again, [], since=77.5)
    assert queue.notices.waiting() == 2


def test_several_processes_take_each_notice_once(queue: Queue) -> None:
    names = [f"c{number}" for number in range(30)]
    queue.notices.tell(names)
    taken: list[str] = []

    def work() -> None:
        mine = queue.again()
        misses = 0
        while misses < 50:
            notice = mine.take()
            if notice is None:
                misses += 1
                continue
            taken.append(notice.claim)
            mine.done(notice)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == sorted(names)
    assert queue.notices.waiting() == 0
