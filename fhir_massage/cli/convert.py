"""``fhir-massage convert``: claims of an X12 interchange as a FHIR Bundle."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from fhir_massage.cli.documents import name_of
from fhir_massage.errors import FhirMassageError, Unreadable
from fhir_massage.read.named import as_utf8
from fhir_massage.read.read import encode
from fhir_massage.read.x12.claim import read_claims
from fhir_massage.read.x12.split import is_x12


@click.command()
@click.argument("path", metavar="IN")
@click.option("--to", type=click.Choice(["fhir"]), required=True, help="A FHIR Bundle.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write; else standard output.")
@click.pass_context
def convert(ctx: click.Context, path: str, to: str, out: Path | None) -> None:
    """Write the claims of an X12 837 (IN, or - for standard input) as a FHIR Bundle.

    Exit status: 0 all were read, 2 something could not be (why, on standard error).
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        if not is_x12(as_utf8(content)):
            raise Unreadable("this is no X12 interchange: it does not begin with ISA")
        claims = read_claims(content)
    except OSError as error:
        raise FhirMassageError(f"{name_of(path)}: {error.strerror or 'cannot be opened'}") from None
    except Unreadable as error:
        raise FhirMassageError(f"{name_of(path)}: {error}") from None
    document = msgspec.json.format(encode(claims.bundle), indent=2) + b"\n"
    if out is None:
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
    else:
        try:
            out.write_bytes(document)
        except OSError as error:
            raise FhirMassageError(f"{out}: {error.strerror or 'cannot be written'}") from None
    for reason in claims.unread:
        click.echo(f"fhir-massage: {name_of(path)}: {reason}", err=True)
    ctx.exit(2 if claims.unread else 0)
