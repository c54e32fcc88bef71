"""Requests with their statements, and the reasons why a request was slow, refused or expensive.

A statement has the id of its request (docs/keyspaces.md, "Whose statements"); a request that shared another request's
read has the id of that request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from costs.prices import READS, WRITES
from local.console import logs
from local.console.logs import Filter, LogLine
from local_keyspaces.catalog import Catalog
from local_keyspaces.statement_log import LoggedStatement, StatementLog

_CLOCK_TOLERANCE: Final = 0.05  # seconds by which clocks and log lines may differ


@dataclass(frozen=True, kw_only=True)
class Statements:
    """The endpoint's newest statements, and the tables and resources that they name."""

    log: StatementLog
    catalog: Catalog


@dataclass(frozen=True, kw_only=True)
class Chain:
    """line: the request's. statements: executed for it. shared: the statements of the request whose read it shared."""

    line: LogLine
    statements: Sequence[dict[str, Any]]
    shared: Sequence[dict[str, Any]]

    @property
    def id(self) -> str:
        return str(self.line.data.get("request_id", ""))

    @property
    def shared_with(self) -> str:
        return str(self.line.data.get("shared_with", ""))

    @property
    def ended(self) -> float:
        return _seconds(self.line)

    @property
    def began(self) -> float:
        return self.ended - float(self.line.data.get("ms", 0)) / 1000

    @property
    def read_units(self) -> float:
        return float(sum(each["read_units"] for each in self.statements))

    @property
    def write_units(self) -> float:
        return float(sum(each["write_units"] for each in self.statements))

    @property
    def usd(self) -> float:
        return dollars(self.read_units, self.write_units)

    @property
    def findings(self) -> list[str]:
        """The reasons why it was slow, refused or expensive, as sentences."""
        found = [sentence for each in (*self.statements, *self.shared) for sentence in findings(each)]
        if self.shared_with:
            found.append(f"It shared the read of request {self.shared_with}, and consumed nothing itself.")
        return list(dict.fromkeys(found))

    def as_json(self) -> dict[str, Any]:
        return {
            **self.line.as_json(),
            "statements": list(self.statements),
            "shared_statements": list(self.shared),
            "read_units": self.read_units,
            "write_units": self.write_units,
            "usd": self.usd,
            "findings": self.findings,
        }


def dollars(read_units: float, write_units: float) -> float:
    """The cost at on-demand prices."""
    return (read_units * READS.usd + write_units * WRITES.usd) / 1e6


def counted(number: float, what: str) -> str:
    return f"{number:g} {what}{'' if number == 1 else 's'}"


def findings(statement: Mapping[str, Any]) -> list[str]:
    """The reasons why a statement was slow, refused or expensive; empty for an ordinary one."""
    found = []
    tables = ", ".join(statement["tables"])
    error, by = statement["error"], statement["refused_by"]
    if statement["delay_ms"]:
        found.append(
            f"Slow: the fault latency added {statement['delay_ms']:.0f} ms to a statement on {tables}; switch it off on"
            " the faults page."
        )
    if by == "permission":
        denied = next((each for each in statement["permissions"] if not each["allowed"]), None)
        why = f"{denied['action']} on {denied['resource']}: {denied['because']}" if denied else error
        found.append(f"Refused by permission, as the role {statement['role']}: {why}.")
    elif by == "fault":
        found.append(f"Refused by the fault {', '.join(statement['faults'])}: {error}")
    elif by == "capacity":
        found.append(f"Refused by capacity: {tables} has no capacity left at the moment: {error}")
    elif by == "rule":
        found.append(f"Refused by a rule of Keyspaces: {error}")
    elif by == "Cassandra":
        found.append(f"Failed in Cassandra: {error}")
    if statement["scan"]:
        units = counted(statement["read_units"], "read unit")
        found.append(
            f"Expensive: a full scan of {tables}, because no WHERE names its partition key. This page took {units}. A"
            " scan takes more units with every row of the table; a read by key takes the units of one partition."
        )
    return found


def newest(
    directory: Path,
    statements: Statements | None,
    wanted: Filter,
    *,
    before: logs.Cursor | None = None,
    most: int = logs.LINES_AT_MOST,
) -> tuple[list[Chain], logs.Cursor | None]:
    """The newest requests, the newest first, and the cursor of older ones. Reads files."""
    window = logs.window(directory, wanted, before, most=most)
    by_request = statements.log.by_request() if statements is not None else {}
    return [_chain(line, by_request, statements) for line in reversed(window.lines)], window.older


def without_request(statements: Statements | None, *, most: int) -> list[dict[str, Any]]:
    """The newest statements without a request, such as a loader's or a person's; the newest first."""
    if statements is None:
        return []
    found = [each for each in reversed(statements.log.newest()) if not each.request_id]
    return [each.as_json(statements.catalog) for each in found[:most]]


def _chain(line: LogLine, by_request: Mapping[str, Sequence[LoggedStatement]], statements: Statements | None) -> Chain:
    ended = _seconds(line)
    began = ended - float(line.data.get("ms", 0)) / 1000

    def of(id_: object, *, since: float) -> list[dict[str, Any]]:
        """Clients may use an id for several requests: a statement outside of this request's time is another's."""
        if statements is None:
            return []
        return [
            each.as_json(statements.catalog)
            for each in by_request.get(str(id_), ())
            if since - _CLOCK_TOLERANCE <= each.at <= ended + _CLOCK_TOLERANCE
        ]

    shared_with = line.data.get("shared_with")
    return Chain(
        line=line,
        statements=of(line.data.get("request_id"), since=began),
        shared=of(shared_with, since=0) if shared_with else [],
    )


def _seconds(line: LogLine) -> float:
    try:
        return datetime.fromisoformat(line.time).timestamp()
    except ValueError:
        return 0.0
