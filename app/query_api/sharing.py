"""Reads that are asked for while the same read is under way, and an optional cache that forgets by time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_KEPT_AT_MOST = 16 * 1024 * 1024  # of what `size` says
_ABANDONED: Any = object()


class SharedReads(Generic[K, V]):
    """`get(key)` is `read(key)`, asked once for all who ask at the same time.

    Who joins gets an answer that may be as old as the query it joined, which is never older than the request deadline;
    and its error, as asking at once for what just failed would make an overload worse.

    share: False asks for each. keep: seconds for which a value is used again; 0 for none. Errors are not kept.
    size: bytes of a value; the oldest go when 16 MiB are kept.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V]], *, share: bool, keep: float, size: Callable[[V], int]
    ) -> None:
        self._read = read
        self._share = share
        self._keep = keep
        self._size = size
        self._waiting: dict[K, list[asyncio.Future[V]]] = {}
        self._kept: dict[K, tuple[float, V]] = {}  # oldest first
        self._kept_size = 0

    async def get(self, key: K) -> V:
        """Raises what `read` raises."""
        loop = asyncio.get_running_loop()
        if self._keep:
            kept = self._kept.get(key)
            if kept is not None and loop.time() < kept[0]:
                return kept[1]
        if not self._share:
            return self._remember(key, await self._read(key), loop)
        while (waiting := self._waiting.get(key)) is not None:
            waiter: asyncio.Future[V] = loop.create_future()
            waiting.append(waiter)
            value = await waiter
            if value is not _ABANDONED:
                return value
        return await self._lead(key, loop)

    async def _lead(self, key: K, loop: asyncio.AbstractEventLoop) -> V:
        waiting = self._waiting[key] = []
        try:
            value = self._remember(key, await self._read(key), loop)
        except Exception as error:
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(error)
            raise
        except BaseException:  # cancelled: one of those who wait reads instead
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(_ABANDONED)
            raise
        finally:
            del self._waiting[key]
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(value)
        return value

    def _remember(self, key: K, value: V, loop: asyncio.AbstractEventLoop) -> V:
        if self._keep:
            now = loop.time()
            self._forget(key)
            self._kept[key] = (now + self._keep, value)
            self._kept_size += self._size(value)
            while self._kept_size > _KEPT_AT_MOST or (self._kept and self._oldest()[0] <= now):
                self._forget(next(iter(self._kept)))
        return value

    def _oldest(self) -> tuple[float, V]:
        return next(iter(self._kept.values()))

    def _forget(self, key: K) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept_size -= self._size(kept[1])
