"""A connection to Cassandra for one client: forwards requests, and passes responses back to the client.

Results pass through in pieces. Only a response that must be changed, or a small one, is held as a whole.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from local_keyspaces import frames
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.frames import Frame, Header, Opcode, Reader
from local_keyspaces.statement_log import LoggedStatement

_log = logging.getLogger(__name__)

CHUNK = 64 * 1024
# The largest body in bytes. A batch may have 4 MB and a row 1 MB; larger ones are refused with a message, if they can
# be read at all. Cassandra accepts 16 MB, and names may be longer there.
LARGEST = 16 * 1024 * 1024 - CHUNK
_MOST_DELAYED = 4 * 1024 * 1024
_OPEN_SECONDS = 10.0

Change = Callable[[bytes], bytes]
"""Changes the body of a RESULT or an ERROR, before the client gets it."""


Observe = Callable[[Callable[[], bytes] | None, int], tuple[float, float]]
"""Gets a function that returns the body of a RESULT, or None if the body is passed on in pieces, and the body's length
without compression. Returns read and write units."""


@dataclass(kw_only=True, slots=True)
class Awaited:
    """A request that waits for its response. result, error: change the body of a RESULT or an ERROR.

    observe: called before the change. logged: the statement, which ends with the response.
    """

    result: Change | None = None
    error: Change | None = None
    observe: Observe | None = None
    logged: LoggedStatement | None = None


UNCHANGED = Awaited()


class Relay:
    def __init__(
        self, client: asyncio.StreamWriter, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter
    ) -> None:
        self._client = client
        self._reader = reader
        self._upstream = upstream
        # Streams in use.
        self._waiting: dict[int, Awaited] = {}
        # Requests for Cassandra; they are sent when all received data has been handled.
        self._outgoing: list[bytes] = []
        # The bytes of delayed requests, and an event that tells that one was sent.
        self._delayed, self._sent = 0, asyncio.Event()
        # Answers from here while a response of Cassandra is passed on in pieces; they are sent after it.
        self._held: list[bytes] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, client: asyncio.StreamWriter, cassandra: Upstream, *, compressed: bool) -> Self:
        """Connects to Cassandra. compressed: as the client requested, so that results can be passed on unchanged.

        Raises OSError and TimeoutError.
        """
        options = {"CQL_VERSION": "3.0.0", **({"COMPRESSION": frames.COMPRESSION} if compressed else {})}
        reader, upstream = await asyncio.open_connection("127.0.0.1", cassandra.port)
        startup = Frame(stream=0, opcode=Opcode.STARTUP, body=frames.string_map(options))
        password = Frame(stream=0, opcode=Opcode.AUTH_RESPONSE, body=frames.bytes_(cassandra.sasl_response))
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                for request, expected in ((startup, Opcode.AUTHENTICATE), (password, Opcode.AUTH_SUCCESS)):
                    upstream.write(request.encode())
                    header = Header.decode(await reader.readexactly(frames.HEADER_SIZE))
                    body = await reader.readexactly(header.length)
                    if header.opcode != expected:
                        raise ConnectionError(f"Cassandra refused the endpoint's sign-in: {body!r}")
        except BaseException:
            upstream.close()
            raise
        return cls(client, reader, upstream)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._upstream.close()

    def is_used(self, stream: int) -> bool:
        """True while a response on this stream is still to come."""
        return stream in self._waiting

    def forward(self, request: Frame, awaited: Awaited = UNCHANGED, *, delay: float = 0) -> None:
        """Sends the request with the next `flush`, or after `delay` seconds."""
        self._waiting[request.stream] = awaited
        encoded = request.encode()
        if delay:
            self._delayed += len(encoded)
            self._start(self._write_after(delay, encoded))
        else:
            self._outgoing.append(encoded)

    def answer_later(self, stream: int, work: Awaitable[None]) -> None:
        """Runs `work`, which replies; until then the stream is in use."""
        self._waiting[stream] = UNCHANGED
        self._start(work)

    def reply(self, response: Frame) -> None:
        """Answers the client without Cassandra."""
        self._waiting.pop(response.stream, None)
        if self._held is None:
            self._client.write(response.encode())
        else:
            self._held.append(response.encode())

    async def flush(self) -> None:
        """Sends the forwarded requests, and waits while a side has too much unread data."""
        if self._outgoing:
            self._upstream.write(b"".join(self._outgoing))
            self._outgoing.clear()
        while self._delayed > _MOST_DELAYED:
            self._sent.clear()
            await self._sent.wait()
        await self._upstream.drain()
        await self._client.drain()

    async def pass_responses(self) -> None:
        """Passes responses to the client until Cassandra ends the connection."""
        data = bytearray()
        while chunk := await self._reader.read(CHUNK):
            data += chunk
            ready, at = [], 0
            while len(data) - at >= frames.HEADER_SIZE:
                header = Header.decode(data, at)
                end = at + frames.HEADER_SIZE + header.length
                if end <= len(data):
                    ready.append(self._changed(header, bytes(data[at:end])))
                    at = end
                elif header.length > CHUNK and self._waiting.get(header.stream, UNCHANGED).result is None:
                    awaited = self._waiting.pop(header.stream, UNCHANGED)
                    if awaited.observe is not None and header.opcode == Opcode.RESULT:
                        _observe(awaited, None, _plain_length(header, data[at + frames.HEADER_SIZE :]))
                    self._client.write(b"".join((*ready, data[at:])))
                    await self._pass_rest(end - len(data))
                    ready, at = [], len(data)
                else:
                    break
            del data[:at]
            # One write for all responses: each write costs a TLS record and a packet.
            self._client.write(b"".join(ready))
            await self._client.drain()

    def _changed(self, header: Header, response: bytes) -> bytes:
        awaited = self._waiting.pop(header.stream, UNCHANGED)
        if awaited.observe is not None and header.opcode == Opcode.RESULT:
            body = response[frames.HEADER_SIZE :]
            _observe(awaited, partial(_plain, header, body), _plain_length(header, body))
        elif awaited.logged is not None and header.opcode == Opcode.ERROR:
            awaited.logged.failed(_plain(header, response[frames.HEADER_SIZE :]))
        change = awaited.error if header.opcode == Opcode.ERROR else awaited.result
        if change is None or header.opcode not in (Opcode.RESULT, Opcode.ERROR):
            return response
        opcode, changed = Opcode(header.opcode), change(_plain(header, response[frames.HEADER_SIZE :]))
        return Frame(version=header.version, stream=header.stream, opcode=opcode, body=changed).encode()

    async def _pass_rest(self, length: int) -> None:
        self._held = []
        while length:
            await self._client.drain()
            chunk = await self._reader.read(min(length, CHUNK))
            if not chunk:
                raise asyncio.IncompleteReadError(b"", length)
            length -= len(chunk)
            self._client.write(chunk)
        held, self._held = self._held, None
        self._client.writelines(held)

    async def _write_after(self, seconds: float, request: bytes) -> None:
        await asyncio.sleep(seconds)
        self._upstream.write(request)
        self._delayed -= len(request)
        self._sent.set()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _plain(header: Header, body: bytes) -> bytes:
    """The body without compression, and without Cassandra's warnings, which Keyspaces does not send."""
    if header.flags & frames.COMPRESSED:
        body = frames.decompress(body, LARGEST)
    if header.flags & frames.WARNING:
        reader = Reader(body)
        reader.string_list()
        body = reader.rest()
    return body


def _observe(awaited: Awaited, body: Callable[[], bytes] | None, length: int) -> None:
    assert awaited.observe is not None
    units = 0.0, 0.0
    try:
        units = awaited.observe(body, length)
    except Exception:  # the client's answer is right without the metering
        _log.exception("a response could not be metered")
    if awaited.logged is not None:
        awaited.logged.read_units, awaited.logged.write_units = units
        awaited.logged.ended()


def _plain_length(header: Header, body: bytes | bytearray) -> int:
    """The length without compression. body: at least its beginning; a compressed one begins with this length."""
    if header.flags & frames.COMPRESSED and len(body) >= 4:
        return int.from_bytes(body[:4], "big")
    return header.length
