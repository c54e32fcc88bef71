"""The API during a stop: no request is lost."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.keyspaces import LocalKeyspaces
from tests.load import under_load
from tests.processes import free_port, get, listens, start_program, wait_until
from tests.serving.running import PROGRAM, run_service, service_environment

DRAIN = 1  # seconds


@contextmanager
def api(keyspaces: LocalKeyspaces) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with run_service(keyspaces, DRAIN_SECONDS=str(DRAIN), SHARE_READS="false") as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("latency", [0.0, DRAIN + 1.0])
def test_loses_no_request_when_one_of_two_is_stopped(filled: LocalKeyspaces, latency: float) -> None:
    """Every deployment, and every task that Spot reclaims, would show errors to clients."""

    async def scenario(port: int, process: subprocess.Popen[str], other: int) -> None:
        ready = {port, other}
        turn = 0

        def choose() -> int:
            nonlocal turn
            turn += 1
            return sorted(ready)[turn % len(ready)]

        async with under_load(choose, clients=16) as load:
            await asyncio.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            # A load balancer notices only after a while; until then requests, and connections, keep coming.
            await asyncio.sleep(DRAIN / 2)
            health = [await load.balancer.get(path, port) for path in ("/readyz", "/livez", "/ping")]
            ready.remove(port)
            assert await asyncio.to_thread(process.wait, 30) == 0
            ended = time.monotonic() - told
        assert [reply.status for reply in health] == [503, 200, 200]
        assert all(reply.headers["connection"] == "close" for reply in health)
        assert set(load.statuses()) == {200}
        print(f"{len(load.replies)} requests, ended {ended:.2f} s after SIGTERM")

    with api(filled) as (port, process), api(filled) as (other, _), filled.injecting(latency=latency):
        asyncio.run(scenario(port, process, other))


def test_ends_at_once_when_told_twice(filled: LocalKeyspaces) -> None:
    """A developer who presses Ctrl-C again would still wait for the draining time."""
    with api(filled) as (port, process):
        process.send_signal(signal.SIGINT)
        wait_until(lambda: get(f"http://127.0.0.1:{port}/readyz").status == 503)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: not listens(port))
        assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_when_told_before_it_could_read(filled: LocalKeyspaces, number: signal.Signals) -> None:
    """A task that waits for its table would ignore the stop, and then be killed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            **service_environment(filled),
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            "KEYSPACES_ENDPOINT": f"localhost:{silent.getsockname()[1]}",
        }
        with start_program(PROGRAM, environment=environment) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(number)
                assert process.wait(10) == 0
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
