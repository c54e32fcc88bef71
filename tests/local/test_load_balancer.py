"""The load balancer: the choice of a target, and the forwarded request."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
from aiohttp import web
from yarl import URL

from local.load_balancer import LoadBalancer
from local.stack_model import Rule, TargetGroup

API = TargetGroup(name="api", path="/ping", interval=0.05, timeout=1, unhealthy_threshold=2, deregistration_delay=30)
ADMIN = replace(API, name="admin")
RULES = [
    Rule(priority=1, paths=["/admin", "/admin/*"], target_group=ADMIN),
    Rule(priority=2, paths=["/api*"], target_group=API),
]


class App:
    """A target that returns the request it received."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.port = 0

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["App"]:
        app = web.Application()
        app.router.add_get("/ping", self._ping)
        app.router.add_route("*", "/{path:.*}", self._echo)
        runner = web.AppRunner(app, max_line_size=20_000, max_field_size=20_000)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status)

    async def _echo(self, request: web.Request) -> web.Response:
        headers = {"X-Target": self.name, "X-Path": request.raw_path, "X-Host": request.host}
        headers["X-From"] = request.headers["X-Forwarded-For"]
        return web.Response(status=202, body=await request.read(), headers=headers)


def run(test: Callable[[LoadBalancer, aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            balancer = LoadBalancer(RULES)
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with balancer.serve(listener), aiohttp.ClientSession(base) as session:
                await test(balancer, session)

    asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.01)


def test_spreads_requests_over_healthy_targets_by_path() -> None:
    """One task would get all requests, or a request would reach the wrong service."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        async with (
            App("a").serve() as a,
            App("b").serve() as b,
            App("c").serve() as c,
            balancer.register(API, a.port, lambda: None),
            balancer.register(API, b.port, lambda: None),
            balancer.register(ADMIN, c.port, lambda: None),
        ):
            await until(lambda: len(balancer.healthy_targets(API) + balancer.healthy_targets(ADMIN)) == 3)
            answers = [await session.get("/api/x") for _ in range(6)]
            assert sorted(answer.headers["X-Target"] for answer in answers) == ["a"] * 3 + ["b"] * 3
            assert (await session.get("/admin/x")).headers["X-Target"] == "c"
            assert (await session.get("/other")).status == 404

    run(test)


def test_passes_a_request_on_unchanged() -> None:
    """The program would receive other headers here than behind the real load balancer."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        async with App("a").serve() as a, balancer.register(API, a.port, lambda: None):
            await until(lambda: bool(balancer.healthy_targets(API)))
            body = b"x" * 300_000
            async with session.post("/api%2Fx?a=%20&b", data=body, headers={"Host": "example.org"}) as answer:
                assert answer.status == 202
                assert await answer.read() == body
                assert answer.headers["X-Path"] == "/api%2Fx?a=%20&b"
                assert answer.headers["X-Host"] == "example.org"
                assert answer.headers["X-From"] == "127.0.0.1"
                assert "aiohttp" not in answer.headers.get("Server", "")

    run(test)


def test_answers_503_without_a_healthy_target_and_502_for_one_that_died() -> None:
    """A client could not be tried against the responses of a real load balancer."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        assert (await session.get("/api")).status == 503
        slow = replace(API, interval=60)
        async with App("a").serve() as a:
            register = balancer.register(slow, a.port, lambda: None)
            await register.__aenter__()
            await until(lambda: bool(balancer.healthy_targets(API)))
        assert (await session.get("/api")).status == 502
        await register.__aexit__(None, None, None)

    run(test)


def test_removes_a_target_after_the_declared_failures_and_adds_it_again() -> None:
    """A task that hangs would keep getting requests."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        changes: list[int] = []
        async with (
            App("a").serve() as a,
            balancer.register(API, a.port, lambda: changes.append(len(balancer.healthy_targets(API)))),
        ):
            await until(lambda: changes == [1])
            a.status = 500
            await until(lambda: changes == [1, 0])
            assert (await session.get("/api")).status == 503
            a.status = 200
            await until(lambda: changes == [1, 0, 1])

    run(test)


def test_passes_on_addresses_as_they_came() -> None:
    """A user would see another response to an odd or long address here than on AWS."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        async with App("a").serve() as a, balancer.register(API, a.port, lambda: None) as target:
            await until(lambda: target.healthy)
            base = session._base_url
            assert base is not None
            for path in ("/api/x/../countries", "/api/%41?q=%C3%A9", f"/api/{'a' * 9_000}"):
                async with aiohttp.ClientSession(max_line_size=20_000, max_field_size=20_000) as client:
                    answer = await client.get(URL(f"{str(base).rstrip('/')}{path}", encoded=True))
                    assert (answer.status, answer.headers.get("X-Path")) == (202, path)

    run(test)


def test_passes_a_request_in_absolute_form_on_by_its_path() -> None:
    """A client that takes the load balancer for a proxy would get no clear error, and the terminal a traceback."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        async with App("api").serve() as app, balancer.register(API, app.port, lambda: None):
            while not balancer.healthy_targets(API):  # noqa: ASYNC110  # a target reports nothing else
                await asyncio.sleep(0.02)
            url = URL(str(session._base_url))
            assert url.host is not None
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(b"GET http://other.example.com/api/x?y=1 HTTP/1.1\r\nHost: other.example.com\r\n\r\n")
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            writer.close()
            assert " 202 " in head.splitlines()[0]
            assert "X-Path: /api/x?y=1" in head

    run(test)


def test_counts_requests_and_their_bytes() -> None:
    """The cost of a million requests would be computed from too many or too few requests."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        async with App("one").serve() as app, balancer.register(API, app.port, lambda: None):
            await until(lambda: bool(balancer.healthy_targets(API)))
            for body in (b"x" * 1_000, b""):
                async with session.post("/api/things", data=body) as response:
                    await response.read()
            async with session.get("/api/things") as response:
                await response.read()
            async with session.get("/nothing") as response:
                assert response.status == 404
        traffic = balancer.traffic["api"]
        assert balancer.traffic.keys() == {"api"}
        assert traffic.requests == {"POST": 2, "GET": 1}
        for counted in (traffic.request_bytes, traffic.response_bytes):  # bodies of 1,000 bytes, and headers
            assert 1_000 + 3 * 50 < counted < 1_000 + 3 * 600

    run(test)


def test_drains_a_target_until_its_requests_end_or_the_declared_time_is_over() -> None:
    """A hanging task would block an edit for ever, or a working task would lose its requests."""

    async def test(balancer: LoadBalancer, session: aiohttp.ClientSession) -> None:
        group = replace(API, deregistration_delay=0.3)
        async with App("a").serve() as a, balancer.register(group, a.port, lambda: None) as target:
            await until(lambda: bool(balancer.healthy_targets(group)))
            balancing = asyncio.create_task(balancer.drain(group, target))
            await asyncio.wait({balancing}, timeout=0.1)
            assert balancing.done(), "it has no request to wait for"
            assert (await session.get("/api/x")).status == 503
            with target.in_flight():
                draining = asyncio.create_task(balancer.drain(group, target))
                await asyncio.wait({draining}, timeout=0.1)
                assert not draining.done()
                await draining

    run(test)
