"""``make docs``: the documentation as a site of plain pages, from these files, the rules and the commands themselves."""

from __future__ import annotations

import html
import re
from pathlib import Path

import click
from markdown_it import MarkdownIt

from fhir_massage.cli import main as command_line
from fhir_massage.rules import Rule, all_rules
from fhir_massage.rules.registry import SECTIONS

ROOT = Path(__file__).parent.parent
SITE = ROOT / "site"
EXAMPLES = ROOT / "fhir_massage" / "rules" / "examples"
STYLE = (
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f2;padding:.8rem;overflow:auto}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}"
)
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def main() -> None:
    """Write the site."""
    pages = {"index": _read(ROOT / "README.md"), "changes": _read(ROOT / "CHANGELOG.md")}
    pages |= {file.stem: _read(file) for file in sorted((ROOT / "docs").glob("*.md"))}
    pages |= {"commands": _commands(), "rules": _rules()}
    pages |= {f"rule-{rule.id}": _rule(rule) for rule in all_rules()}
    SITE.mkdir(exist_ok=True)
    for name, text in pages.items():
        (SITE / f"{name}.html").write_text(_page(text), encoding="utf-8")
    print(f"{len(pages)} pages in {SITE.relative_to(ROOT)}/; begin with index.html")


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _rules() -> str:
    rows = "\n".join(
        f"| {rule.family} | [{rule.id}](rule-{rule.id}.html) | {rule.severity} | {rule.title} |" for rule in all_rules()
    )
    return f"# Rules\n\n| family | rule | severity | what it finds |\n| --- | --- | --- | --- |\n{rows}\n"


def _rule(rule: Rule) -> str:
    parts = [f"# {rule.id}", f"{rule.title}. Severity: {rule.severity}; family: {rule.family}."]
    parts += [f"## {section}\n\n{rule.page[section]}" for section in SECTIONS]
    for kind in ("bad", "good"):
        file = EXAMPLES / rule.id / f"{kind}.json"
        if file.is_file():
            parts.append(f"## A {kind} example\n\n```json\n{_read(file).rstrip()}\n```")
    return "\n\n".join(parts)


def _commands() -> str:
    """Each command's own help."""
    context = click.Context(command_line, info_name="fhir-massage")
    parts = ["# Commands", _help(command_line, context)]
    for name in command_line.list_commands(context):
        found = command_line.get_command(context, name)
        assert found is not None
        parts += _command(name, found, context)
    return "\n\n".join(parts)


def _command(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    parts = [f"## {context.command_path}", _help(command, context)]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            parts += _command(inner, found, context)
    return parts


def _help(command: click.Command, context: click.Context) -> str:
    return f"```\n{command.get_help(context)}\n```"


def _page(text: str) -> str:
    heading = re.search(r"^# (.+)$", text, re.M)
    title = html.escape(heading[1] if heading else "fhir_massage")
    body = re.sub(r'href="(?:docs/)?([\w-]+)\.md"', r'href="\1.html"', _markdown.render(text))
    links = " · ".join(
        f'<a href="{name}.html">{name}</a>' for name in ("index", "hooks", "rules", "commands", "facts", "changes")
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><nav>{links}</nav>{body}</body></html>\n"
    )


if __name__ == "__main__":
    main()
