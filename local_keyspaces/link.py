"""A connection without asyncio's streams: received bytes are handled in the same iteration of the event loop.

A task that waits for a stream is resumed one iteration later, and costs as much CPU as a small statement.
"""

import asyncio
from collections.abc import Callable
from typing import cast

Receive = Callable[[bytes], None]


class Link(asyncio.Protocol):
    """Received bytes are for `read`, or for a function after `receive_with`."""

    def __init__(self, on_connect: "Callable[[Link], None] | None" = None) -> None:
        """on_connect: called with the link when it is connected."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done at the end of the connection, with the exception of the receiving function or of the transport."""
        self.is_full = False
        """True while the peer has too much unread data."""
        self.on_flow: Callable[[], None] = _nothing
        """Called when `is_full` has changed."""
        self._on_connect = on_connect
        self._receive: Receive | None = None
        self._paused = False
        self._received: list[bytes] = []
        self._outgoing: list[bytes] = []
        # Set when `read` or `drain` may go on.
        self._changed = asyncio.Event()

    # -- sending

    def send(self, data: bytes) -> None:
        """Sends the data with the next `flush`: each write costs a system call, a packet and a TLS record."""
        self._outgoing.append(data)

    def flush(self) -> None:
        outgoing = self._outgoing
        if outgoing and not self._transport.is_closing():  # uvloop raises RuntimeError for a closed transport
            self._transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))
        outgoing.clear()

    async def drain(self) -> None:
        """Flushes, and waits while the peer has too much unread data."""
        self.flush()
        while self.is_full and not self.ended.done():
            await self._next_change()

    def close(self) -> None:
        """Closes the connection after the flushed data is sent."""
        self._transport.close()

    # -- receiving

    async def read(self) -> bytes:
        """The received bytes; empty at the end of the connection."""
        while not self._received and not self.ended.done():
            await self._next_change()
        received = b"".join(self._received)
        self._received.clear()
        self.pause(False)
        return received

    def receive_with(self, receive: Receive) -> None:
        """Gives all further bytes to the function; its exception ends the link."""
        self._receive = receive
        received = b"".join(self._received)
        self._received.clear()
        self.pause(False)
        if received:
            self.data_received(received)

    def pause(self, paused: bool) -> None:
        """Stops or resumes reading from the peer."""
        if paused != self._paused and not self._transport.is_closing():
            self._paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _end(self, error: BaseException | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
                self.ended.exception()  # asyncio would log an exception that nobody awaits
            self._changed.set()

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._on_connect is not None:
            self._on_connect(self)

    def data_received(self, data: bytes) -> None:
        if self._receive is None:
            self._received.append(data)
            self._changed.set()
            self.pause(True)
        elif not self.ended.done():
            try:
                self._receive(data)
            except Exception as error:
                self._end(error)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)

    def pause_writing(self) -> None:
        self.is_full = True
        self.on_flow()

    def resume_writing(self) -> None:
        self.is_full = False
        self._changed.set()
        self.on_flow()


def _nothing() -> None:
    pass
