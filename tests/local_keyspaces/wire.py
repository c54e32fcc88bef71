"""A client of CQL's native protocol, version 4, for messages that no driver sends."""

import asyncio
import contextlib
import datetime
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from local_keyspaces import sigv4
from local_keyspaces.credentials import Credentials
from local_keyspaces.frames import Opcode
from tests.keyspaces import EVERYTHING, REGION, LocalKeyspaces

_HEADER = struct.Struct(">BBhBI")
LOCAL_QUORUM = 6


def frame(opcode: int, body: bytes = b"", version: int = 4, stream: int = 7, flags: int = 0) -> bytes:
    return _HEADER.pack(version, flags, stream, opcode, len(body)) + body


def long_bytes(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def string(value: str) -> bytes:
    return struct.pack(">H", len(value.encode())) + value.encode()


def startup(**options: str) -> bytes:
    options = {"CQL_VERSION": "3.0.0", **options}
    pairs = b"".join(string(key) + string(value) for key, value in options.items())
    return frame(Opcode.STARTUP, struct.pack(">H", len(options)) + pairs)


def query_body(text: str) -> bytes:
    return long_bytes(text.encode()) + struct.pack(">HB", LOCAL_QUORUM, 0)


def query(text: str, stream: int = 7) -> bytes:
    return frame(Opcode.QUERY, query_body(text), stream=stream)


def prepare(text: str) -> bytes:
    return frame(Opcode.PREPARE, long_bytes(text.encode()))


def execute(id_: bytes, *values: bytes, stream: int = 7) -> bytes:
    body = struct.pack(">H", len(id_)) + id_ + struct.pack(">HBH", LOCAL_QUORUM, 0x01, len(values))
    return frame(Opcode.EXECUTE, body + b"".join(map(long_bytes, values)), stream=stream)


def prepared_id(body: bytes) -> bytes:
    (length,) = struct.unpack_from(">H", body, 4)
    return body[6 : 6 + length]


def answer(credentials: Credentials, challenge: bytes, region: str) -> bytes:
    """The AUTH_RESPONSE to a challenge, as the plugins encode it."""
    nonce = challenge[4:].removeprefix(b"nonce=")
    amzdate = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    signature = sigv4.sign(
        nonce, access_key=credentials.access_key, secret_key=credentials.secret_key, amzdate=amzdate, region=region
    )
    token = f"signature={signature},access_key={credentials.access_key},amzdate={amzdate}"
    token += f",session_token={credentials.session_token}"
    return frame(Opcode.AUTH_RESPONSE, long_bytes(token.encode()))


class Client:
    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.connection = connection

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """The opcode and body of the response."""
        self.connection.sendall(request)
        version, _, stream, opcode, length = _HEADER.unpack(self._read(9))
        assert (version, stream) == (0x84, 7)
        return opcode, self._read(length)

    def receive(self) -> bytes:
        """The body of the next response."""
        return self._read(_HEADER.unpack(self._read(9))[4])

    def ask_error(self, request: bytes) -> tuple[int, str]:
        opcode, body = self.ask(request)
        assert opcode == Opcode.ERROR
        code, length = struct.unpack_from(">iH", body)
        return code, body[6 : 6 + length].decode()

    def sign_in(self, keyspaces: LocalKeyspaces, region: str = REGION, **options: str) -> int:
        """The opcode of the last response."""
        self.ask(startup(**options))
        _, challenge = self.ask(frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0")))
        return self.ask(answer(keyspaces.store.issue_for_role(EVERYTHING), challenge, region))[0]

    def is_closed(self) -> bool:
        try:
            return self.connection.recv(1) == b""
        except ConnectionError:
            return True

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self.connection.recv(count - len(data))
            assert chunk, "the endpoint closed the connection"
            data += chunk
        return data


@contextmanager
def connect(keyspaces: LocalKeyspaces, server_hostname: str = "localhost") -> Iterator[Client]:
    tls = ssl.create_default_context(cafile=keyspaces.ca_file)
    with (
        socket.create_connection(("127.0.0.1", keyspaces.port), timeout=20) as plain,
        tls.wrap_socket(plain, server_hostname=server_hostname) as connection,
    ):
        yield Client(connection)


class Wire:
    """An asyncio client, for many requests at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def sign_in(cls, keyspaces: LocalKeyspaces, tls: ssl.SSLContext) -> Self:
        wire = cls(*await asyncio.open_connection("127.0.0.1", keyspaces.port, ssl=tls, server_hostname="localhost"))
        await wire.ask(startup())
        _, challenge = await wire.ask(frame(Opcode.AUTH_RESPONSE, long_bytes(b"SigV4\0\0")))
        credentials = keyspaces.store.issue_for_role(EVERYTHING)
        opcode, _ = await wire.ask(answer(credentials, challenge, REGION))
        assert opcode == Opcode.AUTH_SUCCESS
        return wire

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def send(self, request: bytes) -> None:
        self._writer.write(request)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The opcode and body of the response."""
        self.send(request)
        _, opcode, body = await self._receive()
        return opcode, body

    async def receive(self) -> tuple[int, bytes]:
        """The stream and body of a response, which must be a RESULT."""
        stream, opcode, body = await self._receive()
        assert opcode == Opcode.RESULT, body
        return stream, body

    async def _receive(self) -> tuple[int, int, bytes]:
        _, _, stream, opcode, length = _HEADER.unpack(await self._reader.readexactly(9))
        return stream, opcode, await self._reader.readexactly(length)
