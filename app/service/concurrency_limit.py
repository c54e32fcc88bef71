"""A limit on the requests that use the database at the same time."""

import asyncio
from typing import Final

from service.problems import ServiceUnavailable

_LONGEST_WAIT: Final = 1.0  # seconds


class ConcurrencyLimit:
    """Within `async with`, at most `limit` requests run; as many others wait for a second at most.

    Raises ServiceUnavailable for all further requests, and after a second of waiting. asyncio's Semaphore would
    take twice the time for a request that need not wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: dict[asyncio.Future[None], None] = {}  # in the order of their arrival

    async def __aenter__(self) -> None:
        if self._running < self._limit:
            self._running += 1
        else:
            await self._wait()

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        """Gives the place to the first request that still waits."""
        for place in self._waiting:
            if not place.done():
                del self._waiting[place]
                place.set_result(None)
                return
        self._running -= 1

    async def _wait(self) -> None:
        if len(self._waiting) >= self._limit:
            raise _too_many()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[place] = None
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await place
        except BaseException as error:
            if place in self._waiting:
                del self._waiting[place]
            else:  # the place came while the request was cancelled
                self._leave()
            if isinstance(error, TimeoutError):
                raise _too_many() from error
            raise


def _too_many() -> ServiceUnavailable:
    return ServiceUnavailable("There are too many requests at the moment; try again.")
