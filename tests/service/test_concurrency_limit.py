"""The limit on concurrent requests."""

import asyncio
import contextlib

import pytest

from service.concurrency_limit import ConcurrencyLimit
from service.problems import ServiceUnavailable


def test_runs_no_more_requests_than_the_limit() -> None:
    """A slow database would fill the task's memory with waiting requests."""

    async def scenario() -> None:
        limit = ConcurrencyLimit(3)
        inside = most = refused = 0

        async def request() -> None:
            nonlocal inside, most, refused
            try:
                async with limit:
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0.01)
                    inside -= 1
            except ServiceUnavailable:
                refused += 1

        await asyncio.gather(*(request() for _ in range(10)))
        assert (most, refused) == (3, 4)  # three inside, three waiting

    asyncio.run(scenario())


def test_refuses_a_request_that_has_waited_too_long() -> None:
    """A request would wait longer than its client does."""

    async def scenario() -> None:
        limit = ConcurrencyLimit(1)
        async with limit:
            with pytest.raises(ServiceUnavailable) as refusal:
                async with limit:
                    pass
        assert refusal.value.headers == {"Retry-After": "1"}

    asyncio.run(scenario())


def test_loses_no_place_when_requests_are_cancelled() -> None:
    """Each lost place would lower the limit by one until the task is restarted."""

    async def scenario() -> None:
        limit = ConcurrencyLimit(2)

        async def request(seconds: float) -> None:
            async with limit:
                await asyncio.sleep(seconds)

        for moment in (0.0, 0.01, 0.02):
            tasks = [asyncio.create_task(request(0.01)) for _ in range(4)]
            await asyncio.sleep(moment)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with contextlib.AsyncExitStack() as stack, asyncio.timeout(0.5):
            await stack.enter_async_context(limit)
            await stack.enter_async_context(limit)

    asyncio.run(scenario())


def test_passes_on_the_place_of_a_request_that_is_cancelled_when_its_turn_comes() -> None:
    """A client that disconnects at this moment would lower the limit by one until the task is restarted."""

    async def scenario() -> None:
        limit = ConcurrencyLimit(1)

        async def request() -> None:
            async with limit:
                pass

        async with limit:
            waiting = asyncio.create_task(request())
            await asyncio.sleep(0)
        waiting.cancel()  # it has the place, but does not run yet
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(0.5):
            await request()

    asyncio.run(scenario())
