"""A transport that joins the writes of one turn of the event loop, and closes so that the last answer arrives."""

import asyncio
from typing import Any, Final

_HELD_AT_MOST: Final = 65_536  # bytes; more are passed on at once, so that flow control applies to them
_LINGER: Final = 1.0  # seconds
UNREAD_AT_MOST: Final = 30.0  # seconds for which a client may leave its answers unread


class JoinedWrites(asyncio.Transport):
    """Joins writes: uvicorn writes an answer's head and body separately, which would take twice the system calls."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        self._closed = False
        self.unread = False
        """Set this when the client may still be sending: closing with unread bytes resets the connection, and the
        client may lose its answer (RFC 9112, 9.6). With it, `close` ends the sending side first, and the connection
        a second later."""

    def write(self, data: Any) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _HELD_AT_MOST:
            self._flush()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._flush()
        if self.unread and not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(_LINGER, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._transport.close()
        if self._transport.get_write_buffer_size():  # a client that reads nothing would keep the transport open
            self._loop.call_later(UNREAD_AT_MOST, self._transport.abort)

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._closed or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def _flush(self) -> None:
        held, self._held, self._size = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))
