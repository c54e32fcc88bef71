"""The console's server: pages, the fragments that htmx asks for again and again, and what can be done."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jinja2
from aiohttp import web

from local.console import views
from local.console.access import ConsoleAccess
from local.console.queries import query
from local.console.views import Values, Watched
from local.serving import serve_on
from local_keyspaces.faults import BadFaults, Faults, FaultsFile
from local_keyspaces.profiles import ADMINISTRATOR

_HERE: Final = Path(__file__).parent
_FORM_AT_MOST: Final = 256 * 1024  # bytes
_log: Final = logging.getLogger(__name__)

_Answer = Callable[[web.Request], Awaitable[web.Response]]


class Console:
    """One page for each question: what runs, what is logged, what is in the tables, what happens when it fails, what is
    consumed."""

    def __init__(self, watched: Watched, port: int) -> None:
        self._watched = watched
        self._access = ConsoleAccess(port)
        self.address = self._access.address
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[None]:
        app = web.Application(middlewares=[self._access.middleware], client_max_size=_FORM_AT_MOST)
        prefix = self._access.prefix
        reading = {"logs": views.log_lines, "requests": views.requests, "meter": views.meter}
        for name, values in reading.items():
            app.router.add_get(f"{prefix}/{name}", self._reads(name, f"{name}.html", values))
            app.router.add_get(f"{prefix}/live/{name}", self._reads(name, f"{name}_live.html", values))
        app.router.add_get(f"{prefix}/", self._stack)
        app.router.add_get(f"{prefix}/live/", self._tasks)
        app.router.add_get(f"{prefix}/resource", self._resource)
        app.router.add_get(f"{prefix}/cql", self._cql)
        app.router.add_post(f"{prefix}/cql", self._cql)
        app.router.add_get(f"{prefix}/faults", self._faults)
        app.router.add_post(f"{prefix}/faults", self._faults)
        app.router.add_post(f"{prefix}/restart", self._restart)
        app.router.add_static(f"{prefix}/static", _HERE / "static")
        async with serve_on(listener, app, handle_signals=False):
            yield

    def _html(self, template: str, page: str, request: web.Request, values: Values) -> web.Response:
        text = self._pages.get_template(template).render(
            page=page,
            base=self._access.prefix,
            stack=self._watched.running.stack,
            ready=self._watched.running.ready,
            query=request.query_string,
            **values,
        )
        return web.Response(text=text, content_type="text/html")

    def _reads(self, page: str, template: str, values: Callable[[Watched, Mapping[str, str]], Values]) -> _Answer:
        """A page whose values take time to read: not on the loop, on which the load balancer runs."""

        async def answer(request: web.Request) -> web.Response:
            found = await asyncio.to_thread(values, self._watched, request.query)
            return self._html(template, page, request, found)

        return answer

    async def _stack(self, request: web.Request) -> web.Response:
        return self._html("stack.html", "stack", request, views.stack(self._watched))

    async def _tasks(self, request: web.Request) -> web.Response:
        return self._html("stack_live.html", "stack", request, views.tasks(self._watched))

    async def _resource(self, request: web.Request) -> web.Response:
        urn = request.query.get("urn", "")
        found = next((each for each in self._watched.declared().resources if each.urn == urn), None)
        if found is None:
            raise web.HTTPNotFound(
                text="The program declares no such resource; the stack's page lists those it does.\n"
            )
        return self._html("resource.html", "stack", request, views.resource(found))

    async def _cql(self, request: web.Request) -> web.Response:
        given = await request.post() if request.method == "POST" else {}
        profiles = [ADMINISTRATOR, *sorted(self._watched.roles)]
        statement, profile = str(given.get("statement", "")).strip(), str(given.get("profile", ADMINISTRATOR))
        if profile not in profiles:
            raise web.HTTPBadRequest(text=f"There is no profile {profile[:50]!r}; there are {', '.join(profiles)}.\n")
        result = None
        if statement:
            state, running = self._watched.state, self._watched.running
            result = await asyncio.to_thread(query, state, running, statement.removesuffix(";"), profile)
        tables = sorted(
            f"{each.inputs['keyspaceName']}.{each.inputs['tableName']}"
            for each in self._watched.declared().of_type("aws:keyspaces/table:Table")
        )
        shown: dict[str, Any] = {"profiles": profiles, "profile": profile, "result": result, "tables": tables}
        shown["statement"] = statement or (f"SELECT * FROM {tables[0]} LIMIT 20" if tables else "")
        return self._html("cql.html", "cql", request, shown)

    async def _faults(self, request: web.Request) -> web.Response:
        file, error = FaultsFile(self._watched.state.faults), ""
        if request.method == "POST":
            given = await request.post()
            try:
                # A box that is ticked is sent as `on`, one that is not ticked is not sent.
                texts = {name: "true" if value == "on" else str(value) for name, value in given.items()}
                file.write(Faults.parse([f"{name}={text}" for name, text in texts.items()]))
            except BadFaults as refused:
                error = str(refused)
        return self._html("faults.html", "faults", request, views.faults(file.current(), error))

    async def _restart(self, request: web.Request) -> web.Response:
        id_ = str((await request.post()).get("task", ""))
        for service in self._watched.services:
            if id_ in service.tasks:
                service.tasks[id_].restart()
                _log.info("the console restarts %s/%s", service.name, id_)
                return web.Response(status=303, headers={"Location": f"{self._access.prefix}/"})
        raise web.HTTPNotFound(text="This task does not run any more; the stack's page has those that do.\n")
