"""The driver's connections on an event loop, and retried reads."""

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import Session
from cassandra.connection import ConnectionException, DefaultEndPoint, ProtocolError

from keyspaces import event_loop, origin
from keyspaces.event_loop import connections_on
from keyspaces.origin import REQUEST_ID
from keyspaces.reads import PreparedRead
from keyspaces.results import SchemaChanged
from keyspaces.retries import ATTEMPTS, RetryBudget
from keyspaces.session import DRIVER_ERRORS, open_session_on_loop
from keyspaces.statements import DeadlineExceeded
from keyspaces.target import Target
from local_keyspaces.tables import TableSchema
from tests.keyspaces import REGION, LocalKeyspaces
from tests.processes import wait_until
from tests.serving.running import THINGS

_NO_ROWS = (*DRIVER_ERRORS, DeadlineExceeded)


@dataclass(frozen=True)
class _Reading:
    """A read of one row. outcomes: of its attempts. changes: the reports of additional columns."""

    read: PreparedRead
    outcomes: list[str]
    changes: list[str]

    async def rows(self) -> list[tuple[Any, ...]]:
        page = await self.read.execute(["ab"], deadline=asyncio.get_running_loop().time() + 20)
        return list(page.rows)


@contextlib.asynccontextmanager
async def _reading(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch, keyspace: str
) -> AsyncIterator[_Reading]:
    for name, value in keyspaces.environment().items():
        monkeypatch.setenv(name, value)
    target = Target(
        region=REGION,
        keyspace=keyspace,
        host="localhost",
        port=keyspaces.port,
        ca_file=keyspaces.ca_file,
        tables={"things": "things"},
    )
    outcomes: list[str] = []
    changes: list[str] = []

    def prepare(session: Session) -> PreparedRead:
        return PreparedRead(
            session,
            f"SELECT * FROM {target.table('things').in_cql} WHERE id = ?",
            observe=lambda cql, outcome, seconds: outcomes.append(outcome),
            on_more_columns=changes.append,
        )

    async with open_session_on_loop(target, startup_timeout=20, first_use=prepare) as (_, read):
        yield _Reading(read, outcomes, changes)


async def _connect(port: int, seconds: float, tls: ssl.SSLContext | None = None) -> None:
    """Calls it in another thread, as the driver does."""
    factory = connections_on(asyncio.get_running_loop()).factory
    security = {"ssl_context": tls, "ssl_options": {"server_hostname": "localhost"}} if tls else {}
    await asyncio.to_thread(factory, DefaultEndPoint("127.0.0.1", port), seconds, protocol_version=4, **security)


def _table(keyspaces: LocalKeyspaces, keyspace: str) -> TableSchema:
    """A table with one row."""
    table = replace(THINGS, keyspace=keyspace)
    keyspaces.create(table)
    with keyspaces.cassandra() as session:
        session.execute(f"INSERT INTO {keyspace}.things (id, name, area) VALUES ('ab', 'Abacus', 9834000)")
    return table


def _drop(keyspaces: LocalKeyspaces, table: TableSchema) -> None:
    with keyspaces.connect() as session:
        session.execute(f"DROP TABLE {table.keyspace}.{table.name}")
    wait_until(lambda: (table.keyspace, table.name) not in keyspaces.service.schema.catalog.tables)


def _retype_with(keyspaces: LocalKeyspaces, table: TableSchema, area: str, value: str) -> None:
    _drop(keyspaces, table)
    keyspaces.create(replace(table, columns={**table.columns, "area": area}))
    with keyspaces.cassandra() as session:
        session.execute(f"INSERT INTO {table.keyspace}.things (id, name, area) VALUES ('ab', 'Abacus', {value})")


