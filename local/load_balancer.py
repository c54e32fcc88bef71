"""One address in front of the services, with rules, target groups and health checks; requests rotate over the healthy
targets."""

import asyncio
import fnmatch
import itertools
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from local.serving import serve_on
from local.stack_model import Rule, TargetGroup
from local.traffic import Traffic, header_bytes

# Headers about one connection, which a proxy must not pass on (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host")
)
_FIRST_CHECKS_EVERY = 0.05  # seconds, until a new target has answered once: a short wait for the developer
_CHUNK = 64 * 1024
_LINE_AT_MOST = 16 * 1024  # bytes of a request line or header (Application Load Balancers' quotas)


@dataclass(eq=False)
class Target:
    """A task, by its port on 127.0.0.1. draining: it gets no new requests. last_check: the reason of a failed check."""

    port: int
    healthy: bool = False
    draining: bool = False
    last_check: str = ""
    _requests: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Counts a request that is in flight until the block ends."""
        self._requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def until_idle(self) -> None:
        await self._idle.wait()


class LoadBalancer:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.traffic: dict[str, Traffic] = {}
        """By target group."""
        self._targets: dict[str, list[Target]] = {rule.target_group.name: [] for rule in rules}
        self._turn = itertools.count()
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._proxy)
        app.on_response_prepare.append(_without_server_header)
        sizes = {"max_line_size": _LINE_AT_MOST, "max_field_size": _LINE_AT_MOST}
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=_LINE_AT_MOST,
            ) as self._session,
            serve_on(listener, app, **sizes),
        ):
            yield

    @asynccontextmanager
    async def register(self, group: TargetGroup, port: int, on_change: Callable[[], None]) -> AsyncIterator[Target]:
        """Registers a target until the block ends. It gets requests while it is healthy; changes call `on_change`."""
        target = Target(port)
        targets = self._targets.setdefault(group.name, [])
        targets.append(target)
        check = asyncio.create_task(self._check(group, target, on_change))
        try:
            yield target
        finally:
            targets.remove(target)
            check.cancel()
            await asyncio.gather(check, return_exceptions=True)

    def healthy_targets(self, group: TargetGroup) -> list[Target]:
        return [target for target in self._targets.get(group.name, ()) if target.healthy and not target.draining]

    async def drain(self, group: TargetGroup, target: Target) -> None:
        """Deregisters a target. Returns when it has no more requests, or after the group's deregistration delay (user
        guide of Application Load Balancers, "Deregistration delay")."""
        target.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(group.deregistration_delay):
                await target.until_idle()

    async def _check(self, group: TargetGroup, target: Target, on_change: Callable[[], None]) -> None:
        assert self._session is not None
        failures = 0
        while True:
            try:
                async with self._session.get(
                    f"http://127.0.0.1:{target.port}{group.path}", timeout=aiohttp.ClientTimeout(total=group.timeout)
                ) as response:
                    passed = response.status == 200
                    target.last_check = "" if passed else f"GET {group.path} answers {response.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                passed = False
                target.last_check = f"GET {group.path} gets no answer: {type(error).__name__}"
            failures = 0 if passed else failures + 1
            healthy = passed or (target.healthy and failures < group.unhealthy_threshold)
            if healthy != target.healthy:
                target.healthy = healthy
                on_change()
            await asyncio.sleep(group.interval if target.healthy else _FIRST_CHECKS_EVERY)

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        rule = next(
            (rule for rule in self.rules if any(fnmatch.fnmatchcase(request.path, path) for path in rule.paths)), None
        )
        if rule is None:
            return web.Response(status=404, text="No service answers here.\n")
        targets = self.healthy_targets(rule.target_group)
        if not targets:
            return web.Response(status=503, text="No task of the service is healthy.\n")
        target = targets[next(self._turn) % len(targets)]
        with target.in_flight():
            return await self._forward(request, rule.target_group, target)

    async def _forward(self, request: web.Request, group: TargetGroup, target: Target) -> web.StreamResponse:
        assert self._session is not None
        try:
            upstream = await self._session.request(
                request.method,
                URL(f"http://127.0.0.1:{target.port}{_origin_form(request.raw_path)}", encoded=True),
                headers=_forwarded(request),
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"The task did not answer: {type(error).__name__}.\n")
        async with upstream:
            response = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            await response.prepare(request)
            length = header_bytes(response.headers)
            async for chunk in upstream.content.iter_chunked(_CHUNK):
                length += len(chunk)
                await response.write(chunk)
            await response.write_eof()
            traffic = self.traffic.setdefault(group.name, Traffic())
            body = request.content.total_bytes if request.body_exists else 0
            traffic.add(request.method, header_bytes(request.headers) + body, length)
            return response


def _origin_form(target: str) -> str:
    """The request's target; for the absolute form, which clients of proxies use, its path (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    _, slash, path = rest.partition("/")
    return slash + path if slash else "/"


def _is_no_malformed_request(record: logging.LogRecord) -> bool:
    """False for a record about a request that is not HTTP: it was answered with 400, and is not shown."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


logging.getLogger("aiohttp.server").addFilter(_is_no_malformed_request)


async def _without_server_header(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)


def _forwarded(request: web.Request) -> CIMultiDict[str]:
    headers = _end_to_end(request.headers)
    headers["Host"] = request.host
    headers.add("X-Forwarded-For", request.remote or "127.0.0.1")
    headers["X-Forwarded-Proto"] = request.scheme
    return headers


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)
