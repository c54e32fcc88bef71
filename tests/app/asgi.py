"""The application called without a server, in front of countries that are not in a database."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from starlette.types import ASGIApp

from query_api.app import create_app
from query_api.countries import Column, Countries, Country, CountryPage
from query_api.health import Health
from query_api.metrics import NoMetrics
from query_api.options import Options

US = ("us", 9834000)


@dataclass
class FakeCountries:
    """One country, which is read when `may_answer` says so. error: raised instead."""

    error: Exception | None = None
    query: str = "SELECT"
    columns: tuple[Column, ...] = (Column(name="id", cql_type="text"), Column(name="area", cql_type="int"))
    reads: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def one(self, id_: str, *, deadline: float) -> Country | None:
        await self._read()
        return US if id_ == "us" else None

    async def page(self, *, limit: int, paging_state: bytes | None, deadline: float) -> CountryPage:
        await self._read()
        return CountryPage(countries=[US], paging_state=None)

    async def _read(self) -> None:
        self.reads += 1
        if self.error:
            raise self.error
        await self.may_answer.wait()


def application(countries: FakeCountries, options: Options | None = None, health: Health | None = None) -> ASGIApp:
    """Its log goes nowhere."""
    return create_app(
        cast(Countries, countries),
        options or Options(),
        health or Health(),
        metrics=NoMetrics(),
        write=lambda line: None,
    )


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGIApp, path: str, *, headers: Mapping[str, str] = MappingProxyType({}), method: str = "GET"
) -> Response:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return Response(
        status=sent[0]["status"],
        headers={name.decode(): value.decode() for name, value in sent[0]["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
    )
