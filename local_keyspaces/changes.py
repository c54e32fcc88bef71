"""Asynchronous schema changes: accepted now, finished after a delay, one at a time, and repeated until they succeed."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import Refused

_log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SECONDS = 1.0


class Changes:
    """Runs the changes. delay: seconds from the beginning of a change to its end."""

    def __init__(self, *, delay: float) -> None:
        self._delay = delay
        self._under_way: set[asyncio.Task[Any]] = set()
        # One at a time: each change depends on the result of the one before.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="schema")
        self._closing = asyncio.Event()

    async def make(
        self, begin: Callable[[], bool], finish: Callable[[], None] | None = None, delay: float | None = None
    ) -> bool:
        """Runs `begin` now and, if it returns True, `finish` after the delay. Both may block: they run in a thread.

        `finish` must be idempotent, because it is repeated until it succeeds. delay: replaces the usual delay. Returns
        the result of `begin`, or raises its exception. Raises Refused if too many changes are under way.
        """
        Quota.CONCURRENT_DDL.check(len(self._under_way) + 1)
        # A change that has begun is completed even if the client disconnects.
        return await asyncio.shield(self._track(self._begin(begin, finish, self._delay if delay is None else delay)))

    async def _begin(self, begin: Callable[[], bool], finish: Callable[[], None] | None, delay: float) -> bool:
        try:
            changes = await self._in_turn(begin)
        except Refused:
            raise
        except Exception:
            # `begin` may have stopped half-way: `finish` makes the state consistent again.
            if finish is not None:
                self._track(self._finish(finish, delay))
            raise
        if changes and finish is not None:
            if delay > 0:
                self._track(self._finish(finish, delay))
                return changes
            try:
                await self._in_turn(finish)
            except Exception:
                self._track(self._finish(finish, _RETRY_SECONDS))
                raise
        return changes

    async def _finish(self, finish: Callable[[], None], delay: float) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay)
            try:
                await self._in_turn(finish)
                return
            except Exception as error:
                _log.error("a schema change was accepted and cannot be finished: %s", error)
                if self._closing.is_set():
                    return
                delay = _RETRY_SECONDS

    async def _in_turn(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _track(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        def forget(task: "asyncio.Task[T]") -> None:
            self._under_way.discard(task)
            if not task.cancelled():
                task.exception()  # marks the error as retrieved; a client that still waits gets it from its own await

        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(forget)
        return task

    async def close(self) -> None:
        """Finishes all pending changes without waiting for their delay."""
        self._closing.set()
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)
        self._worker.shutdown()
