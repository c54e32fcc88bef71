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
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from keyspaces.target import Target
from loader.capacity import TableState
from loader.check import MISTAKES_SHOWN, check
from loader.convert import Mistake
from loader.lane import Lane
from loader.ledger import Ledger
from loader.load import Counts, Pass
from loader.opening import Say, Wanted, opened
from loader.plan import make_plan
from loader.processes import Processes
from loader.progress import LoadProgress
from loader.retries import LoadFailed
from loader.rows import Input
from loader.sources import BadData

DONE: Final = 0
FAILED: Final = 1
"""Exit code: not every row is in the table, and the message says why; another run continues the load."""
BAD_DATA: Final = 3
"""Exit code: the data does not fit the table, or cannot be read; the message says whether rows were written."""
REJECTED: Final = 4
"""Exit code: all rows are in the table except those in the rejects file."""
STOPPED: Final = 5
"""Exit code: stopped by SIGTERM or SIGINT; another run continues the load."""


async def load(target: Target, wanted: Wanted, processes: Processes | None, say: Say) -> int:
    """Loads, and returns the exit code. processes: from `in_processes`; None if this process converts and sends.

    Raises BadData, LoadFailed, StateInUse, Unreachable and the driver's errors.
    """
    async with opened(target, wanted, say) as (lane, data, table):
        if wanted.check_only or wanted.check_first:
            count = check(data)
            if wanted.check_only:
                say(f"{count} records fit {wanted.table}")
                return DONE
        identity = _identity(target, wanted, table)
        with Ledger(wanted.state or _temporary(wanted.program, identity), identity) as ledger:
            if wanted.plan_only:
                plan = make_plan(data, table, processors=wanted.processes)
                for line in plan.lines():
                    say(line)
                print(json.dumps({"plan": plan.facts()}), flush=True)
                ledger.remember_plan({"seconds": plan.seconds, "write_units": plan.write_units})
                return DONE
            async with processes.lanes() if processes is not None else nullcontext([lane]) as lanes:
                return await _Load(wanted, lanes, data, ledger, say).run()


class _Load:
    def __init__(self, wanted: Wanted, lanes: Sequence[Lane], data: Input, ledger: Ledger, say: Say) -> None:
        self._wanted, self._lanes, self._data, self._ledger, self._say = wanted, lanes, data, ledger, say
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
            for lane in self._lanes:
                with suppress(LoadFailed):  # the exit code already shows this failure
                    self._counts.retried += await lane.retried()
            self._write_rejects()
            self._summarize(code)
            if code in (DONE, REJECTED):
                self._ledger.forget()
            return code

    async def _run(self, stop: asyncio.Event) -> int:
        counts = self._counts
        with self._progress("written", lambda: counts.written) as progress:
            await self._pass(progress, stop).write()
        if not stop.is_set() and not counts.read and not counts.skipped:
            raise BadData("there is no record in the data")
        if not stop.is_set() and self._wanted.verify:
            with self._progress("verified", lambda: counts.verified) as progress:
                await self._pass(progress, stop).verify()
        if stop.is_set():
            return STOPPED
        if counts.different:
            return FAILED
        return REJECTED if self._ledger.count_rejects() else DONE

    def _pass(self, progress: LoadProgress, stop: asyncio.Event) -> Pass:
        return Pass(
            self._lanes,
            self._data,
            ledger=self._ledger,
            counts=self._counts,
            report=self._report,
            progress=progress.step,
            stop=stop,
        )

    @contextmanager
    def _progress(self, what: str, count: Callable[[], int]) -> Iterator[LoadProgress]:
        progress = LoadProgress(what, self._data, count)
        try:
            yield progress
        finally:
            progress.end()

    def _report(self, record: int, mistakes: Sequence[Mistake]) -> None:
        for mistake in mistakes:
            self._named += 1
            if self._named <= MISTAKES_SHOWN:
                self._say(f"{self._data.place(record)}: {mistake}")
            elif self._named == MISTAKES_SHOWN + 1:
                self._say("and more, which are not shown")

    def _write_rejects(self) -> None:
        path = self._wanted.rejects or self._ledger.folder / "rejects.jsonl"
        if not self._ledger.count_rejects():
            path.unlink(missing_ok=True)  # the file of an earlier load
            return
        beside = path.with_name(f"{path.name}.new")
        with beside.open("w", encoding="utf-8") as file:
            for reject in self._ledger.rejects():
                file.write(f"{reject}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        self._say(f"{path} has the rows that were not loaded, with the reasons")

    def _summarize(self, code: int) -> None:
        counts, wanted = self._counts, self._wanted
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
                f"planned: {plan['seconds']:.0f} s and {plan['write_units']} write units; "
                f"taken: {seconds:.0f} s and {counts.write_units} write units"
            )
        summary = {"exit_code": code, **asdict(counts), "seconds": round(seconds, 2), "rows_a_second": rate}
        print(json.dumps({"summary": {**summary, "table": str(wanted.table), "plan": plan}}), flush=True)
        if code == STOPPED:
            self._say("stopped; run it again to continue from here")
        if code != BAD_DATA or counts.written:
            self._say(f"{counts.written} rows written and {counts.verified} verified in {wanted.table}{also}")


def _identity(target: Target, wanted: Wanted, table: TableState) -> str:
    """A text that identifies input and table. Input that can be read only once has a new identity each time."""
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
