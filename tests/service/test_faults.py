"""The API while its database fails, throttles, is slow, or is overloaded."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.keyspaces import LocalKeyspaces
from tests.load import under_load
from tests.processes import get, wait_until
from tests.serving.running import run_service

DEADLINE = 2  # seconds
# The time that a busy machine may add; a request that ignores its deadline takes much longer.
SLACK = 3.0


@contextlib.contextmanager
def api(keyspaces: LocalKeyspaces, **variables: str) -> Iterator[tuple[int, psutil.Process]]:
    """The service's port and process. Each request is a statement of its own."""
    chosen = {"DEADLINE_SECONDS": str(DEADLINE), "SHARE_READS": "false", **variables}
    with run_service(keyspaces, **chosen) as (port, process):
        yield port, psutil.Process(process.pid)


def _recovers(port: int) -> None:
    wait_until(lambda: get(f"http://127.0.0.1:{port}/things/ab").status == 200)


@pytest.mark.long
def test_answers_in_time_while_the_database_is_stopped_and_recovers(filled: LocalKeyspaces) -> None:
    """A restart of the database would take the API down until somebody restarts the API, too."""

    async def scenario(port: int) -> None:
        async with under_load(lambda: port, clients=8, pause=0.05) as load:
            await asyncio.sleep(0.5)
            stopped_at = time.monotonic()
            with contextlib.ExitStack() as stack:
                await asyncio.to_thread(stack.enter_context, filled.stopped())
                await asyncio.sleep(1)
                probes = [await load.balancer.get(path) for path in ("/ping", "/livez", "/readyz")]
                meanwhile = load.since(stopped_at)
                await asyncio.to_thread(stack.close)
            back_at = time.monotonic()
            while not any(reply.status == 200 for reply in load.since(back_at)):
                await asyncio.sleep(0.05)
                assert time.monotonic() < back_at + 60, "it did not recover"
        assert [probe.status for probe in probes] == [200, 200, 200]
        assert {reply.status for reply in meanwhile} & {503, 504}
        assert set(load.statuses()) <= {200, 503, 504}
        assert load.slowest() < DEADLINE + SLACK
        first = min(reply.at for reply in load.replies if reply.status != 200)
        again = min(reply.at for reply in load.since(back_at) if reply.status == 200)
        print(
            f"{dict(load.statuses())}, slowest {load.slowest():.2f} s, p99 {load.slowest(0.99):.2f} s,"
            f" first refusal {first - stopped_at:.2f} s, recovered {again - back_at:.2f} s after it listened"
        )

    with api(filled) as (port, _):
        asyncio.run(scenario(port))
        _recovers(port)


def test_hides_throttling_of_some_reads_and_says_so_when_all_are(filled: LocalKeyspaces) -> None:
    """Clients would notice short throttling, or wait in vain during long throttling."""

    async def scenario(port: int, seconds: float) -> None:
        async with under_load(lambda: port, clients=8, pause=0.01) as load:
            await asyncio.sleep(seconds)
        print(f"{dict(load.statuses())}, p50 {load.slowest(0.5):.3f} s, p99 {load.slowest(0.99):.3f} s")
        refused = [reply for reply in load.replies if reply.status != 200]
        assert {reply.status for reply in refused} <= {503}
        assert all(reply.headers["retry-after"] == "1" for reply in refused)
        assert load.slowest() < DEADLINE + SLACK
        shares.append(len(refused) / len(load.replies))

    shares: list[float] = []
    with api(filled) as (port, _):
        with filled.injecting(throttle_reads=0.2):
            asyncio.run(scenario(port, 1.5))
        with filled.injecting(throttle_reads=1.0):
            asyncio.run(scenario(port, 0.5))
        _recovers(port)
    assert shares[0] < 0.03
    assert shares[1] == 1


def test_answers_at_the_deadline_when_the_database_is_slow(filled: LocalKeyspaces) -> None:
    """Clients could not tell a slow database from a slow load balancer, which gives up later."""

    async def scenario(port: int) -> None:
        async with under_load(lambda: port, clients=4) as load:
            await asyncio.sleep(0.1)
            assert (await load.balancer.get("/ping")).seconds < 1
        print(f"{dict(load.statuses())}, slowest {load.slowest():.3f} s")
        assert set(load.statuses()) == {504}
        assert DEADLINE - 0.1 < load.slowest() < DEADLINE + SLACK

    with api(filled) as (port, _):
        with filled.injecting(latency=DEADLINE + 1):
            asyncio.run(scenario(port))
        _recovers(port)


def test_survives_connections_that_break_and_refused_sign_ins(filled: LocalKeyspaces) -> None:
    """The API would never read again after one refused sign-in, since the driver then gives up the host for good."""

    async def scenario(port: int) -> None:
        async with under_load(lambda: port, clients=8, pause=0.01) as load:
            await asyncio.sleep(1)
        print(f"{dict(load.statuses())}, p99 {load.slowest(0.99):.2f} s")
        assert set(load.statuses()) <= {200, 503, 504}
        assert load.slowest() < DEADLINE + SLACK

    with api(filled) as (port, _):
        with filled.injecting(drop=0.1):
            asyncio.run(scenario(port))
        _recovers(port)
        with filled.injecting(drop=1.0, expired_credentials=True):
            asyncio.run(scenario(port))
        _recovers(port)


@pytest.mark.long
def test_refuses_what_exceeds_a_limit_without_using_memory_for_it(filled: LocalKeyspaces) -> None:
    """A slow database would fill the task's memory until the task is killed with all its requests."""

    async def scenario(port: int, process: psutil.Process) -> None:
        async with under_load(lambda: port, clients=20) as load:  # one round first, so that lasting memory is allocated
            await asyncio.sleep(0.5)
        before = process.memory_info().rss
        with filled.injecting(latency=0.5):
            async with under_load(lambda: port, clients=400, pause=0.1) as load:
                await asyncio.sleep(2)
                ping = await load.balancer.get("/ping")
        grown = (process.memory_info().rss - before) / 2**20
        print(
            f"{dict(load.statuses())}, slowest {load.slowest():.2f} s, ping {ping.seconds:.3f} s,"
            f" memory {before / 2**20:.0f} MiB and {grown:.1f} more"
        )
        assert ping.status == 200
        assert set(load.statuses()) <= {200, 503}
        refused = [reply for reply in load.replies if reply.status == 503]
        assert refused
        assert all(reply.headers["retry-after"] == "1" for reply in refused)
        assert load.statuses()[200] > 20  # the places were used all the time
        assert grown < 64

    with api(filled, MAX_CONCURRENCY="20") as (port, process):
        asyncio.run(scenario(port, process))
        _recovers(port)
