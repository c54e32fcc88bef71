"""CQL from the console: one statement, as administrator or as a role, with what it consumed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from local.state import StackState
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.metered import metered
from local_keyspaces.shell import run_statement
from local_keyspaces.state import Running

ROWS_AT_MOST: Final = 200


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """error: what the endpoint refused, and why; then there are no rows. more: whether there are rows beyond those."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    more: bool = False
    error: str = ""
    ms: float = 0.0
    consumed: str = ""


def query(state: StackState, running: Running, statement: str, profile: str) -> QueryResult:
    """Blocks."""
    started = time.perf_counter()
    with metered(state.keyspaces) as consumed:
        try:
            columns, rows, more = run_statement(state, running, statement, profile, most=ROWS_AT_MOST)
        except LocalKeyspacesError as error:
            return QueryResult(error=str(error), ms=_milliseconds(started))
    units = f"{consumed.reads():g} read units, {consumed.writes():g} write units"
    return QueryResult(columns=columns, rows=rows, more=more, ms=_milliseconds(started), consumed=units)


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
