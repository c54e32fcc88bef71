"""Opens a load's table, in the loader's own process or in the processes that it starts."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cassandra.cluster import Session

from keyspaces.database import Database
from keyspaces.session import open_session_on_loop
from keyspaces.target import QualifiedName, Target
from loader.capacity import TableState, table_state
from loader.convert import Converter
from loader.lane import Lane, Loading, LocalLane
from loader.processes import Processes
from loader.retries import LoadFailed
from loader.rows import Input
from loader.sources import Source
from loader.window import RequestWindow

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of a load. processes: number of processes that convert and send rows; 1 for the loader's own.

    state: a folder; None for a temporary folder. rejects: the file for the rows that were not loaded; None for a file
    in the state's folder.
    """

    program: str
    table: QualifiedName
    sources: Sequence[Source]
    check_only: bool
    check_first: bool
    plan_only: bool
    verify: bool
    state: Path | None
    rejects: Path | None
    startup_timeout: float
    processes: int


@contextmanager
def in_processes(target: Target, wanted: Wanted) -> Iterator[Processes | None]:
    """Starts the wanted number of processes; None if this process is enough. Call it before the event loop runs."""
    if wanted.processes == 1 or wanted.check_only or wanted.plan_only:
        yield None
        return

    @asynccontextmanager
    async def open_lane() -> AsyncIterator[Lane]:
        async with opened(target, wanted, lambda _: None) as (lane, _, _):
            yield lane

    processes = Processes(wanted.processes, open_lane)
    try:
        yield processes
    finally:
        processes.end()


@asynccontextmanager
async def opened(target: Target, wanted: Wanted, say: Say) -> AsyncIterator[tuple[Lane, Input, TableState]]:
    """Opens a lane in this process as soon as the table can be used."""
    deadline = time.monotonic() + wanted.startup_timeout
    window = RequestWindow(lambda: max(connections(), 1))
    sessions: list[Session] = []

    def connections() -> int:
        return len(sessions[0].get_pools()) if sessions else 1

    def first_use(session: Session) -> tuple[Loading, TableState]:
        state = _wait_until_active(session, wanted.table, deadline=deadline, report=say)
        database = Database(session, wanted.table, observe=window.observe, on_more_columns=say)
        loading = Loading.of(session, database, window.observe)
        sessions[:] = [session]
        return loading, state

    session = open_session_on_loop(target, startup_timeout=wanted.startup_timeout, first_use=first_use)
    async with session as (_, (loading, table)):
        types = {column.name: loading.insert.types[column.name] for column in loading.description.columns}
        data = Input(wanted.sources, Converter(loading.description, types, timestamps=table.timestamps))
        yield LocalLane(loading, data, window), data, table


def _wait_until_active(session: Session, table: QualifiedName, *, deadline: float, report: Say) -> TableState:
    """Keyspaces creates tables asynchronously: waits for ACTIVE. Raises LoadFailed at `deadline` (time.monotonic())."""
    seen = None
    while True:
        state = table_state(session, table)
        if state.status == "ACTIVE":
            return state
        if time.monotonic() >= deadline:
            raise LoadFailed(f"table {table} is {state.status}, not ACTIVE, at the end of the startup timeout")
        if state.status != seen:
            report(f"waiting for table {table}: {state.status}")
            seen = state.status
        time.sleep(1)
