"""How many requests are at the database at once, and how many may wait to be: the rest is told to come back."""

import asyncio

from starlette.exceptions import HTTPException

_LONGEST_WAIT = 1.0  # seconds


class Admission:
    """`async with admission:` at most `limit` are inside, and as many wait; raises HTTPException 503 for the rest.

    None waits longer than a second.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places = asyncio.Semaphore(limit)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._places.locked():
            await self._queue()
        else:
            await self._places.acquire()  # at once

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    async def _queue(self) -> None:
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


def _too_many() -> HTTPException:
    return HTTPException(503, "There are too many requests at the moment; try again.", {"Retry-After": "1"})
