"""The console's server: pages, the fragments that htmx asks for again and again, and what can be done."""

import asyncio
import dataclasses
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2
from aiohttp import web

from declared.program import Program, Resource
from diagram.stack_view import view_of
from diagram.svg import render
from local.console import logs
from local.console.access import ConsoleAccess
from local.console.queries import query
from local.rollout import Rollout
from local.state import StackState
from local.tasks import LocalService
from local_keyspaces.faults import BadFaults, Faults, FaultsFile
from local_keyspaces.metered import NoMeter, read_totals
from local_keyspaces.profiles import ADMINISTRATOR
from local_keyspaces.state import Running

_HERE: Final = Path(__file__).parent
_EXAMPLE: Final = "SELECT * FROM {keyspace}.{table} LIMIT 20"
_log: Final = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    """What the console shows. declared: the program as it was deployed last."""

    state: StackState
    running: Running
    declared: Callable[[], Program]
    rollout: Rollout | None
    roles: Sequence[str]


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
        app = web.Application(middlewares=[self._access.middleware], client_max_size=256 * 1024)
        prefix = self._access.prefix
        for path, page in (("/", "stack"), ("/logs", "logs"), ("/requests", "requests"), ("/meter", "meter")):
            app.router.add_get(f"{prefix}{path}", self._page(page))
            app.router.add_get(f"{prefix}/live{path}", self._page(page, fragment=True))
        app.router.add_get(f"{prefix}/resource", self._resource)
        app.router.add_get(f"{prefix}/cql", self._cql)
        app.router.add_post(f"{prefix}/cql", self._cql)
        app.router.add_get(f"{prefix}/faults", self._faults)
        app.router.add_post(f"{prefix}/faults", self._faults)
        app.router.add_post(f"{prefix}/restart", self._restart)
        app.router.add_static(f"{prefix}/static", _HERE / "static")
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield
        finally:
            await runner.cleanup()

    def _page(self, name: str, *, fragment: bool = False) -> Callable[[web.Request], Any]:
        values: Mapping[str, Callable[[web.Request], Mapping[str, Any]]] = {
            "stack": self._stack,
            "logs": self._log_lines,
            "requests": self._requests,
            "meter": self._meter,
        }

        async def answer(request: web.Request) -> web.Response:
            # Files are read, so not on the loop that the load balancer runs on.
            found = await asyncio.to_thread(values[name], request)
            return self._html(f"{name}_live.html" if fragment else f"{name}.html", name, request, **found)

        return answer

    def _html(self, template: str, page: str, request: web.Request, **values: Any) -> web.Response:
        text = self._pages.get_template(template).render(
            page=page,
            base=self._access.prefix,
            stack=self._watched.running.stack,
            ready=self._watched.running.ready,
            query=request.query_string,
            **values,
        )
        return web.Response(text=text, content_type="text/html")

    def _services(self) -> list[LocalService]:
        return self._watched.rollout.services if self._watched.rollout else []

    def _stack(self, _: web.Request) -> Mapping[str, Any]:
        watched, now = self._watched, datetime.now(UTC).timestamp()
        services = [
            {
                "name": service.name,
                "wanted": service.wanted,
                "tasks": [
                    {
                        "id": id_,
                        "healthy": each.target.healthy,
                        "port": each.target.port,
                        "pid": each.task.process.pid,
                        "seconds": int(now - each.started),
                    }
                    for id_, each in sorted(service.tasks.items())
                ],
            }
            for service in self._services()
        ]
        known = {service.name for service in self._services()}
        once = {name: status for name, status in watched.running.status.items() if name not in known}
        resources = [each for each in watched.declared().resources if each.custom]
        return {
            "picture": render(view_of(watched.declared(), watched.running.stack)),
            "services": services,
            "once": once,
            "outputs": {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in watched.running.outputs.items()
            },
            "resources": [(each.urn, each.type, each.name) for each in resources],
        }

    def _log_lines(self, request: web.Request) -> Mapping[str, Any]:
        directory, given = self._watched.state.logs, request.query
        service, text = given.get("service", ""), given.get("text", "")
        services = logs.services(directory)
        if service not in services:
            service = ""
        return {
            "lines": logs.newest(directory, service=service, text=text),
            "services": services,
            "service": service,
            "text": text,
        }

    def _requests(self, request: web.Request) -> Mapping[str, Any]:
        text = request.query.get("text", "")
        lines = logs.newest(self._watched.state.logs, text=text, requests=True)
        return {"lines": lines[::-1], "text": text}

    def _meter(self, _: web.Request) -> Mapping[str, Any]:
        try:
            totals = read_totals(self._watched.state.keyspaces)
        except NoMeter as error:
            return {"error": str(error), "tables": [], "statements": [], "partitions": []}
        statements = sorted(totals["statements"], key=lambda each: -(each["read_units"] + each["write_units"]))
        tables: dict[str, list[float]] = {}
        for each in statements:
            sums = tables.setdefault(f"{each['keyspace']}.{each['table']}", [0, 0, 0])
            sums[0] += each["statements"]
            sums[1] += each["read_units"]
            sums[2] += each["write_units"]
        return {
            "error": "",
            "tables": sorted(tables.items()),
            "statements": statements,
            "partitions": totals["partitions"],
        }

    async def _resource(self, request: web.Request) -> web.Response:
        urn = request.query.get("urn", "")
        found = next((each for each in self._watched.declared().resources if each.urn == urn), None)
        if found is None:
            raise web.HTTPNotFound(text="The program declares no such resource.\n")
        return self._html("resource.html", "stack", request, resource=found, inputs=_in_json(found))

    async def _cql(self, request: web.Request) -> web.Response:
        given = await request.post() if request.method == "POST" else {}
        profiles = [ADMINISTRATOR, *sorted(self._watched.roles)]
        statement, profile = str(given.get("statement", "")).strip(), str(given.get("profile", ADMINISTRATOR))
        if profile not in profiles:
            raise web.HTTPBadRequest(text=f"There is no profile {profile[:50]!r}.\n")
        result = None
        if statement:
            result = await asyncio.to_thread(
                query, self._watched.state, self._watched.running, statement.removesuffix(";"), profile
            )
        tables = [
            f"{each.inputs['keyspaceName']}.{each.inputs['tableName']}"
            for each in self._watched.declared().of_type("aws:keyspaces/table:Table")
        ]
        example = f"SELECT * FROM {tables[0]} LIMIT 20" if tables else ""
        return self._html(
            "cql.html",
            "cql",
            request,
            profiles=profiles,
            profile=profile,
            statement=statement or example,
            result=result,
            tables=sorted(tables),
        )

    async def _faults(self, request: web.Request) -> web.Response:
        file, error = FaultsFile(self._watched.state.faults), ""
        if request.method == "POST":
            given = await request.post()
            try:
                file.write(_faults_of({name: str(value) for name, value in given.items()}))
            except BadFaults as refused:
                error = str(refused)
        current = dataclasses.asdict(file.current())
        fields = [
            (each.name, current[each.name], type(each.default).__name__, _FAULT_WORDS[each.name])
            for each in dataclasses.fields(Faults)
        ]
        return self._html("faults.html", "faults", request, fields=fields, error=error, on=any(current.values()))

    async def _restart(self, request: web.Request) -> web.Response:
        id_ = str((await request.post()).get("task", ""))
        for service in self._services():
            if id_ in service.tasks:
                service.tasks[id_].restart()
                _log.info("the console restarts %s/%s", service.name, id_)
                return web.Response(status=303, headers={"Location": f"{self._access.prefix}/"})
        raise web.HTTPNotFound(text="This task does not run any more.\n")


