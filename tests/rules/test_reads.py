"""What a rule reads is told from its code, however the code is laid out; never less than it reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from fhir_massage.case.seen import ClaimCase, Line
from fhir_massage.rules.reads import reads_of


def reads_the_total(case: ClaimCase) -> bool:
    return case.total is not None


class Asked:
    def units(self, line: Line) -> Any:
        return line.units


def plain(case: ClaimCase) -> Iterator[Any]:
    yield from (line.modifiers for line in case.lines)


def through_a_function(case: ClaimCase) -> Iterator[Any]:
    if reads_the_total(case):
        yield case.created


def through_a_class(case: ClaimCase) -> Iterator[Any]:
    yield from (Asked().units(line) for line in case.lines)


def through_a_property(case: ClaimCase) -> Iterator[Any]:
    yield from (line.charge for line in case.lines)


def made_by_another(inner: Callable[[ClaimCase], bool]) -> Callable[[ClaimCase], Iterator[Any]]:
    def check(case: ClaimCase) -> Iterator[Any]:
        if inner(case):
            yield case.diagnoses

    return check


@pytest.mark.parametrize(
    ("check", "reads"),
    [
        (plain, {"lines", "modifiers"}),
        (through_a_function, {"total", "created"}),
        (through_a_class, {"lines", "units"}),
        (through_a_property, {"lines", "net", "units", "unit_price", "factor"}),
        (made_by_another(reads_the_total), {"total", "diagnoses"}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_however_it_is_read(check: Callable[..., Any], reads: set[str]) -> None:
    assert reads <= reads_of(check)


def test_through_a_module_of_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (
        ("harbor_rules", ""),
        ("harbor_rules.helping", "def is_large(case):\n    return case.total\n"),
        (
            "harbor_rules.rules",
            "from harbor_rules import helping\ndef check(case):\n    return helping.is_large(case)\n",
        ),
    ):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        if "." in name:
            setattr(sys.modules["harbor_rules"], name.partition(".")[2], module)
        exec(code, module.__dict__)
    assert "total" in reads_of(sys.modules["harbor_rules.rules"].check)
