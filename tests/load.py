"""Many concurrent clients that behave as a load balancer does: they keep connections and never send a request twice."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

_TIMEOUT = 30.0  # seconds
_IDS = ("ab", "cd", "ef", "gh", "ij")  # of tests.serving.running


@dataclass(frozen=True, kw_only=True)
class Reply:
    """status: 0 without a reply; then `headers` has the reason. seconds: from request to reply. at: monotonic time."""

    status: int
    headers: Mapping[str, str]
    seconds: float
    at: float


class Balancer:
    """Sends requests to a port that `choose` returns; keeps connections unless told to close them."""

    def __init__(self, choose: Callable[[], int]) -> None:
        self._choose = choose
        self._idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def get(self, path: str, port: int | None = None) -> Reply:
        started = time.monotonic()
        try:
            async with asyncio.timeout(_TIMEOUT):
                status, headers = await self._exchange(port or self._choose(), path)
        except (OSError, asyncio.IncompleteReadError) as error:
            status, headers = 0, {"error": repr(error)}
        now = time.monotonic()
        return Reply(status=status, headers=headers, seconds=now - started, at=now)

    async def _exchange(self, port: int, path: str) -> tuple[int, dict[str, str]]:
        idle = self._idle.setdefault(port, [])
        # A connection that the other side has closed is detected, as a load balancer does.
        idle[:] = [(reader, writer) for reader, writer in idle if not reader.at_eof()]
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        keep = False
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            await reader.readexactly(int(headers.get("content-length", 0)))
            keep = headers.get("connection") != "close"
        finally:
            if keep:
                idle.append((reader, writer))
            else:
                writer.close()
        return int(head[0].split()[1]), headers

    def close(self) -> None:
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()


@dataclass
class Load:
    balancer: Balancer
    replies: list[Reply] = field(default_factory=list)

    def since(self, moment: float) -> list[Reply]:
        return [reply for reply in self.replies if reply.at - reply.seconds >= moment]

    def statuses(self) -> Counter[int]:
        return Counter(reply.status for reply in self.replies)

    def slowest(self, share: float = 1.0) -> float:
        """The time in seconds within which this share of the replies arrived."""
        seconds = sorted(reply.seconds for reply in self.replies)
        return seconds[int((len(seconds) - 1) * share)]


@contextlib.asynccontextmanager
async def under_load(choose: Callable[[], int], *, clients: int, pause: float = 0.0) -> AsyncIterator[Load]:
    """Each client sends one request after the other. Returns when all have their replies."""
    load = Load(Balancer(choose))
    stop = asyncio.Event()

    async def client() -> None:
        while not stop.is_set():
            load.replies.append(await load.balancer.get(f"/things/{random.choice(_IDS)}"))
            await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
        try:
            yield load
        finally:
            stop.set()
    load.balancer.close()