def test_prepares_a_forgotten_statement_again_and_reports_more_columns(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read would fail after the server was replaced, or a new column would stay unnoticed."""
    table = _table(keyspaces, "forgotten")

    async def scenario() -> None:
        async with _reading(keyspaces, monkeypatch, "forgotten") as reading:
            assert await reading.rows() == [("ab", 9834000, "Abacus")]
            await asyncio.to_thread(
                keyspaces.create, replace(table, columns={**table.columns, "brand": "text", "zone": "text"})
            )
            for _ in range(2):
                assert await reading.rows() == [("ab", 9834000, "Abacus")]
            assert reading.outcomes == ["ok", "PreparedQueryNotFound", "ok", "ok"]
            assert reading.changes == ["it has more columns than before: brand, zone"]

    asyncio.run(scenario())


def test_sends_the_request_id_to_an_endpoint_that_accepts_it(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console would show no statement of a request, or another request's; or Amazon Keyspaces would get a payload
    that it does not know."""
    keyspaces.create(replace(THINGS, keyspace="asked"))

    async def read(reading: _Reading, request_id: str) -> None:
        REQUEST_ID.set(request_id)
        await reading.rows()

    async def run() -> None:
        async with _reading(keyspaces, monkeypatch, "asked") as reading:
            await asyncio.gather(*(asyncio.create_task(read(reading, f"asked-{number}")) for number in range(10)))

    asyncio.run(run())
    found = keyspaces.service.statements.by_request()
    assert all(len(found[f"asked-{number}"]) == 1 for number in range(10))
    monkeypatch.setattr(origin, "is_wanted", lambda _: False)
    before = len(keyspaces.service.statements.newest())
    asyncio.run(run())
    after = keyspaces.service.statements.newest()
    assert [each.request_id for each in after[before:]] == [""] * 10


@pytest.mark.parametrize("area", ["float", "bigint", "text", "timestamp"])
def test_decodes_no_row_with_types_of_a_former_table(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch, area: str
) -> None:
    """A statement's id is a hash of its text. When another task prepares it on a recreated table, this task's old id is
    valid again, and an area of 9834000 was served as 1259736592."""
    keyspace = f"retyped_{area}"
    table = _table(keyspaces, keyspace)
    values = {"float": "9834000", "bigint": "9834000", "text": "'9834000'", "timestamp": "9834000"}

    async def scenario() -> None:
        async with _reading(keyspaces, monkeypatch, keyspace) as reading:
            assert await reading.rows() == [("ab", 9834000, "Abacus")]
            await asyncio.to_thread(_retype_with, keyspaces, table, area, values[area])
            async with _reading(keyspaces, monkeypatch, keyspace) as another:
                assert len(await another.rows()) == 1
                for _ in range(2):
                    with pytest.raises(SchemaChanged, match=f"column area is of type ({area}|varchar), not int"):
                        await reading.rows()

    asyncio.run(scenario())


def test_reports_that_a_key_has_another_type(keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task would answer 503 for ever, since the types of its keys no longer fit the table."""
    table = _table(keyspaces, "rekeyed")

    async def scenario() -> None:
        async with _reading(keyspaces, monkeypatch, "rekeyed") as reading:
            await reading.rows()
            rekeyed = replace(table, columns={**table.columns, "id": "int"})
            await asyncio.to_thread(_drop, keyspaces, table)
            await asyncio.to_thread(keyspaces.create, rekeyed)
            for _ in range(2):
                with pytest.raises(SchemaChanged):
                    await reading.rows()

    asyncio.run(scenario())


def test_uses_the_next_address_when_one_does_not_answer(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One failed address of the endpoint's name, which has one in each zone, would keep a task from connecting."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def both(*_: object, **__: object) -> list[object]:
            return [(0, 0, 0, "", (host, keyspaces.port)) for host in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        tls = ssl.create_default_context(cafile=keyspaces.ca_file)
        with pytest.raises(ConnectionException, match="requires authentication"):  # of the second host
            await _connect(keyspaces.port, 1.0, tls)

    with socket.create_server(("127.0.0.2", keyspaces.port)):
        asyncio.run(scenario())


def test_reads_responses_of_all_sizes_at_the_same_time(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response that arrives in parts, before or behind small ones, would mix with them or never be found."""
    table = _table(keyspaces, "sizes")
    # From its third byte on, each repetition looks like a whole response.
    looks_like_a_response = "\u4004\0\0\0\x08\0\0\0\0"
    names = {f"{number:02}": looks_like_a_response * (1 if number % 3 else 3_000 * number) for number in range(1, 30)}
    with keyspaces.cassandra() as session:
        insert = session.prepare(f"INSERT INTO {table.keyspace}.things (id, name) VALUES (?, ?)")
        for id_, name in names.items():
            session.execute(insert, (id_, name))

    async def scenario() -> None:
        async with _reading(keyspaces, monkeypatch, "sizes") as reading:
            deadline = asyncio.get_running_loop().time() + 20
            for _ in range(3):
                pages = await asyncio.gather(*(reading.read.execute([id_], deadline=deadline) for id_ in names))
                for (id_, name), page in zip(names.items(), pages, strict=True):
                    assert page.rows == [(id_, None, name)]

    asyncio.run(scenario())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x84\x00\x00\x00\x06\xff\xff\xff\xff"])
def test_gives_up_on_a_server_that_does_not_answer_in_cql(answer: bytes) -> None:
    """The wrong port's server would hold a thread until its timeout, or be waited for without end."""

    async def scenario() -> None:
        closed = asyncio.Event()

        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            with contextlib.suppress(ConnectionResetError), contextlib.closing(writer):
                await reader.read()  # until the client closes the connection
            closed.set()

        async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
            started = time.monotonic()
            with pytest.raises(ProtocolError):
                await _connect(server.sockets[0].getsockname()[1], 30)
            assert time.monotonic() - started < 15
            await asyncio.wait_for(closed.wait(), 10)

    asyncio.run(scenario())


def test_gives_up_on_a_server_that_accepts_and_does_not_answer() -> None:
    """A thread that waits for a silent host for ever would be lost to all other hosts."""

    async def scenario(port: int) -> None:
        with pytest.raises(TimeoutError, match="does not answer"):
            await _connect(port, 0.2, ssl.create_default_context())
        with pytest.raises(OperationTimedOut):
            await _connect(port, 0.2)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(scenario(silent.getsockname()[1]))


def test_notices_at_once_that_a_server_closes_the_connection() -> None:
    """A host that closes each new connection, as an overloaded one does, would block a thread for seconds each time."""

    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            started = time.monotonic()
            with pytest.raises(ConnectionException):
                await _connect(server.sockets[0].getsockname()[1], 30)
            assert time.monotonic() - started < 15

    asyncio.run(scenario())


def test_stops_retrying_when_most_attempts_fail() -> None:
    """A database that cannot keep up would get five times the load."""
    budget = RetryBudget()
    retries = 0
    for _ in range(1_000):  # statements that always fail
        for _ in range(ATTEMPTS - 1):
            if not budget.spend():
                break
            retries += 1
    assert retries == 100


def test_keeps_retrying_when_one_in_four_attempts_fails() -> None:
    """Short throttling would reach clients although a retry helps."""
    budget = RetryBudget()
    for number in range(10_000):
        attempt = 1
        if number % 4 == 0:
            assert budget.spend()
            attempt = 2
        budget.succeeded(attempt)


@pytest.mark.long
def test_keeps_no_connection_that_has_ended(keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each outage of the database would leave its connections with their TLS buffers in memory: 0.1 MB and more."""
    monkeypatch.setattr(event_loop, "_COLLECT_AFTER", 0.01)
    _table(keyspaces, "outages")
    known = weakref.WeakSet[Any]()
    connected = event_loop._LoopConnection.connected

    def note(connection: Any, transport: asyncio.Transport) -> None:
        known.add(connection)
        connected(connection, transport)

    monkeypatch.setattr(event_loop._LoopConnection, "connected", note)

    async def outage(reading: _Reading) -> None:
        with keyspaces.injecting(drop=1.0), pytest.raises(_NO_ROWS):
            await reading.rows()
        while True:  # the driver reconnects at a time of its choice; reads do not wait for it
            with contextlib.suppress(*_NO_ROWS):
                await reading.rows()
                return
            await asyncio.sleep(0.1)

    async def scenario() -> None:
        async with _reading(keyspaces, monkeypatch, "outages") as reading, asyncio.timeout(120):
            for _ in range(2):
                await outage(reading)
            ended = weakref.WeakSet(each for each in known if each.is_closed)
            # Connections that the driver's threads still hold end with the next outage's connections.
            await outage(reading)
            while ended:  # noqa: ASYNC110  # nothing tells of an object's end
                await asyncio.sleep(0.05)

    gc.disable()
    try:
        asyncio.run(scenario())
    finally:
        gc.enable()
