"""Loads chunks concurrently, and stores the position before which all rows are in the table.

Writing a row again changes nothing, so an interrupted load continues from the stored position.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from loader.convert import Mistake
from loader.lane import LANE_CHUNKS, Lane, Wrong
from loader.ledger import Ledger
from loader.retries import LoadFailed, first_of
from loader.rows import Chunk, Input
from loader.sources import BadData

_COMMIT_SECONDS: Final = 0.5

Report = Callable[[int, Sequence[Mistake]], None]
"""A callback with the record of a wrong row and its mistakes."""


@dataclass
class Counts:
    """Numbers of rows, requests and units. An earlier run has loaded the `skipped` rows."""

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
    """A chunk's place in the input. keys_checked: is set when the chunk's duplicates are known."""

    end: int
    keys_checked: asyncio.Event
    done: bool = False


class Pass:
    """One pass of a load over its input, to write or to verify the rows."""

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
        """report: called for each wrong row. progress: called after each chunk. stop: ends the pass early."""
        self._lanes, self._data, self._ledger = lanes, data, ledger
        self._counts, self._report, self._progress, self._stop = counts, report, progress, stop
        self._free: asyncio.Queue[Lane] = asyncio.Queue()
        for _ in range(LANE_CHUNKS):
            for lane in lanes:
                self._free.put_nowait(lane)

    async def write(self) -> None:
        """Raises LoadFailed and BadData. In every case, the ledger has the written rows."""
        places: deque[_Place] = deque()
        committed = time.monotonic()

        def position() -> int:
            """The position before which all rows are written or rejected."""
            position = self._ledger.position
            while places and places[0].done:
                position = places.popleft().end
            return position

        async def load(chunk: Chunk, lane: Lane, before: asyncio.Event, place: _Place) -> None:
            nonlocal committed
            converted = await lane.convert(chunk)
            await before.wait()  # so that of two rows with the same key the first one is written
            duplicates = self._ledger.duplicates(converted.records, converted.keys)
            place.keys_checked.set()
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
                    group.create_task(load(chunk, lane, before, place))
                    before = place.keys_checked
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
