"""Reads that are asked for while the same read is under way, and an optional cache that forgets by time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_KEPT_AT_MOST = 1_000  # values
_ABANDONED: Any = object()


class SharedReads(Generic[K, V]):
    """`get(key)` is `read(key)`, asked once for all who ask at the same time.

    Who joins gets an answer that may be as old as the query it joined, which is never older than the request deadline.

    share: False asks for each. keep: seconds for which a value is used again; 0 for none. Errors are not kept.
    """

    def __init__(self, read: Callable[[K], Awaitable[V]], *, share: bool, keep: float) -> None:
        self._read = read
        self._share = share
        self._keep = keep
        self._waiting: dict[K, list[asyncio.Future[V]]] = {}
        self._kept: dict[K, tuple[float, V]] = {}  # oldest first

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
            self._kept.pop(key, None)
            self._kept[key] = (loop.time() + self._keep, value)
            if len(self._kept) > _KEPT_AT_MOST:
                del self._kept[next(iter(self._kept))]
        return value
