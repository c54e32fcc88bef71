"""Measures the loader beside cqlsh's COPY FROM and the driver's execute_concurrent_with_args.

`python -m benchmarks.loader` prints rows a second, CPU time a row and memory, measured in one run, round by round in
turn, on one Cassandra over TLS and without a sign-in; the loader also through the local Keyspaces endpoint, in front of
another Cassandra, which lets only the endpoint in.
"""

import argparse
import asyncio
import contextlib
import csv
import itertools
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
import uvloop
from cassandra.cluster import Cluster, Session
from cassandra.concurrent import execute_concurrent_with_args

from benchmarks.servers import REGION, ROOT, administrator, cassandra_with_tls, empty_cassandra, local_keyspaces
from local.errors import LocalError
from local_keyspaces.cassandra_session import open_session
from local_keyspaces.foreground import until_stopped
from local_keyspaces.progress import Progress
from local_keyspaces.tables import TableSchema

_COLUMNS: Final = {"id": "text", "name": "text", "capital": "text", "population": "int", "area": "double"}
_KEYSPACE: Final = "bench"
_CQLSH: Final = (str(Path(sys.executable).with_name("uv")), "tool", "run", "--from", "cqlsh==6.2.1", "cqlsh")
_SLOW_ROWS: Final = 50_000
"""For a program whose rate needs no more to be known."""
# What the loader asks Keyspaces about a table, which Cassandra itself does not know.
_SYSTEM_TABLE: Final = """
CREATE TABLE system_schema_mcs.tables (
    keyspace_name text, table_name text, status text, creation_time timestamp,
    custom_properties frozen<map<text, frozen<map<text, text>>>>, PRIMARY KEY (keyspace_name, table_name)
)"""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One load. cpu: seconds of the program's processes. memory: most bytes that they had together."""

    rows: int
    seconds: float
    cpu: float
    memory: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """command: with `{file}` and `{table}` for what to load. create: makes a table in `cassandra`.

    rows: at most.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    create: Callable[[str], Awaitable[None]]
    cassandra: Session
    rows: int | None = None
    rounds: list[Round] = field(default_factory=list)


async def main(rows: int, rounds: int, only: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with _programs(directory) as programs:
            chosen = [program for program in programs if program.name.startswith(only)]
            tables = itertools.count()
            for number in range(rounds):
                for program in chosen:
                    count = min(rows, program.rows or rows)
                    file = await asyncio.to_thread(_data, directory, count)
                    table = f"places_{next(tables)}"
                    await program.create(table)
                    program.rounds.append(await asyncio.to_thread(_measure, program, file, table, count))
                    print(f"round {number + 1}: {program.name}: {program.rounds[-1]}", file=sys.stderr)
            _report(chosen, rows, rounds)


async def compare_plan(rows: int) -> None:
    """A load into a new on-demand table whose capacity is enforced, beside its plan."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            empty_cassandra(directory) as cassandra,
            local_keyspaces(directory, cassandra, capacity_clock=time.monotonic) as keyspaces,
        ):
            await keyspaces.schema.ensure_keyspace(_KEYSPACE)
            schema = TableSchema(keyspace=_KEYSPACE, name="places", columns=_COLUMNS, partition_key=["id"])
            await keyspaces.schema.ensure_table(schema)
            file = await asyncio.to_thread(_data, directory, rows)
            environment = _environment(directory, keyspaces.port, keyspaces.ca_file) | administrator(keyspaces)
            command = [sys.executable, "-m", "loader", "places", str(file), "--table", "places=places"]
            said = []
            for more in (["--plan"], []):
                process = await asyncio.create_subprocess_exec(
                    *command, *more, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
                )
                output, _ = await process.communicate()
                if process.returncode != 0:
                    raise LocalError(f"the loader failed with exit code {process.returncode}")
                said.append(json.loads(output.splitlines()[-1]))
    plan, summary = said[0]["plan"], said[1]["summary"]
    print(f"| {rows} rows, capacity enforced | plan | load | difference |\n| --- | ---: | ---: | ---: |")
    for what, key in (("seconds", "seconds"), ("write units", "write_units")):
        planned, took = plan[key], summary[key]
        print(f"| {what} | {planned:.0f} | {took:.0f} | {took / planned - 1:+.1%} |")


