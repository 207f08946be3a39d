"""Writes and executes ``claims.ipynb``: ``python -m examples.notebook.build``, after a change here or in the product."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

FOLDER = Path(__file__).parent
NOTEBOOK = FOLDER / "claims.ipynb"

#: The cells in their order, each Markdown or code.
CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        "# Claims for massage and manual therapy, reviewed in a notebook\n\n"
        "This reads the example claims of `fhir_massage`, shows what is wrong with them, adds up the money at "
        "risk, and corrects what the claims themselves prove. It needs `pip install 'fhir-massage[frame]'`.",
    ),
    (
        "code",
        "from datetime import date\n"
        "from pathlib import Path\n\n"
        "import pandas as pd\n\n"
        "from fhir_massage import answer, review\n\n"
        'claims = sorted(Path("../claims").glob("*.json"))\n'
        "day = date(2026, 11, 23)\n"
        "len(claims) > 0",
    ),
    (
        "markdown",
        "## One claim\n\nA report shows itself, each finding with the money at risk, the correction and the source.",
    ),
    (
        "code",
        'report = review(Path("../claims/medicare-physical-therapist-without-gp.json").read_bytes(), on=day)\nreport',
    ),
    (
        "markdown",
        "What the claim's own data proves can be applied. `report.corrected` holds the whole resource, as it came but for that.",
    ),
    ("code", '[modifier["coding"][0]["code"] for modifier in report.corrected["Claim/c1"]["item"][0]["modifier"]]'),
    (
        "markdown",
        "## Many claims\n\n`to_frame()` has a row a finding, with typed columns, so that reports can be put together.",
    ),
    (
        "code",
        "reports = {file.stem: review(file.read_bytes(), on=day) for file in claims}\n"
        "findings = pd.concat([report.to_frame().assign(claim=name) for name, report in reports.items()])\n"
        'findings[["claim", "rule", "severity", "denial_carc", "at_risk"]].head()',
    ),
    ("markdown", "Errors only, and what each denial would cost. A line with two errors stands in both of their rows."),
    (
        "code",
        'errors = findings[findings["severity"] >= "error"]\n'
        'errors.groupby("denial_carc")["at_risk"].agg(["size", "sum"]).sort_values("sum", ascending=False)',
    ),
    ("markdown", "How much of that is mended without asking anybody:"),
    ("code", 'errors.groupby("certain", dropna=False)["at_risk"].sum()'),
    ("markdown", "## May it be billed?"),
    (
        "code",
        'for payer in ("medicare-part-b", "commercial", "self-pay"):\n'
        '    found = answer("97124", payer, "massage-therapist", day)\n'
        '    print(payer, found.verdict, *(reason.text for reason in found.reasons[:1]), sep=": ")',
    ),
)


def notebook() -> nbformat.NotebookNode:
    """The notebook, not yet executed."""
    kinds = {"markdown": new_markdown_cell, "code": new_code_cell}
    cells = [kinds[kind](text, id=f"cell-{number}") for number, (kind, text) in enumerate(CELLS, start=1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def executed(unexecuted: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with its outputs. Raises ``CellExecutionError`` for a cell that fails."""
    client = NotebookClient(
        unexecuted,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
    )
    done = client.execute()
    done.metadata["language_info"] = {"name": "python"}  # which interpreter ran it is no matter
    return done


if __name__ == "__main__":
    nbformat.write(executed(notebook()), NOTEBOOK)
    print(f"wrote {NOTEBOOK.name}")
