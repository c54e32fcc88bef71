"""What the console's pages show, as values for their templates."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from declared.program import Program, Resource
from diagram.stack_view import view_of
from diagram.svg import render
from local.console import logs
from local.rollout import Rollout
from local.state import StackState
from local.tasks import LocalService
from local_keyspaces.faults import Faults
from local_keyspaces.metered import NoMeter, read_totals
from local_keyspaces.state import Running

Values = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    """What the console shows. declared: the program as it was deployed last. rollout: None before there is one."""

    state: StackState
    running: Running
    declared: Callable[[], Program]
    rollout: Rollout | None
    roles: Sequence[str]

    @property
    def services(self) -> list[LocalService]:
        return self.rollout.services if self.rollout else []


def stack(watched: Watched) -> Values:
    program = watched.declared()
    resources = [(each.urn, each.type, each.name) for each in program.resources if each.custom]
    picture = render(view_of(program, watched.running.stack))
    return {**tasks(watched), "picture": picture, "resources": resources}


def tasks(watched: Watched) -> Values:
    now, services = datetime.now(UTC).timestamp(), watched.services
    known = {service.name for service in services}
    return {
        "services": [
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
            for service in services
        ],
        "once": {name: status for name, status in watched.running.status.items() if name not in known},
        "outputs": {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in watched.running.outputs.items()
        },
    }


def resource(found: Resource) -> Values:
    shown = {name: value for name, value in found.inputs.items() if name != "__provider"}
    inputs = json.dumps(shown, indent=2, default=lambda _: "known after `pulumi up`", sort_keys=True)
    return {"resource": found, "inputs": inputs}


def log_lines(watched: Watched, given: Mapping[str, str]) -> Values:
    """Reads files."""
    directory, text = watched.state.logs, given.get("text", "")
    services = logs.services(directory)
    service = given.get("service", "") if given.get("service") in services else ""
    lines = logs.newest(directory, service=service, text=text)
    return {"lines": lines, "services": services, "service": service, "text": text}


def requests(watched: Watched, given: Mapping[str, str]) -> Values:
    """Reads files."""
    text = given.get("text", "")
    return {"lines": logs.newest(watched.state.logs, text=text, requests=True)[::-1], "text": text}


def meter(watched: Watched, _: Mapping[str, str]) -> Values:
    """Asks the endpoint."""
    try:
        totals = read_totals(watched.state.keyspaces)
    except NoMeter as error:
        return {"error": str(error), "tables": [], "statements": [], "partitions": [], "throttled": []}
    statements = sorted(totals["statements"], key=lambda each: -(each["read_units"] + each["write_units"]))
    tables: dict[str, list[float]] = {}
    for each in statements:
        sums = tables.setdefault(f"{each['keyspace']}.{each['table']}", [0, 0, 0])
        sums[0] += each["statements"]
        sums[1] += each["read_units"]
        sums[2] += each["write_units"]
    # Only where capacity is enforced; those by operation count throttled requests.
    metrics = [each for each in totals.get("metrics", ()) if "Operation" in each["dimensions"]]
    return {
        "error": "",
        "tables": sorted(tables.items()),
        "statements": statements,
        "partitions": totals["partitions"],
        "throttled": metrics,
    }


def faults(current: Faults, error: str) -> Values:
    """error: of the faults that were asked for last."""
    fields = [
        (each.name, getattr(current, each.name), type(each.default).__name__, each.metadata["means"])
        for each in dataclasses.fields(Faults)
    ]
    return {"fields": fields, "error": error, "on": current != Faults()}
