"""Load on an HTTP server: a fixed number of clients, each of which sends its next request after each answer."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psutil

CLIENTS = 32
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


class Unexpected(Exception):
    """A server's answer was wrong, or it closed a connection; the message quotes the answer or the reason."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result for a server. rate: requests a second. cpu, p50, p99: seconds a request."""

    requests: int
    rate: float
    cpu: float
    p50: float
    p99: float


async def load(port: int, paths: Sequence[str], *, seconds: float, process: psutil.Process) -> Load:
    """Sends GET requests for the paths in turn. Raises Unexpected.

    process: the server; the CPU time of all its threads counts.
    """
    loop = asyncio.get_running_loop()
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode() for path in paths]
    clients = []
    for number in range(CLIENTS):
        mine = requests[number % len(requests) :] + requests[: number % len(requests)]
        _, client = await loop.create_connection(lambda mine=mine: _Client(mine), "127.0.0.1", port)  # type: ignore[misc]
        clients.append(client)
    try:
        cpu, start = _cpu(process), time.perf_counter()
        await asyncio.gather(*(client.run(start + seconds) for client in clients))
        elapsed, cpu = time.perf_counter() - start, _cpu(process) - cpu
    finally:
        for client in clients:
            client.close()
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return Load(
        requests=len(latencies),
        rate=len(latencies) / elapsed,
        cpu=cpu / len(latencies),
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


class _Client(asyncio.Protocol):
    """One keep-alive connection. It does little work, since it shares the server's machine."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._requests = requests
        self._received = b""
        self._until = self._asked = 0.0
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses of it

    async def run(self, until: float) -> None:
        """until: a time of perf_counter."""
        self._until, self._done = until, asyncio.get_running_loop().create_future()
        self._ask()
        await self._done

    def close(self) -> None:
        self._transport.close()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._requests[len(self.latencies) % len(self._requests)])

    def data_received(self, data: bytes) -> None:
        data = self._received = self._received + data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(data, 0, head + 2)
        if length is None or not data.startswith(b"HTTP/1.1 200 "):
            self._fail(f"a server answered {data[:200]!r}")
            return
        if len(data) < head + 4 + int(length[1]):
            return
        self._received = b""
        now = time.perf_counter()
        self.latencies.append(now - self._asked)
        if now < self._until:
            self._ask()
        elif not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"a server closed a connection: {error}")

    def _fail(self, message: str) -> None:
        if not self._done.done():
            self._done.set_exception(Unexpected(message))
