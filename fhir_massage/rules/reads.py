"""What a rule reads of a case, told from its own code, so that a review can pass over what cannot have changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from fhir_massage.case.seen import ClaimCase, Encounter, Line, OrderCase, Provider

RULES = "fhir_massage.rules"
_SEEN_BY_RULES = (ClaimCase, OrderCase, Encounter, Line, Provider)
_PROPERTIES = {
    name: member.fget
    for kind in _SEEN_BY_RULES
    for name, member in inspect.getmembers(kind, lambda member: isinstance(member, property))
}
_FIELDS = frozenset(name for kind in _SEEN_BY_RULES for name in kind.__struct_fields__)


def reads_of(check: Callable[..., Any], besides: tuple[Callable[..., Any], ...] = ()) -> frozenset[str]:
    """The fields of cases and lines that a rule's function names, itself or through functions of the rules.

    Functions are followed through the rules and through the package that the rule came in, be they named by
    themselves, in their module or enclosed. That is more than one run of it reads, and never less. Of a function that reads the claim's own JSON, the
    keys that it names are among them, each after a slash. ``besides`` are functions not to be followed.
    """
    names: set[str] = set()
    keys: set[str] = set()
    seen: set[object] = set(besides)
    ours = _packages(check)
    waiting: list[Any] = [check]
    while waiting:
        function = inspect.unwrap(waiting.pop())
        if function in seen or not isinstance(function, FunctionType):
            continue
        seen.add(function)
        keys |= {f"/{text}" for text in _texts(function.__code__)}
        for name in _names(function.__code__):
            names.add(name)
            waiting += _functions(function.__globals__.get(name), ours)
            if name in _PROPERTIES:
                waiting.append(_PROPERTIES[name])
        for cell in function.__closure__ or ():
            waiting += _functions(cell.cell_contents, ours)
    return frozenset(names & _FIELDS | (keys if "read_json" in names else set()))


def _names(code: CodeType) -> Iterator[str]:
    """Every global and attribute that the code names, in functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _texts(constant: Any) -> Iterator[str]:
    """Every text in the code that may be a key of JSON."""
    if isinstance(constant, str) and constant.isidentifier():
        yield constant
    elif isinstance(constant, CodeType):
        for inner in constant.co_consts:
            yield from _texts(inner)
    elif isinstance(constant, tuple | frozenset):
        for inner in constant:
            yield from _texts(inner)


def _packages(check: Callable[..., Any]) -> tuple[str, ...]:
    """Where the functions are that a rule may leave its reading to: the rules, and its own package."""
    own = inspect.unwrap(check).__module__.partition(".")[0]
    return (RULES,) if own == RULES.partition(".")[0] else (RULES, own)


def _functions(named: Any, ours: tuple[str, ...]) -> list[Any]:
    """The functions that a name means: a function, a class with its own, or a module with all of its own."""
    module = named.__name__ if inspect.ismodule(named) else getattr(named, "__module__", None) or ""
    if not any(module == package or module.startswith(f"{package}.") for package in ours):
        return []
    if inspect.isclass(named) or inspect.ismodule(named):
        return [member for member in vars(named).values() if callable(member)]
    return [named]
