"""The claims that are measured: the two on file, and claims made from the clean one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
Json = dict[str, Any]


def on_file(name: str) -> bytes:
    """A claim of the bench by name, as a Bundle."""
    return (ROOT / f"{name}.json").read_bytes()


def with_lines(count: int, *, wrong: bool = False) -> bytes:
    """The clean claim with so many lines: a visit of four lines on each of as many days as it takes.

    ``wrong`` takes from each line the modifier that its payer asks for.
    """
    bundle: Json = json.loads(on_file("clean"))
    claim: Json = bundle["entry"][0]["resource"]
    items, infos = claim["item"], claim["supportingInfo"]
    claim["item"], claim["supportingInfo"] = [], []
    for number in range(count):
        item, info = copy.deepcopy(items[number % 4]), copy.deepcopy(infos[number % 4])
        item["sequence"] = info["sequence"] = number + 1
        item["informationSequence"] = [number + 1]
        if wrong:
            del item["modifier"]
        visit = number // 4
        item["servicedDate"] = f"2026-{10 - visit // 28:02}-{1 + visit % 28:02}"
        claim["item"].append(item)
        claim["supportingInfo"].append(info)
    claim["total"]["value"] = sum(item["net"]["value"] for item in claim["item"])
    return json.dumps(bundle).encode()


def claim_alone() -> bytes:
    """The clean claim as a line of NDJSON."""
    bundle: Json = json.loads(on_file("clean"))
    return json.dumps(bundle["entry"][0]["resource"], separators=(",", ":")).encode()


def others() -> bytes:
    """What came along with the clean claim, as a Bundle."""
    bundle: Json = json.loads(on_file("clean"))
    bundle["entry"] = bundle["entry"][1:]
    return json.dumps(bundle).encode()
