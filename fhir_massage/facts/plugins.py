"""Facts and policies of installed packages: laid over the shipped ones, each package wholly or not at all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import msgspec

from fhir_massage.errors import BadFact
from fhir_massage.facts import load
from fhir_massage.facts.policy import PolicyFile
from fhir_massage.facts.rows import Row, Source
from fhir_massage.installed import FACTS, POLICIES, Plugin, plugins


class Files(msgspec.Struct, frozen=True):
    """What fact files hold: documents by id, rows by table, and policies in the order in which they are laid over."""

    sources: dict[str, Source]
    tables: dict[str, list[Row]]
    policies: list[PolicyFile]


def laid_over(
    shipped: Files, kinds: dict[str, type[Row]], check: Callable[[Files], object]
) -> tuple[Files, tuple[Plugin, ...]]:
    """The shipped files with those of installed packages, and what each package brings or why it was left out.

    Tables come before policies, so that these may cite what those bring. ``kinds`` are the rows of each
    table. ``check`` raises ``BadFact`` for files that do not go together.
    """
    files, seen = shipped, []
    readers = {FACTS: _with_tables, POLICIES: _with_policies}
    payers: dict[str, Plugin] = {}
    for group, reader in readers.items():
        for plugin in plugins(group):
            if plugin.problem is None:
                try:
                    more, names = reader(files, _folders(plugin), kinds)
                    _refuse_shared_payers(names if group == POLICIES else (), payers)
                    check(more)
                except Exception as error:  # whatever is wrong with a stranger's files, the others go on
                    plugin = plugin.without(str(error) if isinstance(error, BadFact) else error)
                else:
                    files, plugin = more, plugin.bringing(names)
                    payers |= dict.fromkeys(names, plugin) if group == POLICIES else {}
            seen.append(plugin)
    return files, tuple(seen)


def _folders(plugin: Plugin) -> list[Path]:
    """Where the package that the entry point names keeps its files; it is not imported for that."""
    found = importlib.util.find_spec(plugin.module)
    places = () if found is None else found.submodule_search_locations or ()
    # A package without __init__.py is listed once for each way in which the path leads to it.
    folders = list(dict.fromkeys(Path(place).resolve() for place in places))
    if not any(folder.is_dir() for folder in folders):
        raise BadFact(plugin.module, "(package)", "there is no such package with a folder on disk")
    return folders


def _with_tables(files: Files, folders: list[Path], kinds: dict[str, type[Row]]) -> tuple[Files, tuple[str, ...]]:
    sources, tables, names = dict(files.sources), dict(files.tables), []
    for folder in folders:
        for key, source in load.read_sources(folder).items():
            if key in sources:
                raise BadFact("sources", key, "another document has this id")
            sources[key] = source
        for file in sorted((folder / "tables").glob("*.csv")):
            if file.stem not in kinds:
                raise BadFact(file.name, "(file)", f"there is no such table; there are {', '.join(kinds)}")
            rows = load.read_table(file.stem, kinds[file.stem], sources, folder)
            tables[file.stem] = [*tables[file.stem], *rows]
            names.append(file.stem)
    if not names:
        raise BadFact(folders[0].name, "(package)", "it holds no tables/*.csv")
    return msgspec.structs.replace(files, sources=sources, tables=tables), tuple(names)


def _with_policies(files: Files, folders: list[Path], _: dict[str, type[Row]]) -> tuple[Files, tuple[str, ...]]:
    more = [load.read_policy(file, files.sources) for folder in folders for file in sorted(folder.glob("*.toml"))]
    if not more:
        raise BadFact(folders[0].name, "(package)", "it holds no *.toml")
    names = tuple(policy.payer for policy in more)
    return msgspec.structs.replace(files, policies=[*files.policies, *more]), names


def _refuse_shared_payers(names: tuple[str, ...], payers: dict[str, Plugin]) -> None:
    """Two packages that speak for one payer: which of them is right is not for the order of names to decide."""
    for name in names:
        if name in payers:
            raise BadFact(f"{name}.toml", "payer", f"{payers[name].title} has a policy of this payer")
