"""Limits the number of concurrent requests: it grows while the table answers, and is halved when the table throttles.

TCP avoids congestion with the same rule (RFC 5681: additive increase, multiplicative decrease).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

CONNECTION_REQUESTS: Final = 3000
"""Most requests a second on a connection (Keyspaces developer guide, "Quotas")."""
_FIRST, _LEAST, _MOST = 16.0, 1.0, 128.0
_CUT_SECONDS: Final = 0.25
"""Concurrent requests are throttled together, so all failures within this time halve the window only once."""
_AHEAD_SECONDS: Final = 0.02  # after a pause, the requests of this time may be sent at once


class RequestWindow:
    """The limit of one lane. It belongs to the running event loop."""

    def __init__(self, connections: Callable[[], int]) -> None:
        """connections: gives their current number."""
        self._loop = asyncio.get_running_loop()
        self._connections = connections
        self.size = _FIRST
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._cut_at = self._next_at = 0.0
        self.retried = 0

    async def take(self) -> None:
        """Waits until another request may be sent."""
        while self._under_way >= int(self.size):
            turn = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        self._under_way += 1
        now = self._loop.time()
        self._next_at = max(self._next_at, now - _AHEAD_SECONDS) + 1 / (CONNECTION_REQUESTS * self._connections())
        if self._next_at > now:
            await asyncio.sleep(self._next_at - now)

    async def each(self, requests: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
        """The results of all requests, in their order. Each request is called as soon as the limit allows it."""
        async with asyncio.TaskGroup() as group:
            tasks = []
            for request in requests:
                await self.take()
                tasks.append(group.create_task(self._one(request)))
        return [task.result() for task in tasks]

    async def _one(self, request: Callable[[], Awaitable[T]]) -> T:
        try:
            return await request()
        finally:
            self.give_back()

    def give_back(self) -> None:
        self._under_way -= 1
        self._wake()

    def observe(self, _: Sequence[str], outcome: str, __: float) -> None:
        """Adapts the limit to the outcome of an attempt; see `keyspaces.statements.Observer`."""
        if outcome == "ok":
            self.size = min(self.size + 1 / self.size, _MOST)
            return
        self.retried += 1
        now = self._loop.time()
        if now >= self._cut_at + _CUT_SECONDS:
            self._cut_at = now
            self.size = max(self.size / 2, _LEAST)

    def _wake(self) -> None:
        free = int(self.size) - self._under_way
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
