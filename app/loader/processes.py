"""Lanes in separate processes, since one Python interpreter can use only one processor.

They are forked before the loader has a thread, a connection or an open file, and inherit its options. Calls and results
are pickled and sent over a socket for each process. A process ends when its socket is closed, so none outlives a killed
loader.
"""

import asyncio
import itertools
import os
import pickle
import signal
import socket
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from keyspaces.session import Unreachable
from loader.lane import Compared, Converted, Lane, Written
from loader.retries import LoadFailed, first_of
from loader.rows import Chunk

_LENGTH: Final = 8  # bytes of the length before each message
_READY: Final = -1
_KNOWN_ERRORS: Final = (LoadFailed, Unreachable)

OpenLane = Callable[[], AbstractAsyncContextManager[Lane]]


class Processes:
    """Forks processes, each with a lane. Create it before the event loop."""

    def __init__(self, count: int, open_lane: OpenLane) -> None:
        """open_lane: called in each process."""
        self._children: list[tuple[int, socket.socket]] = []
        for _ in range(count):
            ours, theirs = socket.socketpair()
            pid = os.fork()
            if pid == 0:
                for _, other in self._children:
                    other.close()  # otherwise this copy would keep the other process's socket open
                ours.close()
                _serve_and_exit(theirs, open_lane)
            theirs.close()
            self._children.append((pid, ours))

    @asynccontextmanager
    async def lanes(self) -> AsyncIterator[Sequence[Lane]]:
        """Yields the lanes when all are ready. Raises LoadFailed and Unreachable."""
        lanes = [_RemoteLane(pid, connection) for pid, connection in self._children]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(lane.open())
        except* _KNOWN_ERRORS as errors:
            raise first_of(errors) from None
        try:
            yield lanes
        finally:
            for lane in lanes:
                lane.close()

    def end(self) -> None:
        """Kills the processes, since their current work is useless without the loader."""
        for pid, connection in self._children:
            connection.close()
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class _RemoteLane:
    def __init__(self, pid: int, connection: socket.socket) -> None:
        self._pid, self._connection = pid, connection
        self._numbers = itertools.count()
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._connection)
        ready = self._results[_READY] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._receive(reader))
        await ready

    def close(self) -> None:
        if self._reader is not None and self._writer is not None:
            self._reader.cancel()
            self._writer.close()

    async def convert(self, chunk: Chunk) -> Converted:
        found: Converted = await self._call("convert", chunk)
        return found

    async def write(self, end: int, duplicates: Mapping[int, int]) -> Written:
        found: Written = await self._call("write", end, duplicates)
        return found

    async def compare(self, chunk: Chunk, left_out: Collection[int]) -> Compared:
        found: Compared = await self._call("compare", chunk, left_out)
        return found

    async def retried(self) -> int:
        found: int = await self._call("retried")
        return found

    async def _call(self, method: str, *arguments: Any) -> Any:
        assert self._writer is not None, "the lane is not open"
        number = next(self._numbers)
        result = self._results[number] = asyncio.get_running_loop().create_future()
        if self._reader is None or self._reader.done():
            raise self._lost()
        _send(self._writer, (number, method, arguments))
        return await result

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while (message := await _received(reader)) is not None:
            number, result, error = message
            waiting = self._results.pop(number)
            if waiting.done():
                continue
            if error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(result)
        for waiting in self._results.values():
            if not waiting.done():
                waiting.set_exception(self._lost())

    def _lost(self) -> LoadFailed:
        return LoadFailed(f"the loader's process {self._pid} ended by itself; run it again to continue")


def _serve_and_exit(connection: socket.socket, open_lane: OpenLane) -> None:
    """Runs in the forked process, and ends the process instead of returning."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # a terminal signals all processes; the loader handles it
            signal.signal(number, signal.SIG_IGN)
        asyncio.run(_serve(connection, open_lane))
        code = 0
    finally:
        os._exit(code)


async def _serve(connection: socket.socket, open_lane: OpenLane) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)

    async def answer(lane: Lane, number: int, method: str, arguments: Sequence[Any]) -> None:
        try:
            found = await getattr(lane, method)(*arguments)
        except* _KNOWN_ERRORS as errors:
            _send(writer, (number, None, first_of(errors)))
        else:
            _send(writer, (number, found, None))

    try:
        async with open_lane() as lane, asyncio.TaskGroup() as group:
            _send(writer, (_READY, None, None))
            while (message := await _received(reader)) is not None:
                group.create_task(answer(lane, *message))
            raise _Ended
    except* _Ended:
        pass
    except* _KNOWN_ERRORS as errors:
        _send(writer, (_READY, None, first_of(errors)))
    writer.close()


class _Ended(Exception):
    """The loader has closed the socket, so current work is useless."""


def _send(writer: asyncio.StreamWriter, message: Any) -> None:
    """Sends a message without waiting for room: the number of a lane's chunks limits the buffered bytes."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    writer.write(len(data).to_bytes(_LENGTH, "big") + data)


async def _received(reader: asyncio.StreamReader) -> Any:
    """The next message; None at the end."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        return pickle.loads(await reader.readexactly(length))  # noqa: S301  # from the loader's own process
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
