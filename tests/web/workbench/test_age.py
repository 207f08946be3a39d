"""Whoever looks at a page of the workbench sees how old CMS's tables are, until newer ones are loaded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from fhir_massage.facts.age import old_quarters
from fhir_massage.facts.book import read_facts, shipped
from fhir_massage.facts.imported import import_files
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.facts.files import MUE_HEADER, PTP_HEADER, pair, text, unlikely


@pytest.mark.parametrize("address", ["/", "/build", "/can-i-bill-it", "/rules", "/hooks", "/savings"])
def test_every_page_says_how_old_the_pairs_are(client: FlaskClient, address: str) -> None:
    page = client.get(address, headers={"Accept": "text/html"}).text
    told = old_quarters(read_facts(), date.today())["ptp_pairs"]
    assert told.startswith("NCCI pairs are of ")
    assert told in page
    assert "facts update" in page


def test_nothing_is_said_once_the_newest_are_loaded(tmp_path: Path) -> None:
    today = date.today()
    first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    pairs, units = tmp_path / "practitioner-ptp.txt", tmp_path / "practitioner-mue.txt"
    pairs.write_bytes(text(PTP_HEADER, [pair("97140", "97124", "20240101")]))
    units.write_bytes(text(MUE_HEADER, [unlikely("97124", 4)]))
    import_files([pairs, units], tmp_path, today=today, quarter=first)
    shipped.cache_clear()
    app = create_app(Settings(data=tmp_path))
    page = app.test_client().get("/", headers={"Accept": "text/html"}).text
    app.extensions["fhir_massage"].store.close()
    assert "<main" in page
    assert "quarters old" not in page
    assert "facts update" not in page
