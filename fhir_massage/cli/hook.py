"""``fhir-massage hook``: be the EHR. Discover, prefetch from a FHIR server, call, show the cards, take one up."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from fhir_massage.cli.common import console, format_option, write_json
from fhir_massage.ehr.cds_client import CdsClient, Sign
from fhir_massage.ehr.deadline import Deadline
from fhir_massage.ehr.play import CannotPlay, Scene, context_of, fetched, prefetch_of
from fhir_massage.ehr.server import FhirServer
from fhir_massage.errors import FhirMassageError
from fhir_massage.present.card_text import plain, show_cards, suggestions
from fhir_massage.read.read import encode

Json = dict[str, Any]
SECONDS = 30.0


@click.command()
@click.argument("url")
@click.option("--fhir-server", "base", required=True, metavar="BASE", help="The FHIR server that holds the record.")
@click.option("--patient", required=True, metavar="ID", help="The patient in view.")
@click.option("--service", metavar="ID", help="The service to call; not needed where there is one for the hook.")
@click.option("--hook", "hook_name", metavar="NAME", help="The hook to fire (default: the service's own).")
@click.option("--order", "orders", multiple=True, metavar="ServiceRequest/ID", help="An order in work; repeatable.")
@click.option("--claim", "claims", multiple=True, metavar="Claim/ID", help="A claim in work; repeatable.")
@click.option("--encounter", metavar="ID", help="The encounter in view.")
@click.option("--performer", metavar="REFERENCE", help="Whom an order is dispatched to.")
@click.option("--user", default="Practitioner/example", show_default=True, help="Who is at the screen.")
@click.option("--prefetch/--no-prefetch", default=True, help="Send the prefetch, or leave it to the service to fetch.")
@click.option("--accept", type=click.IntRange(1), metavar="N", help="Take up the suggestion of that number.")
@click.option("--write", is_flag=True, help="With --accept: change the record and send feedback; else only shown.")
@click.option("--fhir-token", envvar="FHIR_MASSAGE_FHIR_TOKEN", help="Bearer token for the FHIR server.")
@click.option("--share-token", is_flag=True, help="Send that token on to the service, as an EHR does.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Private JWK that signs each call.")
@click.option("--issuer", help="With --key: who the calls say that they come from.")
@format_option
def hook(
    url: str,
    base: str,
    patient: str,
    service: str | None,
    hook_name: str | None,
    orders: tuple[str, ...],
    claims: tuple[str, ...],
    encounter: str | None,
    performer: str | None,
    user: str,
    prefetch: bool,
    accept: int | None,
    write: bool,
    fhir_token: str | None,
    share_token: bool,
    key: Path | None,
    issuer: str | None,
    form: str,
) -> None:
    """Call the CDS service at URL as an EHR would, and show its cards as a clinician sees them.

    Works with any CDS service and any FHIR R4 server. Nothing is changed unless --write is given.
    """
    if write and accept is None:
        raise click.UsageError("--write goes with --accept: it changes the record as that suggestion says")
    if bool(key) != bool(issuer):
        raise click.UsageError("--key and --issuer go together")
    deadline = Deadline(SECONDS)
    server = FhirServer(base, deadline, listed=[base], token=fhir_token)
    client = CdsClient(url, None if key is None else _signing(key, str(issuer)))
    try:
        called = _service(client.discover(), service, hook_name)
        scene = Scene(
            patient=patient.removeprefix("Patient/"),
            user=user,
            orders=tuple(fetched(server, each) for each in orders),
            claims=tuple(fetched(server, each) for each in claims),
            encounter=encounter,
            performer=performer,
        )
        request = _request(called, scene, server)
        if prefetch and isinstance(called.get("prefetch"), dict):
            request["prefetch"], failed = prefetch_of(
                called["prefetch"], request["context"], server, deadline, date.today()
            )
            for name, reason in failed.items():
                click.echo(f"prefetch {plain(name)}: {reason}", err=True)
        if fhir_token and share_token:
            request["fhirAuthorization"] = _authorization(fhir_token)
        answer = client.call(called["id"], request)
        _show(request, answer, form)
        if accept is not None:
            _take_up(client, called["id"], server, answer["cards"], accept, write=write)
    finally:
        server.close()


def _service(services: Sequence[Json], id: str | None, hook: str | None) -> Json:
    """The service to call: by its id, else the only one of the hook."""
    found = [
        each
        for each in services
        if isinstance(each.get("id"), str)
        and (id is None or each["id"] == id)
        and (hook is None or each.get("hook") == hook)
    ]
    if len(found) != 1:
        offered = "; ".join(f"{plain(each.get('id'))} ({plain(each.get('hook'))})" for each in services)
        raise CannotPlay(f"name one of the services by --service or --hook: {offered or 'none is offered'}")
    return found[0]


def _request(called: Json, scene: Scene, server: FhirServer) -> Json:
    hook = str(called.get("hook"))
    return {
        "hook": hook,
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": server.url,
        "context": context_of(hook, scene),
    }


def _authorization(token: str) -> Json:
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "fhir-massage",
    }


def _show(request: Json, answer: Json, form: str) -> None:
    if form == "json":
        shown = dict(request)
        if "fhirAuthorization" in shown:
            shown["fhirAuthorization"] = {**shown["fhirAuthorization"], "access_token": "***"}
        write_json({"request": shown, "response": answer})
        return
    out = console()
    show_cards(answer["cards"], out)
    for action in answer.get("systemActions") or []:
        said = action.get("description") or "no description"
        click.echo(f"The service would have the EHR {plain(action.get('type'))} by itself: {plain(said)}")


def _take_up(
    client: CdsClient, id: str, server: FhirServer, cards: Sequence[Json], number: int, *, write: bool
) -> None:
    """Show what a suggestion changes; with ``write`` change it, and tell the service that it was taken up."""
    offered = suggestions(cards)
    if number > len(offered):
        raise CannotPlay(f"there are {len(offered)} suggestions; none has the number {number}")
    card, chosen = offered[number - 1]
    for action in chosen.get("actions") or []:
        method, path, content = _written(action)
        click.echo(f"{method} {server.url}/{path}", err=True)
        if write:
            server.write(method, path, content)
        elif content is not None:
            click.echo(msgspec.json.format(content, indent=2).decode(), err=True)
    if not write:
        click.echo("Nothing was changed; --write changes it and sends feedback.", err=True)
        return
    if isinstance(card.get("uuid"), str):
        client.feedback(id, _accepted(card["uuid"], chosen))
        click.echo("Done, and the service was told that it was accepted.", err=True)


def _written(action: Mapping[str, Any]) -> tuple[str, str, bytes | None]:
    """Method, path and body by which a FHIR server does what an action says."""
    resource = action.get("resource")
    kind = action.get("type")
    if kind == "delete":
        path = action.get("resourceId") or resource
        if isinstance(path, str):
            return "DELETE", path, None
    if kind == "create" and isinstance(resource, dict):
        return "POST", str(resource.get("resourceType")), encode(resource)
    if kind == "update" and isinstance(resource, dict) and resource.get("id"):
        return "PUT", f"{resource.get('resourceType')}/{resource['id']}", encode(resource)
    raise CannotPlay("the suggestion has an action that cannot be carried out")


def _accepted(card: str, chosen: Json) -> Json:
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": chosen.get("uuid")}],
        "outcomeTimestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _signing(file: Path, issuer: str) -> Sign:
    """What signs calls with the private key of a file (a JWK with its ``kid``)."""
    import jwt

    try:
        given = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        private = jwt.PyJWK(given)
        kid = given["kid"]
    except (OSError, msgspec.MsgspecError, jwt.PyJWTError, ValueError, KeyError):
        raise FhirMassageError(f"{file}: expected a private JWK with its kid") from None

    def sign(address: str) -> str:
        now = int(time.time())
        claims = {"iss": issuer, "aud": address, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        headers = {"kid": kid, "typ": "JWT"}
        return jwt.encode(claims, private.key, algorithm=private.algorithm_name, headers=headers)

    return sign
