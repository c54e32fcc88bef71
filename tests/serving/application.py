"""Calls the application of `tests.fakes.things` without a server, over an in-memory table."""

from collections.abc import Callable

import httpx
from starlette.types import ASGIApp

from service.application import create_app
from service.documentation import About
from service.health import Health
from service.metrics import Metrics, NoMetrics
from service.options import Options
from service.schema_watch import SchemaWatch
from service.tables import Tables
from tests.fakes.table import FakeTable, NoBatches
from tests.fakes.things import routes

ABOUT = About(title="Things", version="1.0.0", about="Reads a table of things.")


def application(
    table: FakeTable,
    options: Options | None = None,
    health: Health | None = None,
    metrics: Metrics | None = None,
    write: Callable[[bytes], object] = lambda line: None,
) -> ASGIApp:
    """Discards the log unless `write` takes it."""
    options = options or Options()
    return create_app(
        routes(Tables(lambda _: table, NoBatches(), options, SchemaWatch(0))),
        about=ABOUT,
        options=options,
        health=health or Health(),
        metrics=metrics or NoMetrics(),
        write=write,
    )


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


async def ask(app: ASGIApp, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> httpx.Response:
    async with client(app) as asking:
        # Without httpx's own headers, so that the request has only those that a test names.
        asking.headers = httpx.Headers()
        return await asking.request(method, path, headers=headers)
