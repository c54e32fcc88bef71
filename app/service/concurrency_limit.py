"""A limit on the requests that use the database at the same time."""

import asyncio
from typing import Final

from service.problems import ServiceUnavailable

_LONGEST_WAIT: Final = 1.0  # seconds


class ConcurrencyLimit:
    """Within `async with`, at most `limit` requests run; as many others wait for a second at most.

    Raises ServiceUnavailable for all further requests, and after a second of waiting.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places = asyncio.Semaphore(limit)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()  # does not wait

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._limit:
            raise _too_many()
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await self._places.acquire()
        except TimeoutError as error:
            raise _too_many() from error
        finally:
            self._waiting -= 1


def _too_many() -> ServiceUnavailable:
    return ServiceUnavailable("There are too many requests at the moment; try again.")
