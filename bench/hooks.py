"""What a hook costs under load, beside an empty Flask route under the same server: ``make bench-hooks`` (needs wrk).

Both servers run at once on loopback, as ``fhir-massage serve`` runs them, and take the load in turns, so that whatever
else the machine does hits both.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import msgspec

ROOT = Path(__file__).parents[1]
CLIENTS = (1, 8, 64)
ROUNDS = 3
SECONDS = 3
#: Asks with the body in ``BODY``, and says as JSON what wrk measured, in microseconds.
SCRIPT = """
local file = io.open(os.getenv("BODY"), "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('\\n{"median": %f, "late": %f, "answers": %d, "duration": %f, "wrong": %d}\\n',
    latency:percentile(50), latency:percentile(99), summary.requests, summary.duration, wrong))
end
"""


class Load(msgspec.Struct, frozen=True):
    """What wrk measured: the 50th and 99th percentile and the duration in microseconds, answers and wrong ones."""

    median: float
    late: float
    answers: int
    duration: float
    wrong: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.duration * 1e6


class Server(msgspec.Struct, frozen=True):
    """A server that runs: its process, the address that is asked, and the seconds until its first answer."""

    process: int
    address: str
    started: float


def main() -> None:
    """Print every figure."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not here: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(SCRIPT)
        hook = [sys.executable, "-m", "fhir_massage", "serve", "--port"]
        empty = [sys.executable, "-m", "bench.hooks", "empty"]
        with (
            _serving(hook, "/cds-services/fhir-massage-order-sign", Path(folder)) as ours,
            _serving(empty, "/", Path(folder)) as theirs,
        ):
            print(f"start to first answer: {ours.started:.2f} s, an empty Flask route {theirs.started:.2f} s")
            for name in ("order-sign", "order-sign-massage"):
                body = ROOT / "examples" / "hooks" / f"{name}.json"
                print(f"{name} ({body.stat().st_size:,} bytes, {_cards(ours, body)} cards)")
                for clients in CLIENTS:
                    _compare(clients, lambda server, n=clients, file=body: _load(server, n, file, script), ours, theirs)
            _show_memory("hooks", ours)
            _show_memory("the empty route", theirs)


def _compare(clients: int, load: Callable[[Server], Load], ours: Server, theirs: Server) -> None:
    rounds = [(load(ours), load(theirs)) for _ in range(ROUNDS)]
    wrong = sum(each.wrong for pair in rounds for each in pair)

    def told(name: str, of: Callable[[Load], float], unit: str, scale: float) -> str:
        values = sorted(of(mine) / of(empty) for mine, empty in rounds)
        mine = statistics.median(of(mine) for mine, _ in rounds) / scale
        return f"{name} {mine:,.1f} {unit}, {statistics.median(values):.2f} ({values[0]:.2f} to {values[-1]:.2f})"

    print(
        f"  {clients:>2} clients: {told('p50', lambda x: x.median, 'ms', 1e3)}; "
        f"{told('p99', lambda x: x.late, 'ms', 1e3)}; {told('rate', lambda x: x.rate, 'a second', 1)}"
        + (f"; {wrong} wrong answers" if wrong else "")
    )


def _load(server: Server, clients: int, body: Path, script: Path) -> Load:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "-s", str(script), server.address]
    said = subprocess.run(command, env={**os.environ, "BODY": str(body)}, capture_output=True, check=True).stdout
    return msgspec.json.decode(said.strip().splitlines()[-1], type=Load)


def _cards(server: Server, body: Path) -> int:
    return len(json.loads(_ask(server.address, body.read_bytes()))["cards"])


@contextmanager
def _serving(command: list[str], path: str, folder: Path) -> Iterator[Server]:
    """The server of that command, from its first answer until it has ended."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}{path}"
    body = (ROOT / "examples/hooks/order-sign.json").read_bytes()
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command, str(port)],
        cwd=ROOT,
        env={**os.environ, "FHIR_MASSAGE_DATA": str(folder / "var")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                _ask(address, body)
                break
            except (URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() - begun > 60:
                    raise
                time.sleep(0.01)
        yield Server(process.pid, address, time.monotonic() - begun)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _ask(address: str, body: bytes) -> bytes:
    content: bytes = urlopen(Request(address, body, {"Content-Type": "application/json"}), timeout=10).read()
    return content


def _show_memory(name: str, server: Server) -> None:
    """The proportional set size of master and workers: a page that several share counts for each its part."""
    workers = Path(f"/proc/{server.process}/task/{server.process}/children").read_text().split()
    shown = [_megabytes(each, "Pss") for each in (str(server.process), *workers)]
    alone = [_megabytes(each, "Private_Dirty") for each in workers]
    print(
        f"memory, {name}: master {shown[0]:.0f} MB, workers {', '.join(f'{each:.0f}' for each in shown[1:])} MB", end=""
    )
    print(f" (each by itself {', '.join(f'{each:.0f}' for each in alone)} MB)")


def _megabytes(process: str, what: str) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


def _serve_empty(port: int) -> None:
    from flask import Flask
    from gunicorn.app.base import BaseApplication

    from fhir_massage.settings import read_settings
    from fhir_massage.web.processes import THREADS

    app = Flask(__name__)
    app.add_url_rule("/", view_func=dict, methods=["POST"])

    class Empty(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            options = {"bind": f"127.0.0.1:{port}", "workers": read_settings().workers, "threads": THREADS,
                       "worker_class": "gthread", "preload_app": True, "loglevel": "warning"}  # fmt: skip
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return app

    Empty().run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["empty"]:
        _serve_empty(int(sys.argv[2]))
    else:
        main()
