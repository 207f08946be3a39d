"""Text that no database or encoding takes is refused where it arrives: tokens, hooks, feedback and settings."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from pydantic import ValidationError

from fhir_massage.read.plain import is_plain
from fhir_massage.settings import Settings
from fhir_massage.web.app import create_app
from tests.hooks.test_feedback import ACCEPTED, OVERRIDDEN
from tests.hooks.tokens import ISSUER, Client, key_set
from tests.web.test_doors import SERVICE, TOO_MANY, hook

EHR = Client()
BASE = "https://cds.example.org"
ODD = st.sampled_from(["\0", "\x01", "\x1b", "\n", "\x7f", "\x85", "\ud800", "\udfff", "\udc80", "\ud83d"])
MANY = tried(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    (tmp_path / "keys.json").write_bytes(key_set(EHR))
    issuers = {ISSUER: str(tmp_path / "keys.json")}
    app = create_app(Settings(data=tmp_path, auth="required", issuers=issuers, audience=BASE))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app.test_client()
    app.extensions["fhir_massage"].store.close()


def bearing(path: str, **changed: Any) -> dict[str, str]:
    token = EHR.token(time.time(), **{"aud": BASE + path, **changed})
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def texts(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every text."""
    if isinstance(content, str):
        return [path]
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, part in parts for place in texts(part, (*path, key))]


def with_odd(content: Any, data: st.DataObject) -> tuple[Any, str]:
    """The content with something odd in one of its texts, and what that is."""
    changed = copy.deepcopy(content)
    *within, last = data.draw(st.sampled_from(texts(content)))
    part = changed
    for key in within:
        part = part[key]
    odd = data.draw(ODD)
    part[last] = data.draw(st.sampled_from([odd, f"{odd}{part[last]}", f"{part[last]}{odd}"]))
    return changed, odd


@MANY
@given(st.data())
def test_a_token_with_odd_text_anywhere_is_refused(client: FlaskClient, data: st.DataObject) -> None:
    claim, odd = (
        data.draw(st.sampled_from(["jti", "iss", "aud", "sub", "more", "kid", "typ", "cty", "jku"])),
        data.draw(ODD),
    )
    text = data.draw(st.sampled_from([odd, f"a{odd}", f"{odd}a"]))
    if claim in ("kid", "typ", "cty", "jku"):
        headers = bearing(SERVICE, header={claim: text})
    else:
        headers = bearing(SERVICE, **{claim: [text] if claim == "more" else text})
    assert client.post(SERVICE, json=hook(TOO_MANY), headers=headers).status_code == 401


@pytest.mark.parametrize("part", [0, 1])
def test_a_token_that_is_nested_without_end_is_refused(client: FlaskClient, part: int) -> None:
    parts = EHR.token(time.time()).split(".")
    parts[part] = "W1tb" * 1500  # [[[ in base64
    headers = {"Authorization": f"Bearer {'.'.join(parts)}"}
    assert client.post(SERVICE, json=hook(TOO_MANY), headers=headers).status_code == 401


@MANY
@given(st.data())
def test_a_hook_request_with_odd_text_anywhere_is_answered_and_kept_or_refused(
    client: FlaskClient, data: st.DataObject
) -> None:
    content, odd = with_odd(hook(TOO_MANY), data)
    answer = client.post(SERVICE, data=json.dumps(content), headers=bearing(SERVICE))
    assert answer.status_code in ((400,) if odd == "\0" or "\ud800" <= odd <= "\udfff" else (200, 400, 412))


@MANY
@given(st.data())
def test_feedback_with_odd_text_anywhere_is_kept_or_refused(client: FlaskClient, data: st.DataObject) -> None:
    content, odd = with_odd({"feedback": [ACCEPTED, OVERRIDDEN]}, data)
    answer = client.post(f"{SERVICE}/feedback", data=json.dumps(content), headers=bearing(f"{SERVICE}/feedback"))
    assert answer.status_code in ((400,) if odd == "\0" or "\ud800" <= odd <= "\udfff" else (200, 400))


@MANY
@given(st.data())
def test_other_doors_do_not_fail_by_odd_text(client: FlaskClient, data: st.DataObject) -> None:
    content, _ = with_odd(TOO_MANY, data)
    text = json.dumps(content)
    assert client.post("/fhir/Claim/$validate", data=text, content_type="application/json").status_code in (200, 400)
    assert client.post("/", data={"claim": text}).status_code in (200, 400)
    odd = data.draw(ODD).encode("utf-8", "surrogatepass").hex()
    query = "".join(f"%{odd[at : at + 2]}" for at in range(0, len(odd), 2))
    for path in ("/answers?code={}&payer={}&profession={}&on={}", "/?example={}", "/rules?q={}", "/rules/{}"):
        assert client.get(path.replace("{}", query)).status_code < 500
    for path in ("/hooks?service={}&address={}", "/savings?days={}", "/fhir/metadata?_format={}", "/{}"):
        assert client.get(path.replace("{}", query)).status_code < 500


SET: dict[str, Any] = {
    "issuers": {"https://ehr.example.org": "keys.json"},
    "audience": "https://cds.example.org/a",
    "fhir_servers": ["https://ehr.example.org/r4"],
    "cors_origins": ["https://page.example.org"],
    "ca_bundle": "certificates.pem",
    "database": "sqlite:///store.sqlite",
    "data": "var",
    "policies": "policies",
    "subscription_server": "https://ehr.example.org/r4",
    "subscription_secret": "a-secret-that-is-long",
    "subscription_token": "a-token",
}


@MANY
@given(st.data())
def test_a_setting_with_odd_text_anywhere_is_refused(data: st.DataObject) -> None:
    Settings(**SET)
    name = data.draw(st.sampled_from(sorted(SET)))
    content, _ = with_odd({name: SET[name]}, data)
    with pytest.raises(ValidationError):
        Settings(**{**SET, **content})
    with pytest.raises(ValidationError):
        Settings(**{**SET, "issuers": {f"https://ehr.example.org{data.draw(ODD)}": "keys.json"}})


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_plain_is_what_can_be_written_and_shown(content: Any) -> None:
    written = json.dumps(content, ensure_ascii=False)
    if is_plain(content):
        assert written.encode()
        assert "\\u00" not in written.replace("\\\\", "")
