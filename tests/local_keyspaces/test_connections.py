"""Many connections, large frames, compression and pages: the common faults of a proxy under load."""

import asyncio
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from local_keyspaces.frames import Opcode
from local_keyspaces.tables import TableSchema
from tests.keyspaces import REGION, LocalKeyspaces
from tests.local_keyspaces.wire import Wire, connect, execute, prepare, prepared_id, query, startup

BLOBS = TableSchema(keyspace="connections", name="blobs", columns={"id": "int", "body": "blob"}, partition_key=["id"])


@pytest.fixture(scope="module")
def blobs(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    keyspaces.create(BLOBS)
    return keyspaces


@pytest.mark.parametrize("compression", [False, "lz4"])
def test_passes_large_results_with_and_without_compression(blobs: LocalKeyspaces, compression: bool | str) -> None:
    """A client would receive a page of 20 MB mixed with other responses."""
    body = bytes(range(256)) * 3900
    with blobs.connect(compression=compression) as session:
        insert = session.prepare("INSERT INTO connections.blobs (id, body) VALUES (?, ?)")
        for number in range(20):
            session.execute(insert, [number, body])
        everything = SimpleStatement("SELECT * FROM connections.blobs", fetch_size=5000)
        large = [session.execute_async(everything) for _ in range(3)]
        small = [session.execute_async("USE connections") for _ in range(200)]
        for answer in large:
            rows = answer.result().all()
            assert len(rows) == 20
            assert all(row.body == body for row in rows)
        for answer in small:
            answer.result()


def test_refuses_compression_it_does_not_have(blobs: LocalKeyspaces) -> None:
    """A client with another compression would read garbage instead of an error at sign-in."""
    with connect(blobs) as client:
        code, message = client.ask_error(startup(COMPRESSION="zstd"))
        assert code == 0x0A
        assert "unknown compression 'zstd'; lz4 is supported" in message


def test_serves_200_connections_at_once(blobs: LocalKeyspaces) -> None:
    """A service of many tasks would get the responses of other connections, or none."""
    tls = ssl.create_default_context(cafile=blobs.ca_file)
    text = "SELECT id, body FROM connections.blobs WHERE id = ?"
    with blobs.connect() as session:
        insert = session.prepare("INSERT INTO connections.blobs (id, body) VALUES (?, ?)")
        for number in range(1000, 1200):
            session.execute(insert, [number, f"body of {number}".encode()])

    async def one(number: int, everyone_is_in: asyncio.Barrier) -> None:
        wire = await Wire.sign_in(blobs, tls)
        async with wire:
            _, prepared = await wire.ask(prepare(text))
            id_ = prepared_id(prepared)
            await everyone_is_in.wait()
            for stream in range(20):
                wire.send(execute(id_, number.to_bytes(4, "big"), stream=stream))
            answered = set()
            for _ in range(20):
                stream, body = await wire.receive()
                answered.add(stream)
                assert body.endswith(f"body of {number}".encode())
            assert answered == set(range(20))

    async def everyone() -> None:
        barrier = asyncio.Barrier(200)
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for number in range(1000, 1200):
                group.create_task(one(number, barrier))

    asyncio.run(everyone())


@pytest.mark.long
def test_waits_for_a_client_that_does_not_read(blobs: LocalKeyspaces) -> None:
    """One slow client would fill the endpoint's memory, or stop the others."""
    body = bytes(1_000_000)
    with blobs.connect() as session:
        session.execute("INSERT INTO connections.blobs (id, body) VALUES (-1, %s)", [body])
    text = "SELECT body FROM connections.blobs WHERE id = -1"
    before = psutil.Process().memory_info().rss
    with connect(blobs) as slow, connect(blobs) as other:
        slow.sign_in(blobs)
        other.sign_in(blobs)
        slow.connection.sendall(b"".join(query(text, stream=number) for number in range(200)))
        for _ in range(20):
            assert body in other.ask(query(text))[1]
        grown = psutil.Process().memory_info().rss - before
        assert grown < 100_000_000  # of 200 MB
        for _ in range(200):
            assert len(slow.receive()) > len(body)


def test_executes_statements_that_another_connection_prepared(blobs: LocalKeyspaces) -> None:
    """Drivers would fail, since they prepare on one connection and execute on all."""
    with blobs.connect() as one, blobs.connect() as other:
        statement = one.prepare("SELECT id FROM connections.blobs WHERE id = ?")
        other.execute(statement, [1])


def test_requests_to_prepare_unknown_statements(blobs: LocalKeyspaces) -> None:
    """Clients would fail after a restart of the endpoint, since they keep their prepared ids."""
    with connect(blobs) as client:
        client.sign_in(blobs)
        _, body = client.ask(prepare("SELECT id FROM connections.blobs WHERE id = ?"))
        assert client.ask(execute(prepared_id(body), b"\0\0\0\1"))[0] == Opcode.RESULT
        unknown = b"0123456789abcdef"
        opcode, body = client.ask(execute(unknown, b"\0\0\0\1"))
        assert (opcode, body[:4]) == (Opcode.ERROR, b"\0\0\x25\0")
        assert body.endswith(b"\0\x10" + unknown)


def test_serves_while_the_schema_changes(blobs: LocalKeyspaces, session: Session) -> None:
    """All requests of a connection would wait while a table is created."""
    done = threading.Event()
    with ThreadPoolExecutor() as pool:
        change = pool.submit(session.execute, "CREATE TABLE connections.other (a int PRIMARY KEY)")
        change.add_done_callback(lambda _: done.set())
        while not done.is_set():
            session.execute("SELECT key FROM system.local")
        change.result()


def test_resolves_names_by_the_keyspace_in_use(blobs: LocalKeyspaces) -> None:
    """A statement without a keyspace would read a table of another keyspace."""
    with connect(blobs) as one, connect(blobs) as other:
        one.sign_in(blobs)
        other.sign_in(blobs)
        assert one.ask(query("USE connections"))[0] == Opcode.RESULT
        assert one.ask(query("SELECT id FROM blobs"))[0] == Opcode.RESULT
        code, message = other.ask_error(query("SELECT id FROM blobs"))
        assert (code, "No keyspace has been specified" in message) == (0x2200, True)


def test_names_the_region(blobs: LocalKeyspaces) -> None:
    """A client that signs for another region would not learn which region the endpoint expects."""
    with connect(blobs) as client:
        assert client.sign_in(blobs, region=REGION) == Opcode.AUTH_SUCCESS
    with connect(blobs) as client:
        assert client.sign_in(blobs, region="eu-west-1") == Opcode.ERROR
