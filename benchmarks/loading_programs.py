"""The measured programs (the loader, cqlsh's COPY FROM and the driver), and the measurement of one load."""

import asyncio
import contextlib
import csv
import itertools
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from cassandra.cluster import Cluster, Session
from cassandra.concurrent import execute_concurrent_with_args

from benchmarks.servers import (
    AS_A_SERVER,
    REGION,
    ROOT,
    administrator,
    cassandra_with_tls,
    empty_cassandra,
    local_keyspaces,
)
from local.errors import LocalError
from local_keyspaces.cassandra_session import open_session
from local_keyspaces.tables import TableSchema

COLUMNS: Final = {"id": "text", "name": "text", "capital": "text", "population": "int", "area": "double"}
KEYSPACE: Final = "bench"
_CQLSH: Final = (str(Path(sys.executable).with_name("uv")), "tool", "run", "--from", "cqlsh==6.2.1", "cqlsh")
SLOW_ROWS: Final = 50_000
"""Rows for a slow program, enough to measure its rate."""
# The loader reads this system table of Keyspaces, which Cassandra does not have.
_SYSTEM_TABLE: Final = """
CREATE TABLE system_schema_mcs.tables (
    keyspace_name text, table_name text, status text, creation_time timestamp,
    custom_properties frozen<map<text, frozen<map<text, text>>>>, PRIMARY KEY (keyspace_name, table_name)
)"""


@dataclass(frozen=True, kw_only=True)
class Round:
    """The measurement of one load. cpu: seconds of the program's processes. memory: their peak, in bytes.

    resident: the peak of the first process, in bytes, with shared libraries.
    """

    rows: int
    seconds: float
    cpu: float
    memory: int
    resident: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """command: with `{file}` and `{table}` as placeholders. create: creates a table in `cassandra`.

    rows: the most rows of a load; None for no limit.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    create: Callable[[str], Awaitable[None]]
    cassandra: Session
    rows: int | None = None
    rounds: list[Round] = field(default_factory=list)


@asynccontextmanager
async def open_programs(directory: Path) -> AsyncIterator[Sequence[Program]]:
    """Raises LocalError."""
    async with contextlib.AsyncExitStack() as started:
        # TLS is optional, since the sessions that create tables and count rows do not use it.
        cassandra, ca_file = await started.enter_async_context(
            cassandra_with_tls(directory, optional=True, virtual_machine=AS_A_SERVER)
        )
        behind = await started.enter_async_context(empty_cassandra(_made(directory / "behind")))
        keyspaces = await started.enter_async_context(local_keyspaces(directory, behind))
        await keyspaces.schema.ensure_keyspace(KEYSPACE)
        session = started.enter_context(open_session(cassandra.upstream))
        session_behind = started.enter_context(open_session(behind.upstream))
        for name in (KEYSPACE, "system_schema_mcs"):
            replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
        session.execute(_SYSTEM_TABLE)

        async def create(table: str) -> None:
            columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
            await asyncio.to_thread(session.execute, f"CREATE TABLE {KEYSPACE}.{table} ({columns}, PRIMARY KEY (id))")
            session.execute(
                "INSERT INTO system_schema_mcs.tables (keyspace_name, table_name, status, creation_time) "
                "VALUES (%s, %s, 'ACTIVE', 0)",
                (KEYSPACE, table),
            )

        async def create_behind(table: str) -> None:
            schema = TableSchema(keyspace=KEYSPACE, name=table, columns=COLUMNS, partition_key=["id"])
            await keyspaces.schema.ensure_table(schema)

        port = cassandra.upstream.port
        base = dict(os.environ)
        environment = loader_environment(directory, port, ca_file)
        through = loader_environment(directory, keyspaces.port, keyspaces.ca_file) | administrator(keyspaces)
        loader = [sys.executable, "-m", "loader", "places", "{file}", "--table", "places={table}"]
        columns = ", ".join(COLUMNS)
        copy = f"COPY {KEYSPACE}.{{table}} ({columns}) FROM '{{file}}' WITH HEADER = TRUE"
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
                    "benchmarks.loading_programs",
                    str(port),
                    str(ca_file),
                    "{table}",
                    "{file}",
                ],
                environment={**base, "PYTHONPATH": str(ROOT)},
                create=create,
                cassandra=session,
                rows=SLOW_ROWS,
            ),
            Program(
                name="loader, local endpoint",
                command=loader,
                environment=through,
                create=create_behind,
                cassandra=session_behind,
            ),
        ]


def loader_environment(directory: Path, port: int, ca_file: Path) -> dict[str, str]:
    """The loader's environment variables."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "app"),
        "TMPDIR": str(directory),
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "unused",
        "AWS_SECRET_ACCESS_KEY": "unused",
        "KEYSPACES_ENDPOINT": f"localhost:{port}",
        "KEYSPACES_CA_FILE": str(ca_file),
        "KEYSPACES_KEYSPACE": KEYSPACE,
    }


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def write_csv(directory: Path, rows: int) -> Path:
    path = directory / f"{rows}.csv"
    if not path.exists():
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for number in range(rows):
                place = [f"place-{number:012}", f"Name of {number}", f"Capital {number % 1000}", number * 7, number / 3]
                writer.writerow(place)
    return path


def measure(program: Program, file: Path, table: str, rows: int) -> Round:
    """Runs and measures one load. Raises LocalError if the load fails or leaves rows out."""
    command = [part.replace("{file}", str(file)).replace("{table}", table) for part in program.command]
    output = file.with_suffix(".log")
    with output.open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(program.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
        )
        memory = resident = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            memory, resident = max(memory, _memory(process.pid)), max(resident, _resident(process.pid))
            time.sleep(0.05)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise LocalError(f"{program.name} failed with exit code {process.returncode}:\n{output.read_text()[-2000:]}")
    found = sum(1 for _ in program.cassandra.execute(f"SELECT id FROM {KEYSPACE}.{table}", timeout=60))
    if found != rows:
        raise LocalError(f"{program.name} wrote {found} of {rows} rows:\n{output.read_text()[-2000:]}")
    return Round(rows=rows, seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, memory=memory, resident=resident)


def _resident(pid: int) -> int:
    """The process's peak of resident memory, in bytes, as Linux records it; 0 once it has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _memory(pid: int) -> int:
    """Bytes of the process and its children (PSS: each gets an equal part of a shared page)."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += each.memory_full_info().pss
    return total


def load_by_driver(port: int, ca_file: str, table: str, path: str) -> None:
    """Loads the file in the way of the driver's documentation."""
    cluster = Cluster(
        ["localhost"],
        port=port,
        protocol_version=4,
        ssl_context=ssl.create_default_context(cafile=ca_file),
        ssl_options={"server_hostname": "localhost"},
    )
    try:
        session = cluster.connect()
        insert = session.prepare(f"INSERT INTO {KEYSPACE}.{table} ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?)")
        with Path(path).open(newline="") as file:
            rows = itertools.islice(csv.reader(file), 1, None)
            values = ((id_, name, capital, int(people), float(area)) for id_, name, capital, people, area in rows)
            for _ in execute_concurrent_with_args(session, insert, values, concurrency=100, results_generator=True):
                pass
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    load_by_driver(int(sys.argv[1]), *sys.argv[2:])
