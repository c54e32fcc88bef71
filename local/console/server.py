"""The console's server: pages, fragments that htmx polls, JSON, and actions."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from local.console import sources
from local.console.access import ConsoleAccess
from local.console.cql_page import CqlPage
from local.console.pages import Pages
from local.console.readings import FRAGMENTS, JSON
from local.console.sources import Watched
from local.serving import serve_on
from local_keyspaces.faults import BadFaults, Faults, FaultsFile

_HERE: Final = Path(__file__).parent
_FORM_AT_MOST: Final = 256 * 1024  # bytes


class Console:
    """One page for each subject: the running stack, logs, requests, the tables' rows, faults, and consumption."""

    def __init__(self, watched: Watched, port: int) -> None:
        self._watched = watched
        self._access = ConsoleAccess(port)
        self.address = self._access.address
        self._pages = Pages(watched, self._access.prefix)

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[None]:
        app = web.Application(middlewares=[self._access.middleware], client_max_size=_FORM_AT_MOST)
        prefix, add = self._access.prefix, app.router
        for name, values in FRAGMENTS.items():
            add.add_get(
                f"{prefix}/{name if name != 'stack' else ''}", self._pages.reading(f"{name}.html", name, values)
            )
            add.add_get(f"{prefix}/live/{name}", self._pages.reading(f"{name}_live.html", name, values))
        for name, read in JSON.items():
            add.add_get(f"{prefix}/api/{name}", self._pages.json(read))
        add.add_post(f"{prefix}/api/deploy", self._deploy)
        add.add_get(f"{prefix}/resource", self._resource)
        add.add_get(f"{prefix}/request", self._pages.request)
        cql = CqlPage(self._watched, self._pages)
        add.add_get(f"{prefix}/cql", cql.answer)
        add.add_post(f"{prefix}/cql", cql.answer)
        add.add_post(f"{prefix}/cql/check", cql.check)
        add.add_post(f"{prefix}/faults", self._switch_faults)
        add.add_post(f"{prefix}/tasks", self._change_task)
        add.add_post(f"{prefix}/api/tasks", self._change_task)
        add.add_static(f"{prefix}/static", _HERE / "static")
        async with serve_on(listener, app, handle_signals=False):
            yield

    async def _resource(self, request: web.Request) -> web.Response:
        urn = request.query.get("urn", "")
        found = await asyncio.to_thread(sources.describe, self._watched, urn) if urn else []
        if not found:
            raise web.HTTPNotFound(
                text="The program does not declare this resource; the stack's page lists the declared ones.\n"
            )
        return self._pages.html("resource.html", "stack", request, {"resource": found[0]})

    async def _deploy(self, _: web.Request) -> web.Response:
        if self._watched.deploy is None or not self._watched.running.ready:
            raise web.HTTPConflict(text="The stack is still starting, with the present program.\n")
        return web.json_response(await self._watched.deploy())

    async def _switch_faults(self, request: web.Request) -> web.Response:
        given, error = await request.post(), ""
        try:
            # Browsers send `on` for a ticked box, and nothing for a box that is not ticked.
            texts = {name: "true" if value == "on" else str(value) for name, value in given.items()}
            FaultsFile(self._watched.state.faults).write(
                Faults.parse([f"{name}={text}" for name, text in texts.items()])
            )
        except BadFaults as refused:
            error = str(refused)
        values: dict[str, Any] = await asyncio.to_thread(FRAGMENTS["faults"], self._watched, request.query)
        return self._pages.html("faults.html", "faults", request, {**values, "error": error})

    async def _change_task(self, request: web.Request) -> web.Response:
        """Restarts or stops a task, for a form or a command."""
        given = {**request.query, **(await request.post())}
        id_, action = str(given.get("task", "")), given.get("action")
        if action not in ("restart", "stop"):
            raise web.HTTPBadRequest(text="The action is restart or stop.\n")
        for service in self._watched.services:
            if service.restart_task(id_) if action == "restart" else service.stop_task(id_):
                if request.path.startswith(f"{self._access.prefix}/api/"):
                    return web.json_response({"service": service.name, "task": id_, "action": action})
                return web.Response(status=303, headers={"Location": f"{self._access.prefix}/"})
        raise web.HTTPNotFound(
            text="No service runs this task; the stack's page, or `status --json`, lists the running tasks.\n"
        )
