"""Coalesces concurrent reads of the same key into one, with an optional cache."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, Final, Generic, TypeVar

from keyspaces.origin import REQUEST_ID

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

CACHED_AT_MOST: Final = 16 * 1024 * 1024  # bytes, as `size` counts them
SHARED_WITH: Final[ContextVar[str]] = ContextVar("shared_with", default="")
"""The id of the request whose read answers the current request; empty if the current request reads itself."""
_ABANDONED: Final[Any] = object()


class _Read(Generic[V]):
    """A read in progress: the id of the request that reads, and the other callers that wait for the result."""

    __slots__ = ("loop", "request_id", "waiters")

    def __init__(self) -> None:
        # Kept for the callers that join: get_running_loop makes a system call in Python 3.11 (getpid).
        self.loop = asyncio.get_running_loop()
        self.request_id = REQUEST_ID.get()
        self.waiters: list[asyncio.Future[V]] = []


class Coalescing(Generic[K, V]):
    """`get(key)` returns `read(key)`, which is called once for all concurrent callers.

    A caller that joins a read gets the read's value, which is never older than the request deadline, or its error: to
    repeat a read that has just failed would make an overload worse.

    share: False means one read for each caller. keep: seconds for which a value stays in the cache; 0 for no cache.
    Errors are not cached. size: bytes of a value; beyond 16 MiB in all, the oldest values are dropped.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V]], *, share: bool, keep: float, size: Callable[[V], int]
    ) -> None:
        self._read = read
        self._share = share
        self._keep = keep
        self._size = size
        self._waiting: dict[K, _Read[V]] = {}
        self._kept: dict[K, tuple[float, V, str]] = {}  # oldest first; expiry, value and the reader's request id
        self._kept_size = 0

    async def get(self, key: K) -> V:
        """Raises the errors of `read`."""
        if self._keep:
            kept = self._kept.get(key)
            if kept is not None and asyncio.get_running_loop().time() < kept[0]:
                SHARED_WITH.set(kept[2])
                return kept[1]
        if not self._share:
            before = self._waiting
            value = await self._read(key)
            if before is self._waiting:
                self._remember(key, value)
            return value
        while (read := self._waiting.get(key)) is not None:
            waiter: asyncio.Future[V] = read.loop.create_future()
            read.waiters.append(waiter)
            SHARED_WITH.set(read.request_id)
            value = await waiter
            if value is not _ABANDONED:
                return value
        SHARED_WITH.set("")
        return await self._lead(key)

    def renew(self) -> None:
        """After this call, no caller gets a cached value or joins a read in progress: the data may have changed."""
        self._waiting = {}
        self._kept = {}
        self._kept_size = 0

    async def _lead(self, key: K) -> V:
        all_waiting = self._waiting
        read = all_waiting[key] = _Read()
        try:
            value = await self._read(key)
            if all_waiting is self._waiting:  # not renewed meanwhile
                self._remember(key, value)
        except Exception as error:
            for waiter in read.waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            raise
        except BaseException:  # cancelled: one of the waiting callers reads instead
            for waiter in read.waiters:
                if not waiter.done():
                    waiter.set_result(_ABANDONED)
            raise
        finally:
            del all_waiting[key]
        for waiter in read.waiters:
            if not waiter.done():
                waiter.set_result(value)
        return value

    def _remember(self, key: K, value: V) -> None:
        if self._keep:
            now = asyncio.get_running_loop().time()
            self._forget(key)
            self._kept[key] = (now + self._keep, value, REQUEST_ID.get())
            self._kept_size += self._size(value)
            while self._kept_size > CACHED_AT_MOST or (self._kept and self._oldest()[0] <= now):
                self._forget(next(iter(self._kept)))

    def _oldest(self) -> tuple[float, V, str]:
        return next(iter(self._kept.values()))

    def _forget(self, key: K) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept_size -= self._size(kept[1])
