"""Used tokens are known to every worker of a store, and forgotten when they have expired."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, func, select

from fhir_massage.store.log import Store
from fhir_massage.store.tokens import SWEEP, UsedToken, UsedTokens

NOW = 1_794_000_000.0


def test_two_workers_take_a_token_once(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    Store(address).prepare()
    one, other = (UsedTokens(create_engine(address), lambda: NOW) for _ in range(2))
    assert one.first_use("iss", "1", NOW + 300)
    assert not other.first_use("iss", "1", NOW + 300)
    assert not one.first_use("iss", "1", NOW + 300)
    assert other.first_use("iss", "2", NOW + 300)
    assert one.first_use("another", "1", NOW + 300)


def test_what_has_expired_is_forgotten(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.prepare()
    now = [NOW]
    used = UsedTokens(store.engine, lambda: now[0])
    assert used.first_use("iss", "1", NOW + 10)
    now[0] += SWEEP
    assert used.first_use("iss", "2", now[0] + 10)
    with store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(UsedToken)).scalar_one() == 1


def test_without_a_store_a_worker_goes_by_its_own_memory(tmp_path: Path) -> None:
    used = UsedTokens(create_engine(f"sqlite:///{tmp_path}/no/such/folder/store.sqlite"), lambda: NOW)
    assert used.first_use("iss", "1", NOW + 300)
    assert not used.first_use("iss", "1", NOW + 300)


def test_nothing_of_the_token_itself_is_kept(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.prepare()
    UsedTokens(store.engine, lambda: NOW).first_use("https://ehr.example.org", "token-id", NOW + 300)
    store.engine.dispose()
    content = (tmp_path / "store.sqlite").read_bytes()
    assert b"token-id" not in content
    assert b"ehr.example.org" not in content