_FAULT_WORDS: Final = {
    "throttle_reads": "share of the reads that Keyspaces throttles, 0 to 1",
    "throttle_writes": "share of the writes that Keyspaces throttles, 0 to 1",
    "drop": "share of the statements whose connection breaks, 0 to 1",
    "latency": "seconds that are added to each statement",
    "rate_limit": "statements a second on one connection; 0 for no limit",
    "expired_credentials": "every sign-in with temporary credentials is refused",
    "page_rows": "rows that a page has at most; 0 for as many as were asked for",
    "empty_pages": "a page without rows comes before each",
}


def _faults_of(given: Mapping[str, str]) -> Faults:
    """Raises BadFaults."""
    values: dict[str, Any] = {}
    for each in dataclasses.fields(Faults):
        text = given.get(each.name, "")
        if isinstance(each.default, bool):
            values[each.name] = text == "on"
        elif text:
            try:
                values[each.name] = int(text) if isinstance(each.default, int) else float(text)
            except ValueError:
                raise BadFaults(f"fault {each.name} is {text[:50]!r}; give a number") from None
    return Faults.of(values)


def _in_json(resource: Resource) -> str:
    shown = {name: value for name, value in resource.inputs.items() if name != "__provider"}
    return json.dumps(shown, indent=2, default=lambda _: "known after `pulumi up`", sort_keys=True)
