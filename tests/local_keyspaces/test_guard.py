"""Other users of the machine must not reach the Cassandra behind the endpoint."""

import asyncio
import os
import stat
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable, Session

from local_keyspaces.cassandra import fetch_jars, run_cassandra
from local_keyspaces.cassandra_session import open_session
from local_keyspaces.frames import Opcode
from local_keyspaces.processes import Registry
from local_keyspaces.system_tables import REPLICATION
from tests.keyspaces import JARS, LocalKeyspaces
from tests.local_keyspaces.wire import frame, long_bytes, query, startup

_NOBODY = 65534

# Sends bytes to a port and prints the responses. It changes its user by itself, since that user cannot run this Python.
_ASK = """
import encodings.idna, os, socket, sys
user = int(sys.argv.pop(1))
if user:
    os.setgroups([]), os.setgid(user), os.setuid(user)
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as connection:
    for request in sys.argv[2:]:
        connection.sendall(bytes.fromhex(request))
        try:
            print(connection.recv(4096).hex())
        except ConnectionError:
            print()
"""


@pytest.fixture
def behind(keyspaces: LocalKeyspaces) -> psutil.Process:
    return keyspaces.cassandra_process


def _ports(process: psutil.Process) -> set[int]:
    return {each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN}


def _ask(port: int, *requests: bytes, user: int = _NOBODY) -> list[bytes]:
    """The responses of a port to a user, by default to a user without any rights; uid 0 is the user of the tests."""
    sent = [request.hex() for request in requests]
    asked = subprocess.run(
        [sys.executable, "-I", "-c", _ASK, str(user), str(port), *sent], capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 0, asked.stderr
    return [bytes.fromhex(line) for line in asked.stdout.splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
@pytest.mark.parametrize("password", [b"", b"\0cassandra\0cassandra", b"\0endpoint\0", b"SigV4\0\0"])
def test_other_users_cannot_authenticate_to_the_cassandra_behind(keyspaces: LocalKeyspaces, password: bytes) -> None:
    """Another user of the machine could read and write every table without TLS, signature or permission."""
    requests = startup(), frame(Opcode.AUTH_RESPONSE, long_bytes(password)), query("SELECT * FROM system.local")
    told, refused, *rest = _ask(keyspaces.upstream.port, *requests)
    assert told[4] == Opcode.AUTHENTICATE
    assert refused[4] == Opcode.ERROR
    assert all(answer[4:5] in (b"", bytes([Opcode.ERROR])) for answer in rest)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_other_users_cannot_skip_authentication_to_the_cassandra_behind(keyspaces: LocalKeyspaces) -> None:
    """Another user of the machine could read every table without a password."""
    _, refused = _ask(keyspaces.upstream.port, startup(), query("SELECT * FROM system.local"))
    assert refused[4] == Opcode.ERROR


def test_accepts_no_message_of_another_node(behind: psutil.Process, keyspaces: LocalKeyspaces) -> None:
    """A program that pretends to be a node of the cluster could read and write every table by internode messages."""
    (storage,) = _ports(behind) - {keyspaces.upstream.port}
    # The beginning of a connection and its checksum; source: Cassandra's HandshakeProtocol.Initiate, version 12.
    hello = struct.pack(">II", 0xCA552DFA, 12 << 8 | 12 << 16 | 12 << 24) + bytes([6, 127, 0, 0, 1, 0x1B, 0x58])
    checksum = zlib.crc32(hello, zlib.crc32(bytes.fromhex("fa2d55ca")))
    assert _ask(storage, hello + struct.pack(">I", checksum), user=0) == [b""]


def test_listens_for_clients_and_nodes_only(behind: psutil.Process, keyspaces: LocalKeyspaces) -> None:
    """An open port of Java's management interface would give every user of the machine all rights of this user."""
    listening = _ports(behind)
    assert keyspaces.upstream.port in listening
    assert len(listening) == 2


def test_shows_the_password_to_nobody_else(
    behind: psutil.Process, keyspaces: LocalKeyspaces, directory_of_cassandra: Path
) -> None:
    """Every user of the machine could find the password in the process list or in a file."""
    password = keyspaces.upstream.password
    assert password not in " ".join([*behind.cmdline(), *behind.environ().values(), repr(keyspaces.upstream)])
    assert (directory_of_cassandra / "conf" / "password").read_text() == password
    assert stat.S_IMODE((directory_of_cassandra / "conf" / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory_of_cassandra.stat().st_mode) == 0o700
    assert password not in directory_of_cassandra.with_name("cassandra.log").read_text()
    assert not [file for file in (directory_of_cassandra / "conf").glob("*l") if password in file.read_text()]


@pytest.fixture
def directory_of_cassandra(behind: psutil.Process) -> Path:
    return Path(behind.cwd())


@pytest.mark.parametrize("password", ["", "cassandra"])
def test_refuses_another_password_with_a_drivers_error(keyspaces: LocalKeyspaces, password: str) -> None:
    """A driver would wait instead of failing, as if Cassandra did not respond."""
    cluster = Cluster(
        ["127.0.0.1"],
        port=keyspaces.upstream.port,
        protocol_version=4,
        auth_provider=PlainTextAuthProvider("endpoint", password),
    )
    with pytest.raises(NoHostAvailable) as refused:
        cluster.connect()
    cluster.shutdown()
    (error,) = refused.value.errors.values()
    assert isinstance(error, AuthenticationFailed)
    assert keyspaces.upstream.password not in str(error)


@pytest.mark.long
def test_keeps_the_data_of_versions_without_a_password(tmp_path: Path) -> None:
    """A developer who updates this project would lose the rows in `.local`, or could not start any more."""

    async def start(use: Callable[[Session], None], *, open_to_all: bool) -> None:
        async with run_cassandra(
            directory=tmp_path / "data",
            classpath=await fetch_jars(JARS),
            log_file=tmp_path / "cassandra.log",
            registry=Registry(tmp_path / "processes.json"),
            open_to_all=open_to_all,
        ) as cassandra:

            def run() -> None:
                with open_session(cassandra.upstream) as session:
                    use(session)

            await asyncio.to_thread(run)

    def write(session: Session) -> None:
        session.execute(f"CREATE KEYSPACE old WITH replication = {REPLICATION}")
        session.execute("CREATE TABLE old.rows (id int PRIMARY KEY)")
        session.execute("INSERT INTO old.rows (id) VALUES (7)")

    def read(session: Session) -> None:
        assert session.execute("SELECT id FROM old.rows").one().id == 7

    asyncio.run(start(write, open_to_all=True))
    (tmp_path / "data").chmod(0o755)
    asyncio.run(start(read, open_to_all=False))
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
