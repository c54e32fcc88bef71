"""Writes rows, some hundred at a time, and notes how far all rows before some place are in the table.

Writing a row again changes nothing. So a load that was ended, however, goes on from the noted place.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cassandra.cluster import Session

from keyspaces.database import Database, Description
from keyspaces.reads import PreparedRead
from keyspaces.results import SchemaChanged
from keyspaces.serialize import Unwritable
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.statements import DeadlineExceeded, Observer, OutcomeUnknown
from keyspaces.writes import STATEMENTS_AT_MOST, PreparedWrite, SerializedRows
from loader.convert import Mistake, Ready
from loader.ledger import Ledger
from loader.rows import Input, Row
from loader.sources import BadData
from loader.window import RequestWindow

_CHUNK_ROWS, _CHUNK_BYTES = 600, 512 * 1024
_CHUNKS: Final = 16
"""Rows that are not written yet, at most: no more of the input is in memory."""
_BATCH_ROWS: Final = STATEMENTS_AT_MOST["UNLOGGED"]
_BATCH_BYTES: Final = 48 * 1024
_COMMIT_SECONDS: Final = 0.5
_STATEMENT_SECONDS: Final = 10.0
_PATIENCE: Final = 120.0  # seconds for which one request is tried, as for a table that scales up
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds


class LoadFailed(Exception):
    """Not every row is in the table as it should be; the message says which is not, and why."""


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


@dataclass(frozen=True)
class Loading:
    """A table, with the statements that load it."""

    description: Description
    insert: PreparedWrite
    find: PreparedRead
    rows: SerializedRows

    @classmethod
    def of(cls, session: Session, database: Database, observe: Observer) -> "Loading":
        """Blocks. Raises the driver's errors, and LoadFailed for a table of counters."""
        description = database.describe()
        names = [f'"{column.name}"' for column in description.columns]
        if any(column.cql_type == "counter" for column in description.columns):
            raise LoadFailed(f"{description.name} has counters, which can be counted up but not loaded")
        values = f"({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
        key = " AND ".join(f'"{name}" = ?' for name in description.key)
        insert = database.write("INSERT INTO", values, effect="idempotent write")
        find = database.read(f"WHERE {key}")
        return cls(description, insert, find, SerializedRows(session, insert, observe=observe))


@dataclass
class _Chunk:
    end: int  # the first record after it
    waiting: int = 0  # requests
    rows: list[Row] = field(default_factory=list)
    bytes: int = 0


