"""Pages made of templates and of values that take time to read."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2
from aiohttp import web

from local.console import chains, logs, sources
from local.console.sources import Values, Watched
from local_keyspaces.metered import NoMeter

_Answer = Callable[[web.Request], Awaitable[web.Response]]
Read = Callable[[Watched, Mapping[str, str]], Any]
_HERE: Final = Path(__file__).parent
_LINES_OF_A_REQUEST: Final = 100


class Pages:
    """prefix: the start of the console's own path."""

    def __init__(self, watched: Watched, prefix: str) -> None:
        self._watched = watched
        self._prefix = prefix
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["cursor"] = lambda cursor: json.dumps(cursor, separators=(",", ":"))
        self._templates.filters["usd"] = _usd
        self._templates.filters["counted"] = chains.counted

    def html(self, template: str, page: str, request: web.Request, values: Mapping[str, Any]) -> web.Response:
        text = self._templates.get_template(template).render(
            {
                **values,
                "page": page,
                "base": self._prefix,
                "stack": self._watched.running.stack,
                "ready": self._watched.running.ready,
                "query": request.query_string,
            }
        )
        return web.Response(text=text, content_type="text/html")

    def reading(self, template: str, page: str, values: Callable[[Watched, Mapping[str, str]], Values]) -> _Answer:
        """A page whose values are read in a thread, because the load balancer runs on this event loop."""

        async def answer(request: web.Request) -> web.Response:
            found = await asyncio.to_thread(values, self._watched, request.query)
            return self.html(template, page, request, found)

        return answer

    def json(self, read: Read) -> _Answer:
        async def answer(request: web.Request) -> web.Response:
            try:
                found = await asyncio.to_thread(read, self._watched, request.query)
            except NoMeter as error:
                raise web.HTTPServiceUnavailable(text=f"{error}\n") from None
            return web.json_response(found, dumps=lambda value: json.dumps(value, default=str))

        return answer

    async def request(self, request: web.Request) -> web.Response:
        """The page of one request with its statements."""
        id_ = request.query.get("id", "")

        def read() -> tuple[list[chains.Chain], logs.Window]:
            found, _ = sources.requests(self._watched, {"request_id": id_, "most": "20"})
            lines = logs.window(self._watched.state.logs, logs.Filter(text=id_), most=_LINES_OF_A_REQUEST)
            return [each for each in found if each.id == id_], lines

        found, lines = await asyncio.to_thread(read) if id_ else ([], logs.Window())
        if not found:
            raise web.HTTPNotFound(
                text="No request with this id is in the log; the requests page lists the requests in the log.\n"
            )
        since = self._watched.statements.log.since if self._watched.statements else 0.0
        values = {"chains": found, "lines": lines.lines, "id": id_, "since": since}
        return self.html("request.html", "requests", request, values)


def _usd(value: float) -> str:
    """Dollars and cents; below one dollar, three significant figures."""
    return (
        "$0" if not value else f"${value:,.2f}" if value >= 1 else f"${value:.3g}" if value >= 1e-4 else f"${value:.2e}"
    )
