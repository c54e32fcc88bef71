"""The values that both the console and the commands with `--json` show."""

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from costs.assumptions import DEFAULTS
from costs.estimate import EACH_TIME, IDLE, estimate
from costs.items import total
from costs.measured import read_measured
from declared.errors import ProgramError
from declared.program import Program, Resource
from local.console import chains, logs
from local.console.chains import Statements, dollars
from local.console.logs import Filter
from local.rollout import Rollout
from local.service_tasks import LocalService
from local.state import StackState
from local_keyspaces.credentials import Role
from local_keyspaces.metered import read_totals
from local_keyspaces.state import Running

Values = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    """The stack as the console shows it. declared: returns the program of the last deployment. rollout, statements:
    None before they exist. roles: by name. events: the terminal's lines about edits and deployments. deploy: deploys
    edited files.
    """

    state: StackState
    running: Running
    declared: Callable[[], Program]
    rollout: Rollout | None
    roles: Mapping[str, Role]
    statements: Statements | None = None
    events: Iterable[str] = ()
    deploy: Callable[[], Awaitable[Values]] | None = None

    @property
    def services(self) -> list[LocalService]:
        return self.rollout.services if self.rollout else []


def status(watched: Watched) -> Values:
    now, services = datetime.now(UTC).timestamp(), watched.services
    known = {service.name for service in services}
    return {
        "stack": watched.running.stack,
        "ready": watched.running.ready,
        "process": watched.running.pid,
        "region": watched.running.region,
        "keyspaces_port": watched.running.keyspaces_port,
        "ca_file": str(watched.state.ca_file),
        "services": [
            {
                "name": service.name,
                "wanted": service.wanted,
                "healthy": service.healthy,
                "tasks": [
                    {
                        "id": id_,
                        "healthy": each.target.healthy,
                        "leaving": each.target.draining,
                        "why": each.target.last_check,
                        "port": each.target.port,
                        "pid": each.task.process.pid,
                        "seconds": int(now - each.started),
                    }
                    for id_, each in sorted(service.tasks.items())
                ],
            }
            for service in services
        ],
        "once": {name: status for name, status in watched.running.status.items() if name not in known},
        "outputs": watched.running.outputs,
        "events": list(watched.events)[-50:],
    }


def log_lines(watched: Watched, given: Mapping[str, str]) -> logs.Window:
    """Reads files."""
    return logs.window(watched.state.logs, wanted(given), cursor(given), most=most(given))


def requests(watched: Watched, given: Mapping[str, str]) -> tuple[list[chains.Chain], logs.Cursor | None]:
    """Reads files."""
    chosen = dataclasses.replace(wanted(given), requests=True)
    return chains.newest(watched.state.logs, watched.statements, chosen, before=cursor(given), most=most(given))


def meter(watched: Watched) -> Values:
    """Consumption and throttling, from the endpoint. Raises NoMeter."""
    totals = read_totals(watched.state.keyspaces)
    statements = sorted(
        ({**each, "usd": dollars(each["read_units"], each["write_units"])} for each in totals["statements"]),
        key=lambda each: -each["usd"],
    )
    tables: dict[str, Values] = {}
    for each in statements:
        name = f"{each['keyspace']}.{each['table']}"
        sums = tables.setdefault(
            name, {"table": name, "statements": 0, "read_units": 0.0, "write_units": 0.0, "usd": 0.0}
        )
        for key in ("statements", "read_units", "write_units", "usd"):
            sums[key] += each[key]
    return {
        **totals,
        "statements": statements,
        "tables": sorted(tables.values(), key=lambda each: each["table"]),
        "routes": _routes(watched),
    }


def month(watched: Watched) -> Values:
    """The estimated cost of the declared stack on AWS, and of a million requests. Reads a file.

    requests: by assumptions. requests_measured: by the requests that were answered here, which `measured` describes;
    None without any. error: the reason if there is no estimate.
    """
    try:
        estimated = estimate(watched.declared())
        measured = read_measured(watched.state.measured)
        as_measured = total(estimate(watched.declared(), measured.assumptions()).requests) if measured else None
    except ProgramError as error:
        return {
            "error": str(error),
            "idle": 0.0,
            "requests": 0.0,
            "items": [],
            "requests_measured": None,
            "measured": [],
        }
    items = [{"what": item.what, "count": item.count, "usd": item.usd} for item in estimated.idle]
    return {
        "error": "",
        "idle": total(estimated.idle),
        "requests": total(estimated.requests),
        "items": items,
        "requests_measured": as_measured,
        "measured": list(measured.lines()) if measured else [],
    }


def describe(watched: Watched, name: str = "") -> list[Values]:
    """The declared resources; only those with this URN or name, if it is given."""
    program = watched.declared()
    return [
        _described(program, each) for each in program.resources if each.custom and name in (each.urn, each.name, "")
    ]


def _described(program: Program, resource: Resource) -> Values:
    shown = {key: value for key, value in resource.inputs.items() if key != "__provider"}
    for path in resource.secrets:
        shown[path.partition(".")[0]] = "[secret]"
    inputs = json.loads(json.dumps(shown, default=lambda _: "known after `pulumi up`", sort_keys=True))
    pricing = IDLE.get(resource.type) or EACH_TIME.get(resource.type)
    try:
        items = list(pricing(resource, program, DEFAULTS)) if pricing else []
    except ProgramError:
        items = []
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "protect": resource.protect,
        "declared_at": list(resource.declared_at),
        "inputs": inputs,
        "costs": [
            {"what": each.what, "count": each.count, "price": str(each.price), "usd": each.usd} for each in items
        ],
        "each_time": resource.type in EACH_TIME,
        "usd": total(items),
    }


def _routes(watched: Watched) -> list[Values]:
    """The average consumption of a request of each route, over the newest 300 requests with known statements."""
    found, _ = requests(watched, {})
    since = watched.statements.log.since if watched.statements else 0.0
    routes: dict[str, Values] = {}
    for chain in found:
        if chain.began < since:
            continue
        name = f"{chain.line.data.get('method', '')} {chain.line.data['route']}"
        sums = routes.setdefault(name, {"route": name, "requests": 0, "read_units": 0.0, "write_units": 0.0})
        sums["requests"] += 1
        sums["read_units"] += chain.read_units
        sums["write_units"] += chain.write_units
    for sums in routes.values():
        sums["usd_a_million"] = dollars(sums["read_units"], sums["write_units"]) / sums["requests"] * 1e6
    return sorted(routes.values(), key=lambda each: -each["usd_a_million"])


def wanted(given: Mapping[str, str]) -> Filter:
    """The filter that a form or a command gives; invalid values are ignored."""

    def name(key: str) -> str:
        """The value as a name; empty if it could be a path or a pattern."""
        return value if (value := given.get(key, "")).replace("-", "").isalnum() else ""

    level = given.get("level", "")
    return Filter(
        service=name("service"),
        task=name("task"),
        text=given.get("text", ""),
        request_id=given.get("request_id", ""),
        level=level if level in logs.LEVELS else "",
    )


def cursor(given: Mapping[str, str]) -> logs.Cursor | None:
    try:
        value = json.loads(given["before"])
        return {str(name): int(offset) for name, offset in value.items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def most(given: Mapping[str, str]) -> int:
    text = given.get("most", "")
    return min(max(int(text), 1), 10_000) if text.isdecimal() else logs.LINES_AT_MOST