class Writer:
    """Of one load."""

    def __init__(
        self,
        loading: Loading,
        data: Input,
        *,
        window: RequestWindow,
        ledger: Ledger,
        counts: Counts,
        report: Callable[[Row, Sequence[Mistake]], None],
        progress: Callable[[], None],
        stop: asyncio.Event,
    ) -> None:
        """report: is told of each row that is not loaded. progress: is called now and then. stop: ends it early."""
        self._loading, self._data, self._window, self._ledger = loading, data, window, ledger
        self._counts, self._report, self._progress, self._stop = counts, report, progress, stop
        self._chunks: deque[_Chunk] = deque()
        self._room = asyncio.Semaphore(_CHUNKS)
        self._committed = time.monotonic()

    async def write(self) -> None:
        """Raises LoadFailed and BadData. However it ends, the ledger has what was done."""
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in _chunks(self._data.rows(self._ledger.position)):
                    await self._room.acquire()
                    if self._stop.is_set():
                        break
                    self._counts.read += len(chunk.rows)
                    self._chunks.append(chunk)
                    chunk.waiting += 1
                    for batch in _batches(self._accepted(chunk.rows)):
                        await self._window.take()
                        chunk.waiting += 1
                        group.create_task(self._write(batch, chunk))
                    chunk.rows.clear()
                    self._done(chunk)
                    self._progress()
                    await asyncio.sleep(0)
        except* (LoadFailed, BadData) as errors:
            raise errors.exceptions[0] from None
        finally:
            self._counts.skipped = self._data.skipped
            self._ledger.commit(self._position())

    def _accepted(self, rows: Iterable[Row]) -> list[tuple[Row, Ready]]:
        ready = []
        for row in rows:
            if isinstance(row.outcome, Ready):
                ready.append((row, row.outcome))
            else:
                self._reject(row, row.outcome)
        duplicates = self._ledger.duplicates([(row.record, outcome) for row, outcome in ready])
        if not duplicates:
            return ready
        for row, _ in ready:
            if row.record in duplicates:
                self._reject(row, [self._data.duplicate(duplicates[row.record])])
        return [each for each in ready if each[0].record not in duplicates]

    def _reject(self, row: Row, mistakes: Sequence[Mistake]) -> None:
        self._counts.rejected += 1
        self._ledger.reject(row.record, self._data.rejects(row, mistakes))
        self._report(row, mistakes)

    async def _write(self, batch: Sequence[tuple[Row, Ready]], chunk: _Chunk) -> None:
        try:
            await self._insert(batch)
        except Unwritable:
            for each in batch:  # one of them is refused: which one, and why?
                try:
                    await self._insert([each])
                except Unwritable as error:
                    self._reject(each[0], [Mistake(None, "", f"is refused by the table: {error.__cause__ or error}")])
        finally:
            self._window.give_back()
        self._done(chunk)

    async def _insert(self, batch: Sequence[tuple[Row, Ready]]) -> None:
        bodies = [ready.body for _, ready in batch]

        async def insert(deadline: float) -> None:
            await self._loading.rows.execute(bodies, deadline=deadline)

        await patiently(f"{self._data.place(batch[0][0].record)}: cannot be written", insert)
        self._counts.written += len(batch)
        self._counts.write_units += sum(ready.units for _, ready in batch)

    def _done(self, chunk: _Chunk) -> None:
        chunk.waiting -= 1
        if chunk.waiting == 0:
            self._room.release()
            if time.monotonic() >= self._committed + _COMMIT_SECONDS:
                self._ledger.commit(self._position())
                self._committed = time.monotonic()

    def _position(self) -> int:
        """Before which all is done."""
        position = self._ledger.position
        while self._chunks and self._chunks[0].waiting == 0:
            position = self._chunks.popleft().end
        return position


def _chunks(rows: Iterable[Row]) -> Iterator[_Chunk]:
    chunk = _Chunk(0)
    for row in rows:
        chunk.rows.append(row)
        chunk.bytes += len(row.outcome.body) if isinstance(row.outcome, Ready) else 0
        chunk.end = row.record + 1
        if len(chunk.rows) >= _CHUNK_ROWS or chunk.bytes >= _CHUNK_BYTES:
            yield chunk
            chunk = _Chunk(0)
    if chunk.rows:
        yield chunk


def _batches(rows: Iterable[tuple[Row, Ready]]) -> Iterator[list[tuple[Row, Ready]]]:
    batch: list[tuple[Row, Ready]] = []
    size = 0
    for each in rows:
        length = len(each[1].body)
        if batch and (len(batch) == _BATCH_ROWS or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += length
    if batch:
        yield batch


async def patiently(failed: str, execute: Callable[[float], Awaitable[Any]]) -> Any:
    """Tries again with growing pauses: Keyspaces reports throttling as a timeout.

    failed: begins the message of LoadFailed, which it raises when its patience ends. Raises Unwritable.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return await execute(loop.time() + _STATEMENT_SECONDS)
        except SchemaChanged as error:
            raise LoadFailed(f"{failed}: the table has changed: {error}") from error
        except (*DRIVER_ERRORS, DeadlineExceeded, OutcomeUnknown) as error:
            if loop.time() + pause > until:
                raise LoadFailed(f"{failed}: {describe(error)}") from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
