"""Replacement of old tasks by new ones, within the declared minimum and maximum, without a failed request."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import aiohttp
import pytest

from local import rollout as module
from local import service_tasks
from local.errors import LocalError
from local.load_balancer import LoadBalancer
from local.rollout import Rollout
from local.service_tasks import LocalService
from local.stack_model import ContainerCheck, Rule, Service, TargetGroup
from local_keyspaces.progress import Progress
from tests.local.test_tasks import definition_of, surroundings_in

GROUP = TargetGroup(name="job", path="/ping", interval=60, timeout=5, unhealthy_threshold=2, deregistration_delay=30)
# Answers with its version; /slow after half a second, unless it is told to end before.
_SERVER = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.5 if self.path == "/slow" else 0)
        self.send_response({status} if self.path == "/ping" else 200)
        self.end_headers()
        self.wfile.write(b"{version}")

    def log_message(self, *_):
        pass

ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass(frozen=True, kw_only=True)
class _Here:
    """A service's rollout behind a load balancer. seen: the numbers of tasks that ran or started, and of healthy
    ones."""

    directory: Path
    rollout: Rollout
    session: aiohttp.ClientSession
    seen: list[tuple[int, int]]

    async def serve(self, version: str, *, minimum: int, maximum: int, tasks: int = 2, status: int = 200) -> None:
        await self.serve_source(
            _SERVER.format(version=version, status=status), minimum=minimum, maximum=maximum, tasks=tasks
        )

    async def serve_source(self, source: str, *, minimum: int, maximum: int, tasks: int = 2) -> None:
        definition = definition_of(source, self.directory)
        await self.rollout.serve(
            Service(
                name="job",
                task=definition,
                tasks=tasks,
                target_group=GROUP,
                minimum_healthy=minimum,
                maximum=maximum,
            )
        )

    async def get(self, path: str = "/") -> tuple[int, str]:
        async with self.session.get(path) as answer:
            return answer.status, await answer.text()

    async def versions(self) -> set[str]:
        """Enough responses that every task has sent some."""
        answers = [await self.get() for _ in range(8)]
        assert {status for status, _ in answers} == {200}
        return {text for _, text in answers}

    @property
    def service(self) -> LocalService:
        (service,) = self.rollout.services
        return service


def _run(directory: Path, monkeypatch: pytest.MonkeyPatch, test: Callable[[_Here], Awaitable[None]]) -> None:
    monkeypatch.setattr(service_tasks, "_FIRST_PAUSE", 0.05)
    seen: list[tuple[int, int]] = []
    deployments: list[LocalService] = []

    class Noted(LocalService):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type]
            deployments.append(self)

        def start(self, count: int) -> None:
            super().start(count)
            note()

        def retire(self, count: int) -> None:
            super().retire(count)
            note()

    def note() -> None:
        seen.append((sum(each.count for each in deployments), sum(each.healthy for each in deployments)))

    monkeypatch.setattr(module, "LocalService", Noted)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            balancer = LoadBalancer([Rule(priority=1, paths=["/*"], target_group=GROUP)])
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with balancer.serve(listener), aiohttp.ClientSession(base) as session:
                rollout = Rollout(surroundings_in(directory), balancer, Progress(StringIO()), tell=lambda **_: note())
                try:
                    await test(_Here(directory=directory, rollout=rollout, session=session, seen=seen))
                finally:
                    await rollout.stop()

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize(("minimum", "maximum", "least", "most"), [(100, 200, 2, 4), (50, 100, 1, 2), (100, 150, 2, 3)])
def test_replaces_tasks_within_the_minimum_and_the_maximum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minimum: int, maximum: int, least: int, most: int
) -> None:
    """A deployment on AWS would have fewer serving tasks, or wait longer, than the one that was tried here."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=minimum, maximum=maximum)
        assert await here.versions() == {"one"}
        here.seen.clear()
        answers: list[int] = []

        async def client() -> None:
            while True:
                answers.append((await here.get())[0])
                await asyncio.sleep(0.005)

        clients = [asyncio.create_task(client()) for _ in range(4)]
        await here.serve("two", minimum=minimum, maximum=maximum)
        for each in clients:
            each.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        during = list(here.seen)
        assert max(count for count, _ in during) == most
        assert min(healthy for _, healthy in during) == least
        assert set(answers) == {200}
        assert await here.versions() == {"two"}
        assert (here.service.count, here.service.healthy) == (2, 2)

    _run(tmp_path, monkeypatch, test)


