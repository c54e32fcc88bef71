"""The driver's connections on an event loop, and reads that are tried again."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cassandra import OperationTimedOut
from cassandra.cluster import Session
from cassandra.connection import ConnectionException, DefaultEndPoint

from keyspaces.event_loop import connections_on
from keyspaces.reads import PreparedRead
from keyspaces.retries import ATTEMPTS, RetryBudget
from keyspaces.session import open_session_on_loop
from keyspaces.target import Target
from tests.keyspaces import COUNTRIES, REGION, LocalKeyspaces


@contextlib.asynccontextmanager
async def _reading(
    keyspaces: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch, keyspace: str
) -> AsyncIterator[tuple[PreparedRead, list[str]]]:
    """A read of one country's name, and how its statements ended."""
    for name, value in keyspaces.environment().items():
        monkeypatch.setenv(name, value)
    target = Target(
        region=REGION,
        keyspace=keyspace,
        table="countries",
        host="localhost",
        port=keyspaces.port,
        ca_file=keyspaces.ca_file,
    )
    outcomes: list[str] = []

    def prepare(session: Session) -> PreparedRead:
        cql = f'SELECT "name" FROM {target.cql_name} WHERE id = ?'
        return PreparedRead(session, cql, observe=lambda outcome, _: outcomes.append(outcome))

    async with open_session_on_loop(target, patience=20, first_use=prepare) as (_, read):
        yield read, outcomes


async def _connect(port: int, seconds: float, tls: ssl.SSLContext | None = None) -> None:
    """As the driver does it, in another thread."""
    factory = connections_on(asyncio.get_running_loop()).factory
    security = {"ssl_context": tls, "ssl_options": {"server_hostname": "localhost"}} if tls else {}
    await asyncio.to_thread(factory, DefaultEndPoint("127.0.0.1", port), seconds, protocol_version=4, **security)


def test_prepares_again_what_the_server_has_forgotten(loaded: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server forgets statements when it is replaced, or the table is; each read would fail from then on."""
    table = replace(COUNTRIES, keyspace="forgotten")
    loaded.create(table)
    with loaded.cassandra() as session:
        session.execute("INSERT INTO forgotten.countries (id, name) VALUES ('us', 'United States')")

    async def scenario() -> None:
        async with _reading(loaded, monkeypatch, "forgotten") as (read, outcomes):
            await asyncio.to_thread(loaded.create, replace(table, columns={**table.columns, "currency": "text"}))
            deadline = asyncio.get_running_loop().time() + 20
            page = await read.execute(["us"], deadline=deadline)
            assert list(page.rows) == [("United States",)]
            assert outcomes == ["PreparedQueryNotFound", "ok"]

    asyncio.run(scenario())


def test_takes_the_next_address_when_one_is_silent(loaded: LocalKeyspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint's name has an address in each zone, of which one may have failed."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def both(*_: object, **__: object) -> list[object]:
            return [(0, 0, 0, "", (host, loaded.port)) for host in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        tls = ssl.create_default_context(cafile=loaded.ca_file)
        with pytest.raises(ConnectionException, match="requires authentication"):  # so it came to the second
            await _connect(loaded.port, 1.0, tls)

    with socket.create_server(("127.0.0.2", loaded.port)):
        asyncio.run(scenario())


def test_gives_a_server_up_that_accepts_and_says_nothing() -> None:
    """A thread that waits for it for ever would be lost to all other hosts."""

    async def scenario(port: int) -> None:
        with pytest.raises(TimeoutError, match="does not answer"):
            await _connect(port, 0.2, ssl.create_default_context())
        with pytest.raises(OperationTimedOut):
            await _connect(port, 0.2)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asyncio.run(scenario(silent.getsockname()[1]))


def test_notices_at_once_that_a_server_hangs_up() -> None:
    """A host that closes each new connection, as an overloaded one does, would block a thread for seconds each time."""

    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            started = time.monotonic()
            with pytest.raises(ConnectionException):
                await _connect(server.sockets[0].getsockname()[1], 30)
            assert time.monotonic() - started < 15

    asyncio.run(scenario())


def test_stops_to_try_again_when_most_attempts_fail() -> None:
    """A database that cannot keep up would get five times the load."""
    budget = RetryBudget()
    retries = 0
    for _ in range(1_000):  # statements that fail for ever
        for _ in range(ATTEMPTS - 1):
            if not budget.spend():
                break
            retries += 1
    assert retries == 100


def test_goes_on_to_try_again_when_one_in_four_attempts_fails() -> None:
    """Else moments of throttling reach clients after a while."""
    budget = RetryBudget()
    for number in range(10_000):
        attempt = 1
        if number % 4 == 0:
            assert budget.spend()
            attempt = 2
        budget.succeeded(attempt)
