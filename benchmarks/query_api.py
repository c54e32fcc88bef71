"""Measures the cost of a read through query-api, compared with its own /ping and with Express and the Node.js driver.

`python -m benchmarks.query_api` prints rates, CPU times and latencies, and their ratios, from rounds in which all
servers take turns. All servers read the same Cassandra directly, over TLS: the local Keyspaces endpoint would limit
their rates by its own CPU time (docs/keyspaces.md). There is no authentication; SigV4 costs time only when a connection
opens.
"""

import argparse
import asyncio
import contextlib
import json
import platform
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import psutil
import uvloop
from cassandra.cluster import Cluster

from benchmarks import cores
from benchmarks.load import CLIENTS, Load, Unexpected, load
from benchmarks.report import PEER, SHARED, UNSHARED, report
from benchmarks.servers import AS_A_SERVER, REGION, ROOT, cassandra_with_tls, server
from local.errors import LocalError
from local_keyspaces.foreground import until_stopped
from local_keyspaces.listening import listen
from local_keyspaces.progress import Progress

_WARM_UP = 3  # rounds for the just-in-time compilers of Java and Node.js
_KEYSPACE, _TABLE = "bench", "countries"
_PEER = Path(__file__).parent / "peer"
_COUNTRIES = json.loads((ROOT / "app" / "load_countries" / "countries.json").read_text())
_PATHS: Mapping[str, Sequence[str]] = {
    "/ping": ["/ping"],
    "/countries/us": ["/countries/us"],
    "/countries/{5 ids}": [f"/countries/{country['id']}" for country in _COUNTRIES],
    "/countries": ["/countries"],
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A measured server. output: the file with its standard output and errors. rounds: its results by path."""

    name: str
    port: int
    process: psutil.Process
    output: Path
    rounds: dict[str, list[Load]] = field(default_factory=lambda: {path: [] for path in _PATHS})


async def main(seconds: float, rounds: int, core: int | None) -> None:
    """core: of the measured servers."""
    with tempfile.TemporaryDirectory() as name:
        async with targets(Path(name)) as measured:
            if core is not None:
                for target in measured:
                    cores.move(target.process, core)
            for target in measured:
                await asyncio.to_thread(_check, target)
            for number in range(-_WARM_UP, rounds):
                _say("warming up" if number < 0 else f"round {number + 1} of {rounds}")
                for path, requests in _PATHS.items():
                    # In a fixed order, the work that one server leaves for Cassandra would always disturb the same one.
                    for target in random.sample(measured, len(measured)):
                        result = await load(target.port, requests, seconds=seconds, process=target.process)
                        if number >= 0:
                            target.rounds[path].append(result)
            _say("")
            print(f"Medians of {rounds} rounds of {seconds:g} s a row, {CLIENTS} clients without pauses.")
            separate = (
                "have a core of their own" if core is not None else "share their cores with Cassandra and clients"
            )
            print(f"Python {platform.python_version()}. The servers {separate}.\n")
            print(report({target.name: target.rounds for target in measured}))
            for target in measured:
                print(f"{target.name} wrote {target.output.stat().st_size / 1e6:.1f} MB of log.")


@asynccontextmanager
async def targets(directory: Path) -> AsyncIterator[Sequence[Target]]:
    """Starts the servers, with a filled table. Raises LocalError."""
    async with contextlib.AsyncExitStack() as started:
        _say("starting Cassandra")
        cassandra, ca_file = await started.enter_async_context(
            cassandra_with_tls(directory, virtual_machine=AS_A_SERVER)
        )
        await asyncio.to_thread(_fill, cassandra.upstream.port, ca_file)
        environment = {
            "AWS_REGION": REGION,
            "KEYSPACES_ENDPOINT": f"localhost:{cassandra.upstream.port}",
            "KEYSPACES_CA_FILE": str(ca_file),
            "KEYSPACES_KEYSPACE": _KEYSPACE,
            "KEYSPACES_TABLE_COUNTRIES": _TABLE,
        }
        api = [sys.executable, "-m", "countries"]
        planned = [
            (SHARED, api, ROOT / "app", {"HOST": "127.0.0.1", "DRAIN_SECONDS": "0", "SHARE_READS": "true"}),
            (UNSHARED, api, ROOT / "app", {"HOST": "127.0.0.1", "DRAIN_SECONDS": "0", "SHARE_READS": "false"}),
        ]
        node = await asyncio.to_thread(_install_peer)
        if node is not None:
            planned.append((PEER, [node, "server.js"], _PEER, {"NODE_ENV": "production"}))
        measured = []
        for name, command, where, more in planned:
            _say(f"starting {name}")
            with listen(0, "") as free:
                port = free.getsockname()[1]
            output = directory / f"{port}.log"
            process = await started.enter_async_context(
                server(command, directory=where, environment={**environment, **more}, port=port, output=output)
            )
            measured.append(Target(name=name, port=port, process=process, output=output))
        yield measured


def _fill(port: int, ca_file: Path) -> None:
    cluster = Cluster(
        ["127.0.0.1"],
        port=port,
        ssl_context=ssl.create_default_context(cafile=ca_file),
        ssl_options={"server_hostname": "localhost"},
        protocol_version=4,
    )
    try:
        session = cluster.connect()
        session.execute(
            f"CREATE KEYSPACE {_KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
        session.execute(
            f"CREATE TABLE {_KEYSPACE}.{_TABLE}"
            " (id text PRIMARY KEY, name text, capital text, population int, area int)"
        )
        insert = session.prepare(f"INSERT INTO {_KEYSPACE}.{_TABLE} JSON ?")
        for country in _COUNTRIES:
            session.execute(insert, [json.dumps(country)])
    finally:
        cluster.shutdown()


def _install_peer() -> str | None:
    """Installs Express and the driver. Returns the path of Node.js; prints a message and returns None without Node.js.

    Raises LocalError.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("Node.js or npm is missing, so query-api is measured without Express.", file=sys.stderr)
        return None
    wanted, installed = _PEER / "package-lock.json", _PEER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:  # npm writes it last
        _say("installing Express and the Node.js driver")
        result = subprocess.run([npm, "ci", "--omit=dev"], cwd=_PEER, capture_output=True, text=True)
        if result.returncode != 0:
            raise LocalError(f"npm ci failed in benchmarks/peer:\n{result.stderr.strip()}")
    return node


def _check(target: Target) -> None:
    """Raises Unexpected if the server's answers differ from the table's rows."""
    by_id = {country["id"]: country for country in _COUNTRIES}
    expected = {f"/countries/{id_}": country for id_, country in by_id.items()} | {"/countries": by_id}
    connection = HTTPConnection("127.0.0.1", target.port, timeout=10)
    for path, content in expected.items():
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read()
        given = json.loads(text) if response.status == 200 else None
        if path == "/countries" and given is not None:  # the database determines the order of its rows
            given = {country["id"]: country for country in given}
        if given != content:
            raise Unexpected(f"{target.name} answers GET {path} with {response.status} {text[:200]!r}")
    connection.close()


def _say(what: str) -> None:
    """Shows progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def _positive(text: str) -> float:
    if not (text.replace(".", "", 1).isdigit() and float(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above 0")
    return float(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query_api", description="Measures the cost of a read.")
    parser.add_argument("--seconds", type=_positive, default=0.5, help="of each row in a round (default: 0.5)")
    parser.add_argument("--rounds", type=_positive, default=15, help="measured rounds (default: 15)")
    options = parser.parse_args()
    running = main(options.seconds, max(int(options.rounds), 1), cores.reserve())
    try:
        stopped = uvloop.run(until_stopped(running, Progress(sys.stderr)))
    except (LocalError, Unexpected) as error:
        sys.exit(f"benchmarks.query_api: {error}")
    sys.exit(130 if stopped else 0)