@asynccontextmanager
async def _programs(directory: Path) -> AsyncIterator[Sequence[Program]]:
    """Raises LocalError."""
    async with contextlib.AsyncExitStack() as started:
        # Without TLS, too, for the sessions that make tables and count rows.
        cassandra, ca_file = await started.enter_async_context(cassandra_with_tls(directory, optional=True))
        behind = await started.enter_async_context(empty_cassandra(_made(directory / "behind")))
        keyspaces = await started.enter_async_context(local_keyspaces(directory, behind))
        await keyspaces.schema.ensure_keyspace(_KEYSPACE)
        session = started.enter_context(open_session(cassandra.upstream))
        session_behind = started.enter_context(open_session(behind.upstream))
        for name in (_KEYSPACE, "system_schema_mcs"):
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
        session.execute(_SYSTEM_TABLE)

        async def create(table: str) -> None:
            columns = ", ".join(f"{name} {type_}" for name, type_ in _COLUMNS.items())
            await asyncio.to_thread(session.execute, f"CREATE TABLE {_KEYSPACE}.{table} ({columns}, PRIMARY KEY (id))")
            session.execute(
                "INSERT INTO system_schema_mcs.tables (keyspace_name, table_name, status, creation_time) "
                "VALUES (%s, %s, 'ACTIVE', 0)",
                (_KEYSPACE, table),
            )

        async def create_behind(table: str) -> None:
            schema = TableSchema(keyspace=_KEYSPACE, name=table, columns=_COLUMNS, partition_key=["id"])
            await keyspaces.schema.ensure_table(schema)

        port = cassandra.upstream.port
        base = dict(os.environ)
        environment = _environment(directory, port, ca_file)
        through = _environment(directory, keyspaces.port, keyspaces.ca_file) | administrator(keyspaces)
        loader = [sys.executable, "-m", "loader", "places", "{file}", "--table", "places={table}"]
        columns = ", ".join(_COLUMNS)
        copy = f"COPY {_KEYSPACE}.{{table}} ({columns}) FROM '{{file}}' WITH HEADER = TRUE"
        yield [
            Program(name="loader", command=loader, environment=environment, create=create, cassandra=session),
            Program(
                name="cqlsh COPY FROM",
                command=[*_CQLSH, "--ssl", "localhost", str(port), "-e", copy],
                environment={**base, "SSL_CERTFILE": str(ca_file), "SSL_VALIDATE": "true"},
                create=create,
                cassandra=session,
            ),
            Program(
                name="execute_concurrent_with_args",
                command=[
                    sys.executable,
                    "-m",
                    "benchmarks.loader",
                    "--driver",
                    str(port),
                    str(ca_file),
                    "{table}",
                    "{file}",
                ],
                environment={**base, "PYTHONPATH": str(ROOT)},
                create=create,
                cassandra=session,
                rows=_SLOW_ROWS,
            ),
            Program(
                name="loader, local endpoint",
                command=loader,
                environment=through,
                create=create_behind,
                cassandra=session_behind,
            ),
        ]


def _environment(directory: Path, port: int, ca_file: Path) -> dict[str, str]:
    """Of the loader."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "app"),
        "TMPDIR": str(directory),
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        "KEYSPACES_ENDPOINT": f"localhost:{port}",
        "KEYSPACES_CA_FILE": str(ca_file),
        "KEYSPACES_KEYSPACE": _KEYSPACE,
    }


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _data(directory: Path, rows: int) -> Path:
    path = directory / f"{rows}.csv"
    if not path.exists():
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for number in range(rows):
                place = [f"place-{number:012}", f"Name of {number}", f"Capital {number % 1000}", number * 7, number / 3]
                writer.writerow(place)
    return path


def _measure(program: Program, file: Path, table: str, rows: int) -> Round:
    """Raises LocalError for a load that fails, or leaves rows out."""
    command = [part.replace("{file}", str(file)).replace("{table}", table) for part in program.command]
    output = file.with_suffix(".log")
    with output.open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(program.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
        )
        memory = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            memory = max(memory, _memory(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise LocalError(f"{program.name} failed with exit code {process.returncode}:\n{output.read_text()[-2000:]}")
    found = sum(1 for _ in program.cassandra.execute(f"SELECT id FROM {_KEYSPACE}.{table}", timeout=60))
    if found != rows:
        raise LocalError(f"{program.name} left {found} of {rows} rows in the table:\n{output.read_text()[-2000:]}")
    return Round(rows=rows, seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, memory=memory)


def _memory(pid: int) -> int:
    """Bytes that the process and its children have; a page that several share counts a part for each."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += each.memory_full_info().pss
    return total


def _report(programs: Sequence[Program], rows: int, rounds: int) -> None:
    print(f"Medians of {rounds} rounds of {rows} rows (the driver: {min(rows, _SLOW_ROWS)}).\n")
    print("| program | rows/s | to COPY FROM | CPU µs a row | most memory, MB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    copy = next((each for each in programs if "COPY" in each.name), None)
    for each in programs:
        rates = [one.rows / one.seconds for one in each.rounds]
        ratio = ""
        if copy is not None:
            pairs = zip(rates, (one.rows / one.seconds for one in copy.rounds), strict=True)
            ratio = f"{statistics.median(mine / theirs for mine, theirs in pairs):.2f}"
        cpu = statistics.median(one.cpu / one.rows for one in each.rounds) * 1e6
        memory = max(one.memory for one in each.rounds) / 1e6
        print(f"| {each.name} | {statistics.median(rates):.0f} | {ratio} | {cpu:.0f} | {memory:.0f} |")


def load_by_driver(port: int, ca_file: str, table: str, path: Path) -> None:
    """As the driver's documentation shows it."""
    cluster = Cluster(
        ["localhost"],
        port=port,
        protocol_version=4,
        ssl_context=ssl.create_default_context(cafile=ca_file),
        ssl_options={"server_hostname": "localhost"},
    )
    try:
        session = cluster.connect()
        insert = session.prepare(f"INSERT INTO {_KEYSPACE}.{table} ({', '.join(_COLUMNS)}) VALUES (?, ?, ?, ?, ?)")
        with path.open(newline="") as file:
            rows = itertools.islice(csv.reader(file), 1, None)
            values = ((id_, name, capital, int(people), float(area)) for id_, name, capital, people, area in rows)
            for _ in execute_concurrent_with_args(session, insert, values, concurrency=100, results_generator=True):
                pass
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description="How fast rows are loaded.")
    parser.add_argument("--rows", type=int, default=300_000, help="(default: 300000)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: 3)")
    parser.add_argument("--only", default="", metavar="NAME", help="programs with this in their name")
    parser.add_argument("--plan", action="store_true", help="only a load with capacity enforced, beside its plan")
    parser.add_argument("--driver", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.driver:
        port, ca_file, table, path = options.driver
        load_by_driver(int(port), ca_file, table, Path(path))
        sys.exit(0)
    try:
        work = compare_plan(options.rows) if options.plan else main(options.rows, options.rounds, options.only)
        stopped = uvloop.run(until_stopped(work, Progress(sys.stderr)))
    except LocalError as error:
        sys.exit(f"benchmarks.loader: {error}")
    sys.exit(130 if stopped else 0)
