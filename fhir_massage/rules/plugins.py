"""The rules of installed packages: imported one package at a time, all of its rules or none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, MutableMapping
from typing import Protocol, TypeVar

from fhir_massage.installed import RULES, Plugin, plugins


class Registered(Protocol):
    """What is asked of a rule here."""

    @property
    def id(self) -> str:
        """The rule's id."""

    @property
    def check(self) -> Callable[..., object]:
        """The rule's function."""


R = TypeVar("R", bound=Registered)


def load(rules: MutableMapping[str, R]) -> tuple[Plugin, ...]:
    """Import every installed package that offers rules. Each says what it brings, or why it was left out.

    ``rules`` is what the import registers in; of a package that fails nothing is left in it. Rules of
    packages stand after the product's own, by the name of their entry point.
    """
    return tuple(plugin if plugin.problem else _loaded(plugin, rules) for plugin in plugins(RULES))


def _loaded(plugin: Plugin, rules: MutableMapping[str, R]) -> Plugin:
    before = dict(rules)
    # Somebody may have imported the module before; its rules are registered already then.
    early = {rule.id for rule in before.values() if _is_of(rule, plugin.module)}
    try:
        importlib.import_module(plugin.module)
        ids = tuple(each for each in rules if each not in before or each in early)
        _refuse_foreign_names(plugin, ids)
    except (Exception, SystemExit) as error:  # whatever a stranger's module does on import, the others go on
        rules.clear()
        rules.update({each: rule for each, rule in before.items() if each not in early})
        return plugin.without(error)
    rules.update({each: rules.pop(each) for each in ids})
    return plugin.bringing(ids)


def _is_of(rule: Registered, module: str) -> bool:
    return f"{rule.check.__module__}.".startswith(f"{module}.")


def _refuse_foreign_names(plugin: Plugin, ids: tuple[str, ...]) -> None:
    if not ids:
        raise ValueError(f"importing {plugin.module} registers no rule")
    for each in ids:
        if not each.startswith(f"{plugin.name}-"):
            raise ValueError(f"the rule {each} must be named after its entry point: {plugin.name}-{each}")
