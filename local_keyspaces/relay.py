"""A connection to Cassandra for one client: forwards requests, and passes responses back to the client.

Results pass through in pieces. Only a response that must be changed, or a small one, is held as a whole.
"""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, Self

from local_keyspaces import frames
from local_keyspaces.awaited import UNCHANGED, Awaited, changed, meter_unseen
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.frames import ByteBuffer, Frame, FrameBuffer, Header, Opcode
from local_keyspaces.link import Link, Receive
from local_keyspaces.sign_in import next_frame

_CHUNK = 64 * 1024
_MOST_DELAYED = 4 * 1024 * 1024
_OPEN_SECONDS = 10.0


class Relay:
    def __init__(self, client: Link, cassandra: Link) -> None:
        self._client = client
        self._cassandra = cassandra
        # Streams in use.
        self._waiting: dict[int, Awaited] = {}
        # The bytes of delayed requests.
        self._delayed = 0
        # The bytes of a response that is not complete.
        self._begun = ByteBuffer()
        # The missing bytes of a response that passes in pieces, and the answers from here, which are sent after it.
        self._rest = 0
        self._held: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        for link in (client, cassandra):
            link.on_flow = self._balance

    @classmethod
    async def open(cls, client: Link, cassandra: Upstream, *, compressed: bool) -> Self:
        """Connects to Cassandra. compressed: as the client requested, so that results can be passed on unchanged.

        Raises OSError, EOFError and TimeoutError.
        """
        options = {"CQL_VERSION": "3.0.0", **({"COMPRESSION": frames.COMPRESSION} if compressed else {})}
        _, link = await asyncio.get_running_loop().create_connection(Link, "127.0.0.1", cassandra.port)
        startup = Frame(stream=0, opcode=Opcode.STARTUP, body=frames.string_map(options))
        password = Frame(stream=0, opcode=Opcode.AUTH_RESPONSE, body=frames.bytes_(cassandra.sasl_response))
        buffer = FrameBuffer(_CHUNK)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                for request, expected in ((startup, Opcode.AUTHENTICATE), (password, Opcode.AUTH_SUCCESS)):
                    link.send(request.encode())
                    link.flush()
                    response = await next_frame(link, buffer)
                    if response.opcode != expected:
                        raise ConnectionError(f"Cassandra refused the endpoint's sign-in: {response.body!r}")
        except BaseException:
            link.close()
            raise
        return cls(client, link)

    async def run(self, handle: Receive) -> None:
        """Runs until either side ends. handle: gets the client's bytes; its exceptions are raised, and OSError."""
        self._cassandra.receive_with(self._respond)
        self._client.receive_with(handle)
        try:
            done, _ = await asyncio.wait(
                {self._client.ended, self._cassandra.ended}, return_when=asyncio.FIRST_COMPLETED
            )
            for ended in done:
                ended.result()
        finally:
            self._client.receive_with(_ignore)  # a late request would start work that `close` no longer cancels

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._cassandra.close()

    def is_used(self, stream: int) -> bool:
        """True while a response on this stream is still to come."""
        return stream in self._waiting

    def forward(self, request: Frame, awaited: Awaited = UNCHANGED, *, delay: float = 0) -> None:
        """Sends the request with the next `flush`, or after `delay` seconds."""
        self._waiting[request.stream] = awaited
        encoded = request.encode()
        if delay:
            self._delayed += len(encoded)
            self._balance()
            self._start(self._send_after(delay, encoded))
        else:
            self._cassandra.send(encoded)

    def answer_later(self, stream: int, work: Awaitable[None]) -> None:
        """Runs `work`, which replies; until then the stream is in use."""
        self._waiting[stream] = UNCHANGED
        self._start(self._answer(work))

    def reply(self, response: Frame) -> None:
        """Answers the client without Cassandra, with the next `flush`."""
        self._waiting.pop(response.stream, None)
        if self._rest:
            self._held.append(response.encode())
        else:
            self._client.send(response.encode())

    def flush(self) -> None:
        """Sends the forwarded requests and the answers: called when all received data has been handled."""
        self._cassandra.flush()
        self._client.flush()

    def _balance(self) -> None:
        """Reads nothing from a side while the other side has too much unread data."""
        self._cassandra.pause(self._client.is_full)
        self._client.pause(self._client.is_full or self._cassandra.is_full or self._delayed > _MOST_DELAYED)

    def _respond(self, chunk: bytes) -> None:
        """Passes Cassandra's responses to the client."""
        if self._rest:
            chunk = self._pass_rest(chunk)
            if not chunk:
                return
        begun = self._begun
        begun.feed(chunk)
        data, at, size = begun.data, begun.start, len(begun.data)
        unchanged = at  # the start of responses that pass unchanged, in one piece
        while size - at >= frames.HEADER_SIZE:
            header = Header.decode(data, at)
            end = at + frames.HEADER_SIZE + header.length
            if end > size:
                if header.length <= _CHUNK or self._waiting.get(header.stream, UNCHANGED).result is not None:
                    break
                if header.flags & frames.COMPRESSED and size - at < frames.HEADER_SIZE + frames.LENGTH_SIZE:
                    break  # its length without compression has not arrived
                meter_unseen(self._waiting.pop(header.stream, UNCHANGED), header, data, at)
                self._rest, at = end - size, size
                break
            other = changed(self._waiting.pop(header.stream, UNCHANGED), header, data, at, end)
            if other is not None:
                if at > unchanged:
                    self._client.send(bytes(data[unchanged:at]))
                self._client.send(other)
                unchanged = end
            at = end
        if at > unchanged:
            self._client.send(bytes(data[unchanged:at]))
        begun.take(at)
        self._client.flush()

    def _pass_rest(self, chunk: bytes) -> bytes:
        """Returns the bytes after the response."""
        piece = chunk[: self._rest]
        self._rest -= len(piece)
        self._client.send(piece)
        if not self._rest:
            for answer in self._held:
                self._client.send(answer)
            self._held.clear()
        self._client.flush()
        return chunk[len(piece) :]

    async def _send_after(self, seconds: float, request: bytes) -> None:
        await asyncio.sleep(seconds)
        self._cassandra.send(request)
        self._cassandra.flush()
        self._delayed -= len(request)
        self._balance()

    async def _answer(self, work: Awaitable[None]) -> None:
        await work
        self._client.flush()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _ignore(_: bytes) -> None:
    pass
