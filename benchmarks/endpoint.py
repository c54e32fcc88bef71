"""Measures the cost of the local Keyspaces endpoint: the same reads and writes through it and directly to Cassandra.

`python -m benchmarks.endpoint` prints rates and ratios of one run, in which direct and endpoint rounds alternate.
"""

import argparse
import asyncio
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path
from threading import Semaphore
from typing import Any

import uvloop
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import PreparedStatement
from cassandra_sigv4.auth import SigV4AuthProvider

from benchmarks.servers import REGION, administrator, empty_cassandra, local_keyspaces
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.service import LocalKeyspaces
from local_keyspaces.tables import TableSchema

_ROUNDS, _SECONDS, _IN_FLIGHT = 5, 3.0, 64
_TABLE = TableSchema(keyspace="bench", name="rows", columns={"id": "int", "body": "text"}, partition_key=["id"])
_ROWS = 1000
_VARIABLE = "CASSANDRA_PASSWORD"


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            empty_cassandra(directory) as cassandra,
            local_keyspaces(directory, cassandra) as keyspaces,
        ):
            await keyspaces.schema.ensure_keyspace(_TABLE.keyspace)
            await keyspaces.schema.ensure_table(_TABLE)
            rounds: dict[str, list[dict[str, float]]] = {"direct": [], "endpoint": []}
            for number in range(_ROUNDS + 1):
                for way, results in rounds.items():
                    before = time.process_time()
                    result = await _measure(cassandra.upstream if way == "direct" else keyspaces)
                    # This process runs only the endpoint in the meantime.
                    result["endpoint's CPU, µs a statement"] = (
                        (time.process_time() - before) / (result["statements"]) * 1e6
                    )
                    if number:  # the first round warms Cassandra up
                        results.append(result)
                print(f"round {number} of {_ROUNDS}", file=sys.stderr)
    _report(rounds)


def _report(rounds: dict[str, list[dict[str, float]]]) -> None:
    print(f"medians of {_ROUNDS} rounds of {_SECONDS:.0f} s, {_IN_FLIGHT} statements in flight, one connection")
    for what in ("reads a second", "writes a second", "ms for a read, one at a time"):
        direct, through = (statistics.median(each[what] for each in rounds[way]) for way in ("direct", "endpoint"))
        print(f"  {what:30} direct {direct:8.2f}   endpoint {through:8.2f}   ratio {through / direct:.2f}")
    cpu = statistics.median(each["endpoint's CPU, µs a statement"] for each in rounds["endpoint"])
    print(f"  endpoint's CPU a statement: {cpu:.0f} µs")


async def _measure(server: Upstream | LocalKeyspaces) -> dict[str, float]:
    arguments = ["client", "--port", str(server.port)]
    environment = dict(os.environ)
    if isinstance(server, Upstream):
        environment[_VARIABLE] = server.password
    else:
        arguments += ["--ca-file", str(server.ca_file)]
        environment |= {"AWS_DEFAULT_REGION": REGION, **administrator(server)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.endpoint", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"a client failed with exit code {process.returncode}")
    result: dict[str, float] = json.loads(output)
    return result


def client(port: int, ca_file: str | None) -> dict[str, float]:
    """Runs in a client process: fills the table, reads, writes, and reads one row at a time."""
    if ca_file is None:
        options: dict[str, Any] = {"auth_provider": PlainTextAuthProvider("endpoint", os.environ[_VARIABLE])}
    else:
        options = {
            "ssl_context": ssl.create_default_context(cafile=ca_file),
            "ssl_options": {"server_hostname": "localhost"},
            "auth_provider": SigV4AuthProvider(),
        }
    profile = ExecutionProfile(RoundRobinPolicy(), consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    cluster = Cluster(
        ["127.0.0.1"],
        port=port,
        protocol_version=4,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        **options,
    )
    session = cluster.connect()
    insert = session.prepare("INSERT INTO bench.rows (id, body) VALUES (?, ?)")
    select = session.prepare("SELECT id, body FROM bench.rows WHERE id = ?")
    for number in range(_ROWS):
        session.execute(insert, (number, "x" * 100))
    reads = _run(session, select, lambda number: (number % _ROWS,))
    writes = _run(session, insert, lambda number: (number % _ROWS, "y" * 100))
    times = []
    for number in range(500):
        start = time.perf_counter()
        session.execute(select, (number,))
        times.append(time.perf_counter() - start)
    cluster.shutdown()
    return {
        "reads a second": reads / _SECONDS,
        "writes a second": writes / _SECONDS,
        "ms for a read, one at a time": statistics.median(times) * 1e3,
        "statements": _ROWS + reads + writes + len(times),
    }


def _run(session: Session, statement: PreparedStatement, values: Any) -> int:
    """The number of statements that are answered in _SECONDS, with _IN_FLIGHT in flight."""
    slots, done, failed = Semaphore(_IN_FLIGHT), 0, []

    def on_result(_: object) -> None:
        nonlocal done
        done += 1
        slots.release()

    def on_error(error: Exception) -> None:
        failed.append(error)
        slots.release()

    end, number = time.perf_counter() + _SECONDS, 0
    while time.perf_counter() < end and not failed:
        slots.acquire()
        session.execute_async(statement, values(number)).add_callbacks(on_result, on_error)
        number += 1
    answered = done
    for _ in range(_IN_FLIGHT):
        slots.acquire()
    if failed:
        raise SystemExit(f"a statement failed: {failed[0]}")
    return answered


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("role", nargs="?", choices=["client"])
    parser.add_argument("--port", type=int)
    parser.add_argument("--ca-file")
    options = parser.parse_args()
    if options.role == "client":
        print(json.dumps(client(options.port, options.ca_file)))
    else:
        uvloop.run(main())
