"""The command `meter`: the consumption of the running endpoint's clients, as text or as JSON."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from local_keyspaces.metered import read_totals
from local_keyspaces.state import State

_LONGEST_TEXT = 100
_MOST_STATEMENTS = 20

Entry = Mapping[str, Any]


def add_meter_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="show every statement and partition, as JSON")


def print_meter(state: State, *, as_json: bool) -> None:
    """Raises NoMeter."""
    totals = read_totals(state.keyspaces)
    print(json.dumps(totals, indent=2) if as_json else "\n".join(_lines(totals)))


def summary(state: State) -> str:
    """The totals of all statements in one line. Raises NoMeter."""
    statements = read_totals(state.keyspaces)["statements"]
    return (
        f"{sum(each['statements'] for each in statements)} statements,"
        f" {_number(sum(each['read_units'] for each in statements))} read units,"
        f" {_number(sum(each['write_units'] for each in statements))} write units"
    )


def _lines(totals: Mapping[str, Any]) -> Iterable[str]:
    statements = totals["statements"]
    if not statements:
        yield "no statement has read or written yet"
        yield from _throttled(totals)
        return
    yield from _section("table", statements, lambda each: f"{each['keyspace']}.{each['table']}")
    yield from _section("role", statements, lambda each: each["role"])
    yield from _section("statement", statements, lambda each: _short(each["text"]), most=_MOST_STATEMENTS)
    yield from _section("partition", totals["partitions"], _partition, most=_MOST_STATEMENTS)
    yield from _throttled(totals)
    if estimated := sum(each["estimated"] for each in statements):
        yield f'{estimated} of the statements are metered by an estimate: docs/keyspaces.md, "The meter"'


def _section(
    title: str, entries: Sequence[Entry], label: Callable[[Entry], str], *, most: int | None = None
) -> Iterable[str]:
    """A table of the total consumption of all entries with the same label, the largest first."""
    together: dict[str, list[float]] = {}
    for each in entries:
        sums = together.setdefault(label(each), [0.0, 0.0])
        sums[0] += each["read_units"]
        sums[1] += each["write_units"]
    yield f"{'read units':>12}  {'write units':>12}  {title}"
    ordered = sorted(together.items(), key=lambda item: -sum(item[1]))
    for name, (read, write) in ordered[:most]:
        yield f"{_number(read):>12}  {_number(write):>12}  {name}"
    if most is not None and len(ordered) > most:
        yield f"and {len(ordered) - most} more: --json shows them"
    yield ""


def _throttled(totals: Mapping[str, Any]) -> Iterable[str]:
    """Metrics and throttled partitions, under CloudWatch's metric names; nothing if capacity is not enforced."""
    if "metrics" not in totals:
        return
    yield f"{'value':>12}  CloudWatch metric of a table"
    for each in totals["metrics"]:
        of = each["dimensions"]
        operation = f" {of['Operation']}" if "Operation" in of else ""
        yield f"{_number(each['value']):>12}  {each['metric']} {of['Keyspace']}.{of['TableName']}{operation}"
    yield ""
    if not totals["throttled_partitions"]:
        yield "no partition was throttled"
        yield ""
        return
    yield f"{'throttled':>12}  partition"
    for each in sorted(totals["throttled_partitions"], key=lambda entry: -_events(entry))[:_MOST_STATEMENTS]:
        why = ", ".join(f"{name} {each[name]}" for name in each if name not in ("keyspace", "table", "partition"))
        yield f"{_events(each):>12}  {_partition(each)}: {why}"
    yield ""


def _events(entry: Entry) -> int:
    return int(entry.get("ReadThrottleEvents", 0) + entry.get("WriteThrottleEvents", 0))


def _partition(entry: Entry) -> str:
    return _short(f"{entry['keyspace']}.{entry['table']} {', '.join(entry['partition'])}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _number(units: float) -> str:
    return f"{units:g}" if units % 1 else f"{units:.0f}"