def test_refuses_a_minimum_and_a_maximum_that_let_no_task_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit would wait for ever without a reason, as the deployment on AWS would."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=100, maximum=100)
        with pytest.raises(
            LocalError, match=r"of 2, 2 must be healthy \(100 %\) and 2 may run \(100 %\) during a deployment"
        ):
            await here.serve("two", minimum=100, maximum=100)
        assert await here.versions() == {"one"}

    _run(tmp_path, monkeypatch, test)


@pytest.mark.parametrize(("minimum", "maximum"), [(100, 200), (50, 100)])
def test_old_tasks_serve_when_new_ones_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minimum: int, maximum: int
) -> None:
    """A crash of edited code would stop the service, or the crashing task's output would not be shown."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=minimum, maximum=maximum)
        with pytest.raises(LocalError, match=r"3 tasks ended before they were healthy.*exit code 3(?s:.*)out of luck"):
            await here.serve_source("import sys; print('out of luck'); sys.exit(3)", minimum=minimum, maximum=maximum)
        assert await here.versions() == {"one"}
        while here.service.healthy < 2:  # noqa: ASYNC110  # it has as many as before again
            await asyncio.sleep(0.01)
        await here.serve("three", minimum=minimum, maximum=maximum)
        assert await here.versions() == {"three"}

    _run(tmp_path, monkeypatch, test)


def test_old_tasks_serve_when_new_ones_fail_their_health_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that cannot serve would get requests, or the response to their health check would not be shown."""
    monkeypatch.setattr(module, "READY_SECONDS", 10.0)

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=100, maximum=200)
        monkeypatch.setattr(module, "READY_SECONDS", 1.0)
        with pytest.raises(LocalError, match="not healthy after 1 s: GET /ping answers 503"):
            await here.serve("two", minimum=100, maximum=200, status=503)
        assert await here.versions() == {"one"}

    _run(tmp_path, monkeypatch, test)


def test_an_old_task_finishes_its_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit would cut off a long request, which the deregistration delay lets finish on AWS."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=50, maximum=100, tasks=2)
        slow = [asyncio.create_task(here.get("/slow")) for _ in range(4)]
        await asyncio.sleep(0.1)
        await here.serve("two", minimum=50, maximum=100, tasks=2)
        assert await asyncio.gather(*slow) == [(200, "one")] * 4

    _run(tmp_path, monkeypatch, test)


@pytest.mark.parametrize("action", ["restart", "stop"])
def test_restarts_and_stops_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """A stopped task would stay away, or a restart would leave the service without tasks or cost requests."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=100, maximum=200)
        gone, _ = here.service.tasks
        here.seen.clear()
        does = here.service.restart_task if action == "restart" else here.service.stop_task
        assert does(gone)
        assert not does("0a1b2c3d")
        while gone in here.service.tasks or here.service.healthy < 2:
            assert await here.get() == (200, "one")
        assert here.service.count == 2
        assert max(count for count, _ in here.seen) == (3 if action == "restart" else 2)

    _run(tmp_path, monkeypatch, test)


def test_reports_that_a_task_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user would wait for the whole timeout for a command that this machine does not have."""

    async def test(here: _Here) -> None:
        await here.serve("one", minimum=100, maximum=200)
        check = ContainerCheck(command=["true"], interval=1, timeout=1, retries=1, grace_period=0)
        definition = definition_of("", tmp_path, check=check)
        missing = type(definition)(**{**vars(definition), "command": ["no-such-program"]})
        with pytest.raises(LocalError, match="'no-such-program' cannot be run"):
            await here.rollout.serve(
                Service(name="job", task=missing, tasks=1, target_group=GROUP, minimum_healthy=100, maximum=200)
            )
        assert await here.versions() == {"one"}

    _run(tmp_path, monkeypatch, test)
