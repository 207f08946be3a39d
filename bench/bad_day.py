"""What others wait for while the service is attacked, idle and loaded: ``make bench-bad-day``.

The attacks are those of ``tests/faults``: requests that are half sent, clients that take no answer, EHRs and key servers
that are silent or send a byte at a time. While each goes on, the probes, ``$validate`` and a hook that brings all it
needs are asked, each by a connection of its own, once with nothing else to do and once beside clients that call as fast
as they are answered.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from bench import documents
from tests.faults.attackers import HALF_A_HEAD, half_sent, never_reading, worst

ROOT = Path(__file__).parents[1]
HOOK = (ROOT / "examples" / "hooks" / "order-sign.json").read_bytes()
CLAIM = (documents.ROOT / "five-findings.json").read_bytes()
SERVICE = "/cds-services/fhir-massage-order-sign"
ASKED = (
    ("/healthz", None),
    ("/readyz", None),
    ("/metrics", None),
    ("/fhir/Claim/$validate", CLAIM),
    (SERVICE, HOOK),
)
TIMES = 40
LOADING = 4
LONG = 120


class Service:
    """The service, with an EHR and a key server that it may go to."""

    def __init__(self, folder: Path, ehr: str, keys: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        settings = {"DATA": str(folder), "FHIR_SERVERS": json.dumps([ehr])}
        if keys:
            settings |= {"AUTH": "required", "ISSUERS": json.dumps({"https://ehr.example.org": keys})}
        environment = {**os.environ, **{f"FHIR_MASSAGE_{name}": value for name, value in settings.items()}}
        command = [sys.executable, "-m", "fhir_massage", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(300):
            try:
                urlopen(f"{self.address}/healthz", timeout=LONG).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the service does not start")

    def ask(self, path: str, body: bytes | None = None, token: str = "") -> float:
        """Milliseconds until the answer is here, whatever it is."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        begun = time.perf_counter()
        try:
            urlopen(Request(self.address + path, body, headers), timeout=LONG).close()
        except HTTPError as refused:
            refused.close()
        return (time.perf_counter() - begun) * 1000

    def end(self) -> None:
        """End it in good order."""
        self.process.terminate()
        self.process.wait(60)


Attack = Callable[[Service], AbstractContextManager[object]]


def main() -> None:
    """Print the median and the longest of each, in milliseconds."""
    with worst() as ehr, worst(drip=b"H") as keys, tempfile.TemporaryDirectory() as folder:
        silent = f"{ehr.address}/fhir"
        attacks: dict[str, Attack] = {
            "nothing": lambda _: nullcontext(),
            "64 requests half sent": lambda service: half_sent(service.port, 64),
            "900 heads half sent": lambda service: half_sent(service.port, 900, HALF_A_HEAD),
            "60 clients that read nothing": lambda service: never_reading(service.port, 60),
            "64 calls that name a silent EHR": lambda service: _calling(service, 64, _without_prefetch(silent)),
        }
        _show(Service(Path(folder) / "open", silent), attacks)
        dripping = f"{keys.address}/jwks"
        guarded: dict[str, Attack] = {
            "32 strangers, a key server that drips": lambda service: _calling(service, 32, b"{}", _token()),
        }
        _show(Service(Path(folder) / "guarded", silent, dripping), guarded)


def _show(service: Service, attacks: Mapping[str, Attack]) -> None:
    try:
        for name, attack in attacks.items():
            for load in (0, LOADING):
                with attack(service), _calling(service, load, CLAIM, path="/fhir/Claim/$validate"):
                    time.sleep(0.5)
                    print(f"{name}{', beside a load' if load else ''}")
                    for path, body in ASKED:
                        took = sorted(service.ask(path, body) for _ in range(TIMES))
                        print(f"  {path:40} {statistics.median(took):8.1f} {took[-1]:8.1f} ms")
    finally:
        service.end()


def _without_prefetch(ehr: str) -> bytes:
    """A call that has everything fetched."""
    request = json.loads(HOOK)
    del request["prefetch"]
    return json.dumps({**request, "fhirServer": ehr}).encode()


def _token() -> str:
    """What anybody can write: a token that nobody signed, of an issuer that is listed."""
    parts = ({"alg": "ES384", "typ": "JWT", "kid": "made-up"}, {"iss": "https://ehr.example.org"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".eA"


@contextmanager
def _calling(service: Service, count: int, body: bytes, token: str = "", path: str = SERVICE) -> Iterator[None]:
    """So many clients that call without a pause."""
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            service.ask(path, body, token)

    clients = [threading.Thread(target=call) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        over.set()
        for client in clients:
            client.join()


if __name__ == "__main__":
    main()
