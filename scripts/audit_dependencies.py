"""``make audit-dependencies``: holds the locked dependencies against published vulnerabilities.

By pip-audit and the package index's data, or, with ``ADVISORIES=`` a folder of OSV records, without a network.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

UNREACHED = re.compile(r"Could not connect|Connection|ProxyError|SSLError|Timeout|Max retries")
Record = dict[str, Any]
Pin = tuple[str, Version]


@dataclass(frozen=True)
class Outcome:
    """What an audit of one lock came to, in sentences, and whether it fails."""

    said: tuple[str, ...]
    failed: bool


# --- with the index's data ----------------------------------------------------------------------------------


def ask_the_index(lock: Path) -> Outcome:
    """What pip-audit says of the lock."""
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options]
    told = subprocess.run(command, capture_output=True, text=True)
    return judge(lock, told.stdout, told.stderr)


def judge(lock: Path, answer: str, complaint: str) -> Outcome:
    """What pip-audit's answer comes to. Where no advisory could be had the lock is not audited, and that is said."""
    if not answer.strip():
        if UNREACHED.search(complaint):
            return Outcome((f"{_not_audited(lock)} the index cannot be reached.", WITHOUT), False)
        return Outcome((complaint.strip() or f"{_not_audited(lock)} pip-audit said nothing.",), True)
    asked = json.loads(answer)["dependencies"]
    audited = [each for each in asked if "skip_reason" not in each]
    skipped = [each["name"] for each in asked if "skip_reason" in each]
    if asked and not audited:
        return Outcome((f"{_not_audited(lock)} the index serves packages and no advisories.", WITHOUT), False)
    found = [_finding(lock, each["name"], each["version"], vuln) for each in audited for vuln in each["vulns"]]
    said = [*found, f"{lock.name}: {len(audited)} dependencies audited, {len(found)} advisories apply."]
    if skipped:
        said.append(f"{lock.name}: NOT audited, since the index has no advisories on them: {', '.join(skipped)}.")
    return Outcome(tuple(said), bool(found))


WITHOUT = "How it is done without the index: docs/security.md, Vulnerable libraries."


def _not_audited(lock: Path) -> str:
    return f"{lock.name} is NOT audited:"


def _finding(lock: Path, name: str, version: object, vuln: Record) -> str:
    names = ", ".join([vuln["id"], *vuln.get("aliases", [])])
    mended = ", ".join(vuln.get("fix_versions", [])) or "no version yet"
    return f"{lock.name}: {name} {version} is vulnerable ({names}); mended in {mended}."


# --- with a folder of records ---------------------------------------------------------------------------------


def records(folder: Path) -> Iterator[Record]:
    """The OSV records (schema 1) under the folder, as YAML or JSON, less those that were withdrawn."""
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".yaml", ".yml", ".json"):
            continue
        text = file.read_text(encoding="utf-8")
        record = json.loads(text) if file.suffix == ".json" else yaml.load(text, _LOADER)
        if isinstance(record, dict) and "affected" in record and not record.get("withdrawn"):
            yield record


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def pins(lock: Path) -> list[Pin]:
    """The names and versions that the lock pins, whatever platform they are for."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.M)
    return [(canonicalize_name(name), Version(version)) for name, version in found]


def hold(lock: Path, against: Iterable[Record]) -> Outcome:
    """Which of the lock's pins the records tell of."""
    pinned = pins(lock)
    found = []
    for record in against:
        for name, version in pinned:
            mine = [each for each in record["affected"] if _is_of(each, name)]
            if any(affects(each, version) for each in mine):
                vuln = {**record, "fix_versions": [fix for each in mine for fix in _fixes(each)]}
                found.append(_finding(lock, name, version, vuln))
    return Outcome(
        (*found, f"{lock.name}: {len(pinned)} dependencies audited, {len(found)} advisories apply."), bool(found)
    )


def affects(affected: Record, version: Version) -> bool:
    """Whether an entry under a record's ``affected`` is about this version, as OSV's schema evaluates it."""
    listed = (_version(each) for each in affected.get("versions", []))
    ranges = (each["events"] for each in affected.get("ranges", []) if each.get("type") == "ECOSYSTEM")
    return version in listed or any(_within(events, version) for events in ranges)


def _within(events: list[dict[str, str]], version: Version) -> bool:
    inside = False
    ordered = [(at, kind) for event in events for kind, given in event.items() if (at := _version(given)) is not None]
    for at, kind in sorted(ordered, key=lambda each: each[0]):
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _version(text: str) -> Version | None:
    try:
        return Version(str(text))
    except InvalidVersion:  # of old releases, which no lock pins
        return None


def _is_of(affected: Record, name: str) -> bool:
    package = affected.get("package", {})
    return package.get("ecosystem") == "PyPI" and canonicalize_name(package.get("name", "")) == name


def _fixes(affected: Record) -> Iterator[str]:
    for each in affected.get("ranges", []):
        if each.get("type") == "ECOSYSTEM":
            yield from (event["fixed"] for event in each["events"] if "fixed" in event)


# --- the command ----------------------------------------------------------------------------------------------


def audit(locks: list[Path], folder: Path | None) -> list[Outcome]:
    """Each lock's outcome; where a folder is given, also how old its data is."""
    if folder is None:
        return [ask_the_index(lock) for lock in locks]
    held = list(records(folder)) if folder.is_dir() else []
    if not held:
        return [Outcome((f"ADVISORIES={folder}: no OSV records there. What is needed: docs/security.md.",), True)]
    newest = max(str(record.get("modified", ""))[:10] for record in held)
    age = Outcome((f"Held against {len(held)} advisories, the newest changed on {newest}.",), False)
    return [*(hold(lock, held) for lock in locks), age]


def main(arguments: list[str]) -> int:
    """Say each outcome; 1 where one fails."""
    given = os.environ.get("ADVISORIES")
    outcomes = audit([Path(argument) for argument in arguments], Path(given) if given else None)
    print("\n".join(line for outcome in outcomes for line in outcome.said))
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
