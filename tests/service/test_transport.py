"""Head and body of a response leave together, complete and in order."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from service.http import transport as module
from service.http.transport import JoinedWrites


class _Counting(asyncio.Protocol):
    """The server's side: its joined transport, and the number of writes to the socket."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.paused = 0
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.below = transport
        self.joined = JoinedWrites(transport, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def pause_writing(self) -> None:
        self.paused += 1


def connected(test: Callable[[_Counting, socket.socket], Coroutine[Any, Any, None]]) -> None:
    """Runs it with one connection's server protocol and client socket."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        there.setblocking(False)
        _, protocol = await loop.connect_accepted_socket(lambda: _Counting(loop), here)
        with there:
            await test(protocol, there)
        protocol.below.abort()
        await asyncio.sleep(0.01)  # in which the transport closes its socket

    uvloop.run(run())


async def receive(client: socket.socket, size: int = 1_000_000) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, size), 10)


def test_sends_the_writes_of_one_turn_together() -> None:
    """A response would take two system calls here and two at the client, in two segments."""

    async def test(server: _Counting, client: socket.socket) -> None:
        server.joined.write(b"head ")
        server.joined.write(b"body")
        with pytest.raises(BlockingIOError):
            client.recv(1)
        assert await receive(client) == b"head body"

    connected(test)


@pytest.mark.parametrize("unread", [False, True])
def test_sends_earlier_writes_before_it_closes(monkeypatch: pytest.MonkeyPatch, unread: bool) -> None:
    """The last response of a connection would be lost."""
    monkeypatch.setattr(module, "_LINGER", 0.05)

    async def test(server: _Counting, client: socket.socket) -> None:
        server.joined.unread = unread
        server.joined.write(b"last")
        server.joined.close()
        server.joined.close()
        assert server.joined.is_closing()
        assert server.below.is_closing() != unread
        assert await receive(client) == b"last"
        assert await receive(client) == b""
        await asyncio.sleep(0.1)
        assert server.below.is_closing()

    connected(test)


@pytest.mark.parametrize("unread", [False, True])
def test_closes_the_connection_if_the_last_answer_is_not_read(monkeypatch: pytest.MonkeyPatch, unread: bool) -> None:
    """A response too small for flow control would stay in memory and keep the task from ending, for ever."""
    monkeypatch.setattr(module, "_LINGER", 0.01)
    monkeypatch.setattr(module, "UNREAD_AT_MOST", 0.05)

    async def test(server: _Counting, client: socket.socket) -> None:
        server.joined.unread = unread
        size = 0
        while not server.below.get_write_buffer_size():
            server.joined.write(b"a" * 10_000)
            await asyncio.sleep(0)
            size += 10_000
        assert not server.paused
        server.joined.close()
        await asyncio.wait_for(server.lost.wait(), 10)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while part := await receive(client):
                received += len(part)
        assert received < size

    connected(test)


def test_passes_on_many_writes_in_one_turn_for_flow_control() -> None:
    """A client that does not read would keep the response in memory unnoticed."""

    async def test(server: _Counting, client: socket.socket) -> None:
        for _ in range(100):
            server.joined.write(b"a" * 65_536)
        assert server.paused == 1
        received = 0
        while received < 6_553_600:
            received += len(await receive(client))

    connected(test)


def test_drops_held_bytes_when_the_connection_is_closed() -> None:
    """A write to a closed connection would raise where no code handles it."""

    async def test(server: _Counting, client: socket.socket) -> None:
        server.joined.write(b"never")
        server.below.abort()
        await asyncio.sleep(0.01)
        assert server.joined.is_closing()
        assert client.recv(10) == b""

    connected(test)
