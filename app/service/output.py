"""Writes whole lines to a file descriptor from the event loop, and never blocks on the reader.

A container's standard output is a pipe. If the pipe is full (the log driver cannot reach its service), a plain write
blocks the event loop for as long as nobody reads. Here lines wait in memory instead, up to a limit; more lines are
dropped and counted, and the count is written as soon as the pipe has room again.
"""

import asyncio
import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

# Bytes that a pipe takes without blocking when `poll` reports it as writable (POSIX, write: PIPE_BUF; 4,096 on Linux).
_AT_ONCE = select.PIPE_BUF
_KEPT_AT_MOST = 1_000_000  # bytes; the lines of a few thousand requests
_GATHER = 0.05  # seconds for which a line waits for others
_RETRY = 0.05  # seconds
_LAST_WAIT = 2.0  # seconds for writing the remaining lines at the end


class Output:
    """Gathers lines for a short time, to write them with few system calls."""

    def __init__(self, descriptor: int, *, on_dropped: Callable[[int], bytes]) -> None:
        """on_dropped: makes the line that reports the number of dropped lines."""
        self._descriptor = descriptor
        self._on_dropped = on_dropped
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()  # guards _loop against other threads; without a loop, guards all attributes

    @contextlib.contextmanager
    def on_running_loop(self) -> Iterator[None]:
        """Within this context, call `write` on the running loop's thread only. Leaving it writes all lines."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            with self._lock:
                self._loop = None
                self._drain(_LAST_WAIT)

    def write(self, line: bytes) -> None:
        """line: ends with a line break."""
        if self._size > _KEPT_AT_MOST:
            self._dropped += 1
            return
        self._lines.append(line)
        self._size += len(line)
        if not self._scheduled and self._loop is not None:
            self._scheduled = True
            self._loop.call_later(_GATHER, self._flush)

    def write_from_any_thread(self, line: bytes) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self.write, line)
            else:
                self.write(line)
                self._drain(_LAST_WAIT)

    def _flush(self) -> None:
        self._scheduled = False
        self._drain(0)
        if self._lines and self._loop is not None:
            self._scheduled = True
            self._loop.call_later(_RETRY, self._flush)

    def _drain(self, timeout: float) -> None:
        """Writes lines while the pipe has room. timeout: seconds to wait for room."""
        deadline = time.monotonic() + timeout
        while self._lines:
            data = b"".join(self._lines)
            self._lines.clear()
            for start in range(0, len(data), _AT_ONCE):
                if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    self._keep(data[start:])
                    return
                piece = data[start : start + _AT_ONCE]
                try:
                    os.write(self._descriptor, piece)
                except OSError:  # the reader is gone, or the disk is full: the error cannot be reported anywhere
                    self._keep(b"")
                    return
            self._keep(b"")
            if self._dropped:
                line, self._dropped = self._on_dropped(self._dropped), 0
                self.write(line)

    def _keep(self, data: bytes) -> None:
        self._size = len(data)
        if data:
            self._lines.append(data)
