"""Asking the database and waiting no longer than an answer may: one that is silent holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")


class NoAnswer(SQLAlchemyError):
    """The database did not answer in time."""


class Bounded:
    """Has each question asked by a thread of its own, ``most`` of them at a time.

    Who asked waits for so many seconds at most. A question that nobody waits for any more goes on, and keeps its
    place until the database answers it after all.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._places = threading.Semaphore(most)

    def ask(self, question: Callable[[], T]) -> T:
        """The answer, or the question's own error. Raises ``NoAnswer`` where neither comes in time."""
        end = time.monotonic() + self._seconds
        if not self._places.acquire(timeout=self._seconds):
            raise NoAnswer("too many questions wait for the database")
        asked = _Asked(question, self._places.release)
        return asked.answer(max(0.0, end - time.monotonic()))


class _Asked(Generic[T]):
    """One question that a thread asks."""

    def __init__(self, question: Callable[[], T], done: Callable[[], Any]) -> None:
        self._question = question
        self._done = done
        self._answers: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, name="asking", daemon=True)
        self._thread.start()

    def answer(self, seconds: float) -> T:
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        if not self._answers:
            raise NoAnswer("the database did not answer in time")
        return self._answers[0]

    def _ask(self) -> None:
        try:
            self._answers.append(self._question())
        except BaseException as error:
            self._error = error
        finally:
            self._done()
