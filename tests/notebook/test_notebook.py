"""The example notebook runs, is what its script writes, and shows what it says; so does the stored one."""

from __future__ import annotations

import re
from collections.abc import Callable

import nbformat
import pytest

from examples.notebook.build import NOTEBOOK, executed, notebook

Outputs = Callable[[str], str]


def _stored() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_stored_notebook_has_the_cells_of_its_script() -> None:
    stored, written = _stored(), notebook()
    assert [(cell.cell_type, cell.source) for cell in stored.cells] == [
        (cell.cell_type, cell.source) for cell in written.cells
    ]
    nbformat.validate(stored)


@pytest.fixture(scope="module", params=["stored", "executed now"])
def shown(request: pytest.FixtureRequest) -> Outputs:
    """What the cell whose code has these words shows, as HTML or else as text."""
    document = _stored() if request.param == "stored" else executed(_stored())

    def of(words: str) -> str:
        (cell,) = (cell for cell in document.cells if cell.cell_type == "code" and words in cell.source)
        assert cell.outputs, words
        assert all(output.output_type != "error" for output in cell.outputs)
        return "".join(
            output.get("text") or output.data.get("text/html") or output.data["text/plain"] for output in cell.outputs
        )

    return of


def test_a_report_shows_itself(shown: Outputs) -> None:
    report = shown("medicare-physical-therapist-without-gp.json")
    assert 'data-rule="therapy-modifier-missing"' in report
    assert "CO-4" in report
    assert "$58.00" in report


def test_the_corrected_claim_has_the_modifier(shown: Outputs) -> None:
    assert shown("report.corrected") == "['GP']"


def test_the_frame_has_a_row_a_finding(shown: Outputs) -> None:
    assert re.search(r"<td>chiropractor-manipulation-same-region</td>\s*<td>ptp-same-region</td>", shown("pd.concat"))


def test_the_denials_are_added_up(shown: Outputs) -> None:
    assert re.search(r"<th>236</th>\s*<td>3</td>\s*<td>174.0</td>", shown('groupby("denial_carc")'))


def test_what_is_mended_unasked_is_told_from_the_rest(shown: Outputs) -> None:
    assert re.search(r"^True +\d+\.\d", shown('groupby("certain"'), re.M)


def test_answers_are_given(shown: Outputs) -> None:
    said = shown("answer(")
    assert re.search(r"^medicare-part-b: no: \S", said, re.M)
    assert re.search(r"^self-pay: yes: \S", said, re.M)
