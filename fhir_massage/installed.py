"""Packages installed beside the product that extend it, found by their entry points. Nothing of them runs here."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points

import msgspec

#: The groups of entry points: a module whose import registers rules, and packages that hold files of facts.
RULES = "fhir_massage.rules"
FACTS = "fhir_massage.facts"
POLICIES = "fhir_massage.policies"

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Plugin(msgspec.Struct, frozen=True):
    """What one package offers to one group, and what came of it.

    ``name`` and ``module`` are those of the entry point, ``package`` and ``version`` those of the installed
    distribution. ``brings`` names the rules, tables or payers that it adds. ``problem`` says why it was left
    out; it brings nothing then.
    """

    group: str
    name: str
    module: str
    package: str
    version: str
    brings: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def title(self) -> str:
        """``evergreen (evergreen-massage 1.0.0)``."""
        return f"{self.name} ({self.package} {self.version})"

    def bringing(self, names: tuple[str, ...]) -> Plugin:
        """The same, in use."""
        return msgspec.structs.replace(self, brings=names)

    def without(self, error: BaseException | str) -> Plugin:
        """The same, left out for that reason."""
        reason = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        return msgspec.structs.replace(self, problem=" ".join(reason.split()))


def plugins(group: str) -> list[Plugin]:
    """What installed packages offer to the group, by name and then by package: the same order on every machine.

    A name that cannot be one, or that an earlier package has taken, has its ``problem`` set already.
    """
    found: list[Plugin] = []
    taken: dict[str, Plugin] = {}
    for plugin in sorted((_plugin(point) for point in entry_points(group=group)), key=_order):
        if not _NAME.fullmatch(plugin.name):
            plugin = plugin.without("an entry point's name is written in lower case letters, digits and hyphens")
        elif plugin.name in taken:
            plugin = plugin.without(f"the package {taken[plugin.name].package} has an entry point of the same name")
        else:
            taken[plugin.name] = plugin
        found.append(plugin)
    return found


def _plugin(point: EntryPoint) -> Plugin:
    package, version = (point.dist.name, point.dist.version) if point.dist is not None else ("", "")
    return Plugin(point.group, point.name, point.value, package, version)


def _order(plugin: Plugin) -> tuple[str, str, str]:
    return plugin.name, plugin.package, plugin.module
