"""The documentation builds, its links lead somewhere, and what it tells to do can be done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from docs import build
from fhir_massage.cli.main import COMMANDS
from fhir_massage.rules import all_rules
from fhir_massage.settings import PREFIX, Settings
from fhir_massage.web.app import create_app

ROOT = build.ROOT
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


class Page(HTMLParser):
    """The addresses that a page links to, and the places in it that may be linked to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.loaded: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag in ("script", "img", "iframe") and given.get("src"):
            self.loaded.append(str(given["src"]))
        if tag == "link" and given.get("rel") in ("stylesheet", "icon") and given.get("href"):
            self.loaded.append(str(given["href"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The site as ``make docs`` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    build.main(folder / "build" / "pages")
    shutil.copyfile(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", "mkdocs.yml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return {file: Page(file) for file in (folder / "site").rglob("*.html") if file.name != "404.html"}


def test_every_link_and_picture_inside_leads_somewhere(site: dict[Path, Page]) -> None:
    broken = []
    for file, page in site.items():
        for link in (*page.links, *page.loaded):
            address, place = urldefrag(link)
            if "://" in address or address.startswith("mailto:"):
                continue
            target = (file.parent / unquote(address)).resolve() if address else file
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (place and target in site and unquote(place) not in site[target].places):
                broken.append(f"{file.name}: {link}")
    assert not broken


def test_nothing_is_loaded_from_other_hosts(site: dict[Path, Page]) -> None:
    assert not [address for page in site.values() for address in page.loaded if "://" in address]


def test_every_page_in_the_navigation_is_there_and_every_rule_has_one(site: dict[Path, Page]) -> None:
    names = {file.stem for file in site}
    listed = re.findall(r"([\w/-]+)\.md", (ROOT / "mkdocs.yml").read_text().partition("nav:")[2])
    assert {Path(name).name for name in listed} <= names
    assert {f"rule-{rule.id}" for rule in all_rules()} <= names


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in build.pages(build.TODAY())["settings"]


def test_every_command_and_address_is_documented(tmp_path: Path) -> None:
    made = build.pages(build.TODAY())
    assert all(f"## fhir-massage {name}\n" in made["commands"] for name in COMMANDS)
    app = create_app(Settings(data=tmp_path))
    told = re.sub(r"\{\w+\}", "*", made["http"])
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "*", rule.rule)
        if rule.endpoint.startswith("workbench") or path.startswith("/static"):
            continue
        for method in (rule.methods or set()) & {"GET", "POST"}:
            assert f"`{method} {path}`" in told


class TestContributing:
    def test_what_the_page_says_works_as_it_says(self, tmp_path: Path) -> None:
        folder = tmp_path / "clone"
        shutil.copytree(
            ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv*", "build", "site", "var", ".*_cache")
        )
        (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        for language, title, content in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text()):
            if language == "console":
                _run(content, folder, environment)
            else:
                file = folder / title.removeprefix("append to ")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text((file.read_text() if title.startswith("append") else "") + content)


def _run(content: str, folder: Path, environment: dict[str, str]) -> None:
    for command in content.split("$ ")[1:]:
        line, _, expected = command.partition("\n")
        told = subprocess.run(
            ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert told.returncode in (0, 1) if "answer" in line else told.returncode == 0, told.stdout + told.stderr
        assert expected.strip() in told.stdout, told.stdout + told.stderr
