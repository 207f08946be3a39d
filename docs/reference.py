"""Reference pages that cannot be out of date: made from the commands, the HTTP description, the settings and the facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import click
import msgspec

from fhir_massage.cli import main as command_line
from fhir_massage.facts.book import TABLES, Facts
from fhir_massage.facts.policy import Entry, Policy
from fhir_massage.settings import PREFIX, Settings
from fhir_massage.web.openapi import document

Json = dict[str, Any]

# --- commands -----------------------------------------------------------------------------------------------


def commands() -> str:
    """Each command's own help."""
    context = click.Context(command_line, info_name="fhir-massage")
    parts = ["# Commands", _help(command_line, context)]
    for name in command_line.list_commands(context):
        found = command_line.get_command(context, name)
        assert found is not None
        parts += _command(name, found, context)
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"## {context.command_path}"
    yield _help(command, context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _command(inner, found, context)


def _help(command: click.Command, context: click.Context) -> str:
    return f"```text\n{command.get_help(context)}\n```"


# --- HTTP -----------------------------------------------------------------------------------------------------


def http() -> str:
    """Every address of the service, from its own description."""
    rows = []
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                answers = ", ".join(operation["responses"])
                rows.append(f"| `{method.upper()} {path}` | {operation['summary']} | {answers} |")
    return (
        "# HTTP\n\nWhat the service answers; `GET /openapi.json` is the same as OpenAPI 3.1, with every body's shape. "
        "An answer of 400 or more brings an OperationOutcome that says what was wrong and where.\n\n"
        "| method and path | what it is | answers |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


# --- settings -------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting with its meaning and default."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {field.description} | {_default(field.get_default(call_default_factory=True))} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        f"# Settings\n\nFrom the environment, or from the TOML file that `{PREFIX}CONFIG` names (there the names are in "
        "lower case without the prefix). The environment goes first. Lists and objects are written as JSON in the "
        "environment. Any name with `_FILE` at its end names a file that holds the value, which is the place for secrets. "
        "`fhir-massage config` shows those in force, secrets masked. The service does not start with a setting that is "
        "wrong, or that there is none of: it names all of them, each with its place and what is expected.\n\n"
        "| name | meaning | default |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def _default(value: object) -> str:
    return "none" if value is None or value == "" else f"`{value}`"


# --- facts ----------------------------------------------------------------------------------------------------


def sources(facts: Facts, on: date) -> str:
    """Every document that facts cite, and how much rests on it on a day."""
    cited: dict[str, int] = {}
    for table in TABLES:
        for row in facts.rows_of(table):
            cited[row.source] = cited.get(row.source, 0) + 1
    for history in facts.policies.values():
        policy = history.on(on)
        for _, entry in _entries(policy) if policy is not None else ():
            cited[entry.source] = cited.get(entry.source, 0) + 1
    rows = []
    for source in sorted(facts.sources.values(), key=lambda each: (each.owner, each.title)):
        if source.id in cited:
            rows.append(
                f"| {source.owner} | [{source.title}]({source.url}) | {source.published} | {cited[source.id]:,} |"
            )
    return (
        f"# Sources\n\nEvery document that the facts in force on {on} rest on, and how many rows do. What a row says, and "
        "how yours go beside them, is told in [facts](facts.md).\n\n"
        "| owner | document | published | rows |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def payers(facts: Facts, on: date) -> str:
    """What each payer's policy says on a day, key by key, with the source of each."""
    parts = [
        "# Payers",
        f"What the shipped policies say on {on}. Each entry holds for the codes and professions that it names. "
        "A policy of your own goes ahead of these: see [facts](facts.md#a-payer-of-your-own).",
    ]
    for payer, history in sorted(facts.policies.items()):
        policy = history.on(on)
        if policy is None:
            continue
        parts.append(f"## {policy.title}\n\nPayer `{payer}`, class `{policy.payer_class}`.")
        rows = [_entry(facts, key, entry) for key, entry in _entries(policy)]
        parts.append("| key | says | for | source |\n| --- | --- | --- | --- |\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _entries(policy: Policy) -> Iterator[tuple[str, Entry]]:
    """Every entry in force, with its key."""
    for name in policy.__struct_fields__:
        value = getattr(policy, name)
        for entry in value if isinstance(value, tuple) else (value,):
            if isinstance(entry, Entry):
                yield name, entry


def _entry(facts: Facts, key: str, entry: Entry) -> str:
    source = facts.sources[entry.source]
    about = "; ".join(", ".join(each) for each in (entry.professions, entry.codes) if each != ("*",)) or "everything"
    since = entry.since if entry.since.startswith("seen") else f"since {entry.since}"
    link = f"[{source.title}]({source.url}), {entry.section}, {since}"
    return f"| {key.replace('_', ' ')} | {_cell(_said(entry))} | {_cell(about)} | {_cell(link)} |"


def _said(entry: Entry) -> str:
    """What an entry says, in its own words or by its values."""
    if entry.words:
        conditions = getattr(entry, "conditions", ())
        return entry.words + (f" Conditions: {'; '.join(conditions)}." if conditions else "")
    own = [name for name in entry.__struct_fields__ if name not in Entry.__struct_fields__]
    values = {name: getattr(entry, name) for name in own}
    return ", ".join(
        f"{name.replace('_', ' ')} {_value(value)}" for name, value in values.items() if value not in (None, ())
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(msgspec.to_builtins(value))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
