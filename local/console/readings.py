"""Reads the values of each page, and of each command with `--json`."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from diagram.stack_view import resources_by_line, view_of
from diagram.svg import render
from local.console import chains, charts, logs, sources
from local.console.sources import Values, Watched
from local_keyspaces.faults import Faults, FaultsFile
from local_keyspaces.metered import NoMeter

_WITHOUT_REQUEST = 50
_FOR_CHARTS = 5_000


def _stack(watched: Watched, _: Mapping[str, str]) -> Values:
    program = watched.declared()
    status = sources.status(watched)
    outputs = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in status["outputs"].items()
    }
    # Relative to the stack's page, which is the console's root.
    links = {line: f"resource?urn={quote(each.urn)}" for line, each in resources_by_line(program).items()}
    picture = render(view_of(program, watched.running.stack), links)
    return {**status, "outputs": outputs, "picture": picture, "resources": sources.describe(watched)}


def _logs(watched: Watched, given: Mapping[str, str]) -> Values:
    found, wanted = sources.log_lines(watched, given), sources.wanted(given)
    return {
        "window": found,
        "wanted": wanted,
        "services": logs.services(watched.state),
        "tasks": logs.tasks(watched.state, wanted.service),
        "levels": logs.LEVELS,
        "older": sources.cursor(given) is not None,
    }


def _requests(watched: Watched, given: Mapping[str, str]) -> Values:
    found, older = sources.requests(watched, given)
    since = watched.statements.log.since if watched.statements else 0.0
    return {
        "chains": found,
        "older": older,
        "wanted": sources.wanted(given),
        "is_older": sources.cursor(given) is not None,
        "since": since,
        "others": chains.without_request(watched.statements, most=_WITHOUT_REQUEST),
    }


def _faults(watched: Watched, _: Mapping[str, str]) -> Values:
    current = FaultsFile(watched.state.faults).current()
    fields = [
        (each.name, getattr(current, each.name), type(each.default).__name__, each.metadata["means"])
        for each in dataclasses.fields(Faults)
    ]
    found, _older = sources.requests(watched, {"most": str(_FOR_CHARTS)})
    seconds = charts.seconds(found, time.time())
    last = [each for each in seconds[-10:] if each.ms]
    return {
        "fields": fields,
        "error": "",
        "on": current != Faults(),
        "names": [each.name for each in dataclasses.fields(Faults) if getattr(current, each.name)],
        "latency": charts.latency_chart(seconds),
        "errors": charts.error_chart(seconds),
        "requests": sum(len(each.ms) for each in last),
        "failed": sum(each.errors for each in last),
        "median": charts.Second(ms=[ms for each in last for ms in each.ms]).percentile(0.5),
    }


def _meter(watched: Watched, _: Mapping[str, str]) -> Values:
    month = sources.month(watched)
    try:
        return {"error": "", "month": month, "metrics": (), **sources.meter(watched)}
    except NoMeter as error:
        empty: Values = {name: [] for name in ("tables", "statements", "partitions", "routes", "metrics")}
        return {"error": str(error), "month": month, **empty}


FRAGMENTS: Mapping[str, Callable[[Watched, Mapping[str, str]], Values]] = {
    "stack": _stack,
    "logs": _logs,
    "requests": _requests,
    "faults": _faults,
    "meter": _meter,
}
"""Reads the values of a page that is kept up to date, by the page's name."""


def _log_json(watched: Watched, given: Mapping[str, str]) -> Any:
    found = sources.log_lines(watched, given)
    return {"lines": [line.as_json() for line in found.lines], "older": found.older}


def _request_json(watched: Watched, given: Mapping[str, str]) -> Any:
    found, older = sources.requests(watched, given)
    others = chains.without_request(watched.statements, most=_WITHOUT_REQUEST)
    return {"requests": [each.as_json() for each in found], "older": older, "statements_without_request": others}


JSON: Mapping[str, Callable[[Watched, Mapping[str, str]], Any]] = {
    "status": lambda watched, _: sources.status(watched),
    "logs": _log_json,
    "requests": _request_json,
    "meter": lambda watched, _: {**sources.meter(watched), "month": sources.month(watched)},
    "describe": lambda watched, given: sources.describe(watched, given.get("name", "")),
}
"""Reads the JSON of a command, by the command's name."""
