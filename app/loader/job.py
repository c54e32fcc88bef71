"""One load from its plan to its summary."""

import asyncio
import hashlib
import json
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cassandra.cluster import Session

from keyspaces.database import Database
from keyspaces.session import open_session_on_loop
from keyspaces.target import QualifiedName, Target
from loader.capacity import TableState, table_state
from loader.check import MISTAKES_SHOWN, check
from loader.convert import Converter, Mistake
from loader.ledger import Ledger
from loader.load import Counts, LoadFailed, Loading, Writer
from loader.plan import make_plan
from loader.progress import LoadProgress
from loader.rows import Input, Row
from loader.sources import BadData, Source
from loader.verify import Verifier
from loader.window import RequestWindow

DONE: Final = 0
FAILED: Final = 1
"""Exit code: not every row is in the table, and the message says why; run again, it goes on."""
BAD_DATA: Final = 3
"""Exit code: the data does not fit the table, or cannot be read; the message says what was written, if anything."""
REJECTED: Final = 4
"""Exit code: all rows are in the table but those that the rejects file names."""
STOPPED: Final = 5
"""Exit code: stopped by SIGTERM or SIGINT; run again, it goes on."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A load. state: a folder; None for one of the machine's temporary ones.

    rejects: the file that names what was not loaded; None for one in the state's folder.
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


async def load(target: Target, wanted: Wanted, say: Say) -> int:
    """The exit code. Raises BadData, LoadFailed, StateInUse, Unreachable and the driver's errors."""
    deadline = time.monotonic() + wanted.startup_timeout
    window = RequestWindow(lambda: max(connections(), 1))

    def connections() -> int:
        return len(sessions[0].get_pools()) if sessions else 1

    sessions: list[Session] = []

    def first_use(session: Session) -> tuple[Loading, TableState]:
        state = _wait_until_active(session, wanted.table, deadline=deadline, report=say)
        database = Database(session, wanted.table, observe=window.observe, on_more_columns=say)
        loading = Loading.of(session, database, window.observe)
        sessions[:] = [session]
        return loading, state

    opened = open_session_on_loop(target, startup_timeout=wanted.startup_timeout, first_use=first_use)
    async with opened as (_, (loading, table)):
        names = [column.name for column in loading.description.columns]
        types = {name: loading.insert.types[name] for name in names}
        data = Input(wanted.sources, Converter(loading.description, types, timestamps=table.timestamps))
        if wanted.check_only or wanted.check_first:
            count = check(data)
            if wanted.check_only:
                say(f"{count} records fit {wanted.table}")
                return DONE
        identity = _identity(target, wanted, table)
        with Ledger(wanted.state or _temporary(wanted.program, identity), identity) as ledger:
            if wanted.plan_only:
                plan = make_plan(data, table)
                for line in plan.lines():
                    say(line)
                print(json.dumps({"plan": plan.facts()}), flush=True)
                ledger.remember_plan({"seconds": plan.seconds, "write_units": plan.write_units})
                return DONE
            return await _Load(wanted, loading, data, window, ledger, say).run()


