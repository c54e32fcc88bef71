"""The driver's connections on the program's own asyncio event loop, so that responses need no change of threads.

The driver's other integrations (libev, its own asyncio one) run a loop in a separate thread: each statement then wakes
two threads that compete for the interpreter. Here the driver's threads do its blocking work (connecting,
authenticating, preparing), and the event loop's thread sends bytes and decodes responses.
"""

import asyncio
import gc
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final

from cassandra import AuthenticationFailed
from cassandra.connection import Connection, ConnectionException, ConnectionShutdown, _Frame
from cassandra.protocol import AuthChallengeMessage

from keyspaces import origin
from keyspaces.serialize import VERSION

_COLLECT_AFTER: Final = 5.0  # seconds; one collection then covers all connections that an outage breaks
_CLOSE_SECONDS: Final = 1.0  # for the server to answer TLS's close_notify
_HEADER: Final = struct.Struct(">BBhBi")  # version, flags, stream, opcode, length
_RESPONSE: Final = 0x80 | VERSION


def connections_on(loop: asyncio.AbstractEventLoop) -> type[Connection]:
    """A driver's `connection_class` for the running loop. Call it in the loop's thread."""
    all_ended = asyncio.Event()
    all_ended.set()
    of_loop = {
        "loop": loop,
        "loop_thread": threading.get_ident(),
        "collecting": None,
        "transports": set(),
        "all_ended": all_ended,
    }
    return type("LoopConnection", (_LoopConnection,), of_loop)


async def until_closed(connection_class: Any) -> None:
    """Waits until the connections of a session that was shut down have closed; aborts those that take too long.

    Without this wait, the event loop may end first and leave their sockets to the garbage collector.
    """
    all_ended = connection_class.all_ended
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await all_ended.wait()
    except TimeoutError:
        for transport in connection_class.transports:
            transport.abort()
        await all_ended.wait()


class _LoopConnection(Connection):  # type: ignore[misc]  # the package has no types
    is_closed: bool
    loop: ClassVar[asyncio.AbstractEventLoop]
    loop_thread: ClassVar[int]
    collecting: ClassVar[asyncio.TimerHandle | None]
    transports: ClassVar[set[asyncio.Transport]]
    all_ended: ClassVar[asyncio.Event]
    wants_request_ids = False
    """Whether the server accepts request ids with statements (`keyspaces.origin`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Blocks until connected; the driver calls it in threads of its own. Raises OSError."""
        super().__init__(*args, **kwargs)
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        connecting = asyncio.run_coroutine_threadsafe(self._connect(), self.loop)
        try:
            connecting.result(self.connect_timeout)
        except BaseException as error:
            connecting.cancel()
            self.close()
            if isinstance(error, TimeoutError):
                raise TimeoutError(f"{self.endpoint} does not answer") from None
            raise
        self._send_options_message()

    @classmethod
    def factory(cls, *args: Any, **kwargs: Any) -> Connection:
        """As the driver's `factory`, but an authentication failure is retried: the driver would give up the host."""
        try:
            return super().factory(*args, **kwargs)
        except AuthenticationFailed as error:
            raise ConnectionException(str(error)) from error

    async def _connect(self) -> None:
        host, port = self.endpoint.resolve()
        found = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(address[0] for *_, address in found))
        name = self.ssl_options.get("server_hostname") if self.ssl_context else None
        failed: OSError | None = None
        for address in addresses:
            try:
                # Each address gets an equal share of the time, so that a silent one leaves time for the others.
                async with asyncio.timeout(self.connect_timeout / len(addresses)):
                    await self.loop.create_connection(
                        lambda: _Protocol(self), str(address), port, ssl=self.ssl_context, server_hostname=name
                    )
                return
            except OSError as error:
                failed = error
        raise failed or OSError(f"{host} has no address")

    def connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.transports.add(transport)
        self.all_ended.clear()
        if self.is_closed:  # closed while it was connecting
            transport.abort()

    def _handle_options_response(self, response: Any) -> None:
        self.wants_request_ids = origin.is_wanted(response)
        super()._handle_options_response(response)

    def _handle_auth_response(self, response: Any) -> None:
        if isinstance(response, AuthChallengeMessage):
            # Signing may have to fetch credentials first, which would block the loop.
            threading.Thread(target=super()._handle_auth_response, args=(response,), daemon=True).start()
        else:
            super()._handle_auth_response(response)

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], Any]) -> "_Timer":
        return _Timer(cls.loop, timeout, callback)

    def push(self, data: bytes) -> None:
        if threading.get_ident() == self.loop_thread:
            self._send(data)
        else:
            self.loop.call_soon_threadsafe(self._send, data)

    def _send(self, data: bytes) -> None:
        # Statements of one turn of the loop are sent together: one TLS record and one system call for all.
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if self._transport is not None and not self.is_closed:
            self._transport.write(data)

    def receive(self, data: bytes) -> None:
        start, end = 0, len(data)
        # Complete responses skip the driver's buffer, which copies what remains of it for each response.
        if not self._iobuf.tell():
            while end - start >= _HEADER.size and data[start] == _RESPONSE:
                _, flags, stream, opcode, size = _HEADER.unpack_from(data, start)
                body = start + _HEADER.size
                if not 0 <= size <= end - body:
                    break
                start = body + size
                self.process_msg(_Frame(VERSION, flags, stream, opcode, body, start), data[body:start])
        if start < end:
            self._iobuf.write(data[start:])
            self.process_io_buffer()

    def ended(self) -> None:
        if self._transport is not None:
            self.transports.discard(self._transport)
            if not self.transports:
                self.all_ended.set()
        self.collect_soon()

    @classmethod
    def collect_soon(cls) -> None:
        """Schedules a garbage collection. A closed connection is a reference cycle with TLS buffers of 0.1 MB or more;
        a program that collects seldom would keep the buffers of all connections that an outage closed."""
        if cls.collecting is None:
            cls.collecting = cls.loop.call_later(_COLLECT_AFTER, cls._collect)

    @classmethod
    def _collect(cls) -> None:
        cls.collecting = None
        gc.collect()

    def close(self) -> None:
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        self.loop.call_soon_threadsafe(self._end)
        if not self.is_defunct:
            self.error_all_requests(ConnectionShutdown(f"Connection to {self.endpoint} was closed"))
            self.connected_event.set()  # wakes the threads that wait until the connection is ready

    def _end(self) -> None:
        if self._transport is None:
            return
        if self.is_defunct:  # a graceful close would wait for a server that no longer answers
            self._transport.abort()
        else:
            self._transport.close()


class _Protocol(asyncio.Protocol):
    def __init__(self, connection: _LoopConnection) -> None:
        self._connection = connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connection.connected(transport)

    def data_received(self, data: bytes) -> None:
        self._connection.receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.defunct(error or ConnectionShutdown(f"{self._connection.endpoint} closed the connection"))
        self._connection.ended()

    # The driver rejects statements on a connection that is not writable (ConnectionBusy).
    def pause_writing(self) -> None:
        self._connection._socket_writable = False

    def resume_writing(self) -> None:
        self._connection._socket_writable = True


class _Timer:
    """A timer with the driver's interface; any thread may create and cancel it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], Any]) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        loop.call_soon_threadsafe(self._start, seconds, callback)

    def _start(self, seconds: float, callback: Callable[[], Any]) -> None:
        self._handle = self._loop.call_later(seconds, callback)

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._handle is not None:  # always true: _start has run before
            self._handle.cancel()
