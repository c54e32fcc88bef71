"""Loads chunk by chunk, several at once, and notes how far all rows before some place are in the table.

Writing a row again changes nothing. So a load that was ended, however, goes on from the noted place.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loader.convert import Mistake
from loader.lane import LANE_CHUNKS, Converted, Lane, Wrong
from loader.ledger import Ledger
from loader.patience import LoadFailed, first_of
from loader.rows import Chunk, Input
from loader.sources import BadData

_COMMIT_SECONDS: Final = 0.5

Report = Callable[[int, Sequence[Mistake]], None]
"""Is told of the record of a row that is not as it should be, and why."""


@dataclass
class Counts:
    """Of rows, requests and units; `skipped` rows were loaded by an earlier run."""

    read: int = 0
    skipped: int = 0
    written: int = 0
    rejected: int = 0
    retried: int = 0
    verified: int = 0
    different: int = 0
    write_units: int = 0
    read_units: int = 0


@dataclass(eq=False)
class _Place:
    """Of a chunk in the input. judged: when its duplicates are known."""

    end: int
    judged: asyncio.Event
    done: bool = False


class Pass:
    """Of one load over its input: what writing and verifying have in common."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        data: Input,
        *,
        ledger: Ledger,
        counts: Counts,
        report: Report,
        progress: Callable[[], None],
        stop: asyncio.Event,
    ) -> None:
        """report: is told of each row that is not as it should be. progress: is called now and then. stop: ends it
        early."""
        self._lanes, self._data, self._ledger = lanes, data, ledger
        self._counts, self._report, self._progress, self._stop = counts, report, progress, stop
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        for _ in range(LANE_CHUNKS):
            for lane in lanes:
                self._free.put_nowait(lane)

    async def write(self) -> None:
        """Raises LoadFailed and BadData. However it ends, the ledger has what was done."""
        places: deque[_Place] = deque()
        committed = time.monotonic()

        def position() -> int:
            """Before which all is done."""
            position = self._ledger.position
            while places and places[0].done:
                position = places.popleft().end
            return position

        async def load(
            converting: Coroutine[Any, Any, Converted], lane: Lane, before: asyncio.Event, place: _Place
        ) -> None:
            nonlocal committed
            converted = await converting
            await before.wait()  # of two rows with one key the first is written
            duplicates = self._ledger.duplicates(converted.records, converted.keys)
            place.judged.set()
            written = await lane.write(place.end, duplicates)
            self._counts.written += written.rows
            self._counts.write_units += written.units
            for wrong in (*converted.wrong, *written.wrong):
                self._reject(wrong)
            place.done = True
            self._free.put_nowait(lane)
            self._progress()
            if time.monotonic() >= committed + _COMMIT_SECONDS:
                self._ledger.commit(position())
                committed = time.monotonic()

        before = asyncio.Event()
        before.set()
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in self._data.chunks(self._ledger.position):
                    lane = await self._free.get()
                    if self._stop.is_set():
                        break
                    self._counts.read += len(chunk.rows)
                    place = _Place(chunk.end, asyncio.Event())
                    places.append(place)
                    group.create_task(load(lane.convert(chunk), lane, before, place))
                    before = place.judged
                    await asyncio.sleep(0)
        except* (LoadFailed, BadData) as errors:
            raise first_of(errors) from None
        finally:
            self._counts.skipped = self._data.skipped
            self._ledger.commit(position())

    async def verify(self) -> None:
        """Raises LoadFailed and BadData."""

        async def compare(chunk: Chunk, lane: Lane) -> None:
            left_out = self._ledger.rejected(chunk.rows[0][0], chunk.end)
            compared = await lane.compare(chunk, left_out)
            self._counts.verified += compared.same
            self._counts.different += len(compared.wrong)
            self._counts.read_units += compared.units
            for wrong in compared.wrong:
                self._report(wrong.record, wrong.mistakes)
            self._free.put_nowait(lane)
            self._progress()

        try:
            async with asyncio.TaskGroup() as group:
                for chunk in self._data.chunks():
                    lane = await self._free.get()
                    if self._stop.is_set():
                        break
                    group.create_task(compare(chunk, lane))
        except* (LoadFailed, BadData) as errors:
            raise first_of(errors) from None

    def _reject(self, wrong: Wrong) -> None:
        self._counts.rejected += 1
        self._ledger.reject(wrong.record, wrong.reject)
        self._report(wrong.record, wrong.mistakes)