class _Load:
    def __init__(
        self, wanted: Wanted, loading: Loading, data: Input, window: RequestWindow, ledger: Ledger, say: Say
    ) -> None:
        self._wanted, self._loading, self._data = wanted, loading, data
        self._window, self._ledger, self._say = window, ledger, say
        self._counts, self._named = Counts(), 0
        self._started = time.monotonic()

    async def run(self) -> int:
        with _stopped_by_signals() as stop:
            try:
                code = await self._run(stop)
            except (BadData, LoadFailed) as error:
                for line in str(error).splitlines():
                    self._say(line)
                code = BAD_DATA if isinstance(error, BadData) else FAILED
                if self._counts.written == 0 and code == BAD_DATA:
                    self._say("nothing was written")
            self._write_rejects()
            self._summarize(code)
            if code in (DONE, REJECTED):
                self._ledger.forget()
            return code

    async def _run(self, stop: asyncio.Event) -> int:
        counts = self._counts
        await self._pass(Writer, "written", lambda: counts.written, stop)
        if not stop.is_set() and not counts.read and not counts.skipped:
            raise BadData("there is no record in the data")
        if not stop.is_set() and self._wanted.verify:
            await self._pass(Verifier, "verified", lambda: counts.verified, stop)
        if stop.is_set():
            return STOPPED
        if counts.different:
            return FAILED
        return REJECTED if self._ledger.count_rejects() else DONE

    async def _pass(
        self, kind: type[Writer] | type[Verifier], what: str, count: Callable[[], int], stop: asyncio.Event
    ) -> None:
        progress = LoadProgress(what, self._data, count)
        try:
            each = kind(
                self._loading,
                self._data,
                window=self._window,
                ledger=self._ledger,
                counts=self._counts,
                report=self._report,
                progress=progress.step,
                stop=stop,
            )
            await (each.write() if isinstance(each, Writer) else each.verify())
        finally:
            progress.end()

    def _report(self, row: Row, mistakes: Sequence[Mistake]) -> None:
        for mistake in mistakes:
            self._named += 1
            if self._named <= MISTAKES_SHOWN:
                self._say(f"{self._data.place(row.record)}: {mistake}")
            elif self._named == MISTAKES_SHOWN + 1:
                self._say("and more, which are not shown")

    def _write_rejects(self) -> None:
        path = self._wanted.rejects or self._ledger.folder / "rejects.jsonl"
        if not self._ledger.count_rejects():
            path.unlink(missing_ok=True)  # of an earlier load
            return
        beside = path.with_name(f"{path.name}.new")
        with beside.open("w", encoding="utf-8") as file:
            for reject in self._ledger.rejects():
                file.write(f"{reject}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        self._say(f"the rows that were not loaded, with the reasons: {path}")

    def _summarize(self, code: int) -> None:
        counts, wanted = self._counts, self._wanted
        counts.retried = self._window.retried
        seconds = time.monotonic() - self._started
        rate = round(counts.written / seconds) if seconds else 0
        also = "".join(
            f", {number} {what}"
            for number, what in (
                (counts.skipped, "written by an earlier run"),
                (self._ledger.count_rejects(), "rejected"),
                (counts.different, "different"),
                (counts.retried, "requests retried"),
            )
            if number
        )
        plan = self._ledger.plan()
        if plan and not counts.skipped and code in (DONE, REJECTED):
            self._say(
                f"the plan said {plan['seconds']:.0f} s and {plan['write_units']} write units; it took "
                f"{seconds:.0f} s and {counts.write_units}"
            )
        summary = {"exit_code": code, **asdict(counts), "seconds": round(seconds, 2), "rows_a_second": rate}
        print(json.dumps({"summary": {**summary, "table": str(wanted.table), "plan": plan}}), flush=True)
        if code == STOPPED:
            self._say("stopped; run again, it goes on from here")
        if code != BAD_DATA or counts.written:
            self._say(f"{counts.written} rows written and {counts.verified} verified in {wanted.table}{also}")


def _identity(target: Target, wanted: Wanted, table: TableState) -> str:
    """Of input and table. Input that can be read only once is a new one each time."""
    parts = [source.identity or str(uuid.uuid4()) for source in wanted.sources]
    return "\n".join([str(target), str(wanted.table), table.created, *parts])


def _temporary(program: str, identity: str) -> Path:
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"{program}-{os.geteuid()}-{digest}"


@contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _wait_until_active(session: Session, table: QualifiedName, *, deadline: float, report: Say) -> TableState:
    """Keyspaces creates tables asynchronously: waits for ACTIVE. Raises LoadFailed at `deadline` (time.monotonic())."""
    seen = None
    while True:
        state = table_state(session, table)
        if state.status == "ACTIVE":
            return state
        if time.monotonic() >= deadline:
            raise LoadFailed(f"table {table} is {state.status}, not ACTIVE, and time is up")
        if state.status != seen:
            report(f"waiting for table {table}: {state.status}")
            seen = state.status
        time.sleep(1)
