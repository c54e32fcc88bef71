"""A connection that joins the writes of one turn of the event loop, and that closes so that its last answer arrives."""

import asyncio
from typing import Any, Final

_HELD_AT_MOST: Final = 65_536  # bytes; beyond, the connection's own flow control has to see them
_LINGER: Final = 1.0  # seconds
UNREAD_AT_MOST: Final = 30.0  # seconds in which a client takes too little of its answers


class JoinedWrites(asyncio.Transport):
    """The server writes head and body of an answer one by one; sent one by one they cost twice the system calls."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0
        self._closed = False
        self.unread = False
        """Set it when the client may be sending still: a close with unread bytes is a reset, which takes the answer
        from the client (RFC 9112, 9.6). Then closing ends this side first, and the other a second later."""

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
        if self._transport.get_write_buffer_size():  # which would wait for as long as the client likes
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
