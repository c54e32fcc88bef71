"""Coalesced and cached reads: the number of reads that reach the table."""

import asyncio

import pytest

from keyspaces.origin import REQUEST_ID
from service import coalescing
from service.coalescing import SHARED_WITH, Coalescing
from service.options import Options
from tests.fakes.table import FakeTable
from tests.serving.application import application, ask


@pytest.mark.parametrize("path", ["/things/ab", "/things/ab?pretty", "/things/zz", "/things?limit=3"])
@pytest.mark.parametrize(("share", "reads"), [(True, 1), (False, 20)])
def test_reads_once_for_all_concurrent_callers(path: str, share: bool, reads: int) -> None:
    """A popular thing would cost one read for each request, or reads would be shared although sharing is off."""

    async def run() -> None:
        things = FakeTable(may_answer=asyncio.Event())
        app = application(things, Options(share_reads=share, concurrency=20))
        asked = [asyncio.create_task(ask(app, path)) for _ in range(20)]
        await asyncio.sleep(0.05)
        assert things.may_answer is not None
        things.may_answer.set()
        answers = await asyncio.gather(*asked)
        assert len({answer.status_code for answer in answers}) == 1
        assert things.reads == reads

    asyncio.run(run())


class Clock:
    """The running loop's time, which does not advance by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)


def test_a_shared_read_uses_one_place_of_the_concurrency_limit() -> None:
    """Requests for the same thing would be refused although the table has one read to do."""

    async def run() -> None:
        things = FakeTable(may_answer=asyncio.Event())
        app = application(things, Options(concurrency=1))
        asked = [asyncio.create_task(ask(app, "/things/ab")) for _ in range(20)]
        await asyncio.sleep(0.05)
        assert things.may_answer is not None
        things.may_answer.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}

    asyncio.run(run())


def test_reads_again_afterwards_unless_told_to_keep() -> None:
    """A response would be older than its request, although caching is off."""

    async def run(keep: float) -> int:
        things = FakeTable()
        app = application(things, Options(read_cache=keep))
        for _ in range(3):
            assert (await ask(app, "/things/ab")).status_code == 200
            assert (await ask(app, "/things")).status_code == 200
        return things.reads

    assert asyncio.run(run(0)) == 6
    assert asyncio.run(run(60)) == 2


class Read:
    """A read that returns its key, after it is released."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.error = error

    async def __call__(self, key: str) -> str:
        self.asked.append(key)
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return key


def test_another_caller_reads_when_the_reading_one_is_cancelled() -> None:
    """One client that disconnects would take the responses of all others with it."""

    async def run() -> None:
        read = Read()
        reads = Coalescing(read, share=True, keep=0, size=len)
        first, *others = [asyncio.create_task(reads.get("us")) for _ in range(4)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # until the next one reads
        read.may_answer.set()
        assert await asyncio.gather(*others) == ["us"] * 3
        assert first.cancelled()
        assert read.asked == ["us", "us"]

    asyncio.run(run())


def test_serves_the_other_callers_when_a_waiting_one_is_cancelled() -> None:
    """One client that disconnects would take the response from all others."""

    async def run() -> None:
        read = Read()
        reads = Coalescing(read, share=True, keep=0, size=len)
        first, second, third = [asyncio.create_task(reads.get("us")) for _ in range(3)]
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        read.may_answer.set()
        assert await first == await third == "us"
        assert read.asked == ["us"]

    asyncio.run(run())


def test_shares_an_error_and_does_not_cache_it() -> None:
    """A request that waits for a failing read would not get the error, or the next request would not try again."""

    async def run() -> None:
        read = Read(LookupError())
        reads = Coalescing(read, share=True, keep=60, size=len)
        asked = [asyncio.create_task(reads.get("us")) for _ in range(3)]
        await asyncio.sleep(0)
        read.may_answer.set()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in results] == [LookupError] * 3
        assert read.asked == ["us"]
        read.error = None
        assert await reads.get("us") == "us"

    asyncio.run(run())


def test_drops_the_oldest_and_expired_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that requests one page after the other would fill the task's memory."""
    monkeypatch.setattr(coalescing, "CACHED_AT_MOST", 6)

    async def run() -> None:
        read = Read()
        read.may_answer.set()
        clock = Clock(monkeypatch)
        reads = Coalescing(read, share=True, keep=10, size=len)
        for key in ("aa", "bb", "cc", "aa", "dd", "bb", "aa"):
            assert await reads.get(key) == key
        assert read.asked == ["aa", "bb", "cc", "dd", "aa"]  # dd drove aa out, then aa drove bb out
        clock.now += 10
        for key in ("bb", "dd"):
            await reads.get(key)
        assert read.asked[-2:] == ["bb", "dd"]
        assert len(reads._kept) == 2

    asyncio.run(run())


def test_reads_again_after_the_cached_value_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    """A popular thing would never change after its first read."""

    async def run() -> None:
        read = Read()
        read.may_answer.set()
        clock = Clock(monkeypatch)
        reads = Coalescing(read, share=True, keep=10, size=len)
        for times in (1, 2, 3):
            for _ in range(2):
                await reads.get("us")
            assert read.asked == ["us"] * times
            assert reads._kept_size == len("us")
            clock.now += 10

    asyncio.run(run())


def test_keeps_nothing_that_is_larger_than_all_it_may_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """One large response would empty the cache, or would never be returned."""
    monkeypatch.setattr(coalescing, "CACHED_AT_MOST", 1)

    async def run() -> None:
        read = Read()
        read.may_answer.set()
        reads = Coalescing(read, share=False, keep=10, size=len)
        for _ in range(2):
            assert await reads.get("us") == "us"
        assert read.asked == ["us"] * 2

    asyncio.run(run())


@pytest.mark.parametrize("keep", [0, 60])
def test_logs_the_request_whose_read_answered_a_request(keep: float) -> None:
    """A request that shares another's statement would look as if it had not used the table."""

    async def run() -> None:
        may_answer = asyncio.Event()

        async def read(key: str) -> str:
            await may_answer.wait()
            return key

        reads = Coalescing(read, share=True, keep=keep, size=len)

        async def request(id_: str) -> tuple[str, str]:
            REQUEST_ID.set(id_)
            return await reads.get("us"), SHARED_WITH.get()

        asked = [asyncio.create_task(request(id_)) for id_ in ("first", "second", "third")]
        await asyncio.sleep(0)
        may_answer.set()
        assert await asyncio.gather(*asked) == [("us", ""), ("us", "first"), ("us", "first")]
        assert await asyncio.create_task(request("later")) == ("us", "first" if keep else "")

    asyncio.run(run())
