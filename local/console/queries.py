"""CQL from the console: the check whether a role may run a statement, its rows, and its consumption."""

import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from local.console.chains import Statements, counted, dollars, findings
from local.state import StackState
from local_keyspaces import cql, ddl
from local_keyspaces.credentials import Role
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.gate import Gate
from local_keyspaces.iam import ADMINISTRATOR, Principal
from local_keyspaces.plans import Plan
from local_keyspaces.refusals import Refused
from local_keyspaces.shell import run_statement
from local_keyspaces.state import Running

ROWS_AT_MOST: Final = 100
_HISTORY: Final = 50


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """may: True if a role may run a statement. decisions: on each needed permission. error: the reason of a refusal."""

    may: bool
    error: str = ""
    decisions: Sequence[Mapping[str, Any]] = ()
    scans: bool = False


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """error: the reason of a refusal; then rows is empty. following: the next page's state; empty at the end.

    statement: the endpoint's log entry, with decisions, faults and units; None if it did not reach the endpoint.
    """

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    following: str = ""
    error: str = ""
    ms: float = 0.0
    statement: Mapping[str, Any] | None = None

    @property
    def consumed(self) -> str:
        if self.statement is None:
            return "nothing"
        read, write = self.statement["read_units"], self.statement["write_units"]
        units = f"{counted(read, 'read unit')} and {counted(write, 'write unit')}"
        return f"{units}: ${dollars(read, write) * 1e6:g} for a million such statements"

    @property
    def findings(self) -> Sequence[str]:
        return findings(self.statement) if self.statement is not None else ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    statement: str
    profile: str
    outcome: str


@dataclass(frozen=True)
class History:
    """The statements that were run, the newest first; each profile has a statement once."""

    asked: deque[Asked] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def add(self, asked: Asked) -> None:
        for known in [
            each for each in self.asked if (each.statement, each.profile) == (asked.statement, asked.profile)
        ]:
            self.asked.remove(known)
        self.asked.appendleft(asked)


def opinion(statements: Statements, role: Role | None, statement: str) -> Opinion:
    """The expected answer of the endpoint, without running the statement. role: None for the administrator."""
    catalog = statements.catalog
    policies = role.policies if role is not None else (ADMINISTRATOR,)
    principal = Principal(arn=role.arn if role is not None else "administrator", policies=policies)
    gate = Gate(principal, catalog)
    accesses: Sequence[Any] = ()
    try:
        read = gate.read(statement, None)
        if isinstance(read, Plan):
            accesses = sorted(read.accesses, key=lambda each: (each.keyspace, each.table or "", each.action))
            gate.authorize(read)
        elif not isinstance(read, cql.Use):
            accesses = ddl.accesses(read, None)
            for access in accesses:
                access.require(principal, catalog)
        error = ""
    except Refused as refused:
        error = refused.message
    decisions = [
        {"action": each.action, "resource": each.resource, "allowed": each.allowed, "because": each.reason}
        for access in accesses
        for each in access.decisions(principal, catalog)
    ]
    return Opinion(may=not error, error=error, decisions=decisions)


def query(
    state: StackState,
    running: Running,
    statements: Statements | None,
    statement: str,
    profile: str,
    *,
    page: str = "",
    most: int = ROWS_AT_MOST,
) -> QueryResult:
    """page: the state of the page to fetch. Blocks."""
    started = time.perf_counter()
    request_id = f"console-{secrets.token_hex(8)}"

    def seen() -> Mapping[str, Any] | None:
        found = statements.log.by_request().get(request_id, ()) if statements is not None else ()
        return found[-1].as_json(statements.catalog) if found and statements is not None else None

    try:
        columns, rows, following = run_statement(
            state, running, statement, profile, request_id=request_id, page=bytes.fromhex(page), most=most
        )
    except LocalKeyspacesError as error:
        return QueryResult(error=str(error), ms=_milliseconds(started), statement=seen())
    except ValueError:
        return QueryResult(error="the page's state is not a hexadecimal number; run the statement again")
    return QueryResult(
        columns=columns, rows=rows, following=following.hex(), ms=_milliseconds(started), statement=seen()
    )


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
