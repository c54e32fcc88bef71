"""Processes chunks of rows on one session: converts and writes them, or reads them back and compares them.

A lane is in the loader's own process, or in one of several processes (`loader.processes`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from cassandra.cluster import Session

from keyspaces.database import Database, Description
from keyspaces.execute import encode_cell
from keyspaces.reads import PreparedRead
from keyspaces.serialize import Unwritable
from keyspaces.statements import Observer
from keyspaces.writes import STATEMENTS_AT_MOST, PreparedWrite, SerializedRows
from loader.compare import Comparison
from loader.convert import Mistake, Ready
from loader.ledger import Reject
from loader.retries import LoadFailed, with_retries
from loader.rows import Chunk, Input
from loader.sizes import READ_BYTES
from loader.window import RequestWindow

LANE_CHUNKS: Final = 10
"""Most chunks of a lane: enough that its requests never wait for rows, and a limit on the input in memory."""
_BATCH_ROWS: Final = STATEMENTS_AT_MOST["UNLOGGED"]
_BATCH_BYTES: Final = 48 * 1024


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
            raise LoadFailed(f"{description.name} has counters, which can be incremented but not loaded")
        values = f"({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
        key = " AND ".join(f'"{name}" = ?' for name in description.key)
        insert = database.write("INSERT INTO", values, effect="idempotent write")
        find = database.read(f"WHERE {key}")
        return cls(description, insert, find, SerializedRows(session, insert, observe=observe))


class Wrong(NamedTuple):
    """A row that is not in the table with the given values. reject: its entry in the rejects file."""

    record: int
    mistakes: Sequence[Mistake]
    reject: Reject


class Converted(NamedTuple):
    """records: of the rows that can be written. keys: for each, a digest of its primary key, 16 bytes."""

    records: Sequence[int]
    keys: bytes
    wrong: Sequence[Wrong]


class Written(NamedTuple):
    rows: int
    units: int
    wrong: Sequence[Wrong]


class Compared(NamedTuple):
    same: int
    units: int
    wrong: Sequence[Wrong]


class Lane(Protocol):
    """The methods raise LoadFailed. Write each converted chunk once."""

    async def convert(self, chunk: Chunk) -> Converted: ...

    async def write(self, end: int, duplicates: Mapping[int, int]) -> Written:
        """end: of the chunk. duplicates: records that are not written, each with the earlier record of its key."""

    async def compare(self, chunk: Chunk, left_out: Collection[int]) -> Compared: ...

    async def retried(self) -> int:
        """The number of failed requests that were retried since the start."""


class LocalLane:
    """A lane in this process. It belongs to the running event loop."""

    def __init__(self, loading: Loading, data: Input, window: RequestWindow) -> None:
        self._loading, self._data, self._window = loading, data, window
        self._converted: dict[int, list[tuple[int, Ready, Any]]] = {}
        self._comparison = Comparison(loading.description, loading.insert.types)

    async def convert(self, chunk: Chunk) -> Converted:
        ready, wrong = [], []
        for record, outcome, given in self._data.convert(chunk):
            if isinstance(outcome, Ready):
                ready.append((record, outcome, given))
            else:
                wrong.append(self._wrong(record, outcome, given))
        self._converted[chunk.end] = ready
        return Converted([each[0] for each in ready], b"".join([each[1].key for each in ready]), wrong)

    async def write(self, end: int, duplicates: Mapping[int, int]) -> Written:
        rows = self._converted.pop(end)
        wrong = []
        if duplicates:
            for record, _, given in rows:
                if record in duplicates:
                    wrong.append(self._wrong(record, [self._data.duplicate(duplicates[record])], given))
            rows = [row for row in rows if row[0] not in duplicates]
        refused = [
            row
            for some in await self._window.each(partial(self._write, batch) for batch in _batches(rows))
            for row in some
        ]
        wrong += [self._wrong(record, [mistake], given) for record, _, given, mistake in refused]
        units = sum([ready.units for _, ready, _ in rows]) - sum([ready.units for _, ready, _, _ in refused])
        return Written(len(rows) - len(refused), units, wrong)

    async def compare(self, chunk: Chunk, left_out: Collection[int]) -> Compared:
        rows = [
            (record, outcome, given)
            for record, outcome, given in self._data.convert(chunk)
            if isinstance(outcome, Ready) and record not in left_out
        ]
        mistakes = await self._window.each(partial(self._compare, record, ready) for record, ready, _ in rows)
        wrong = [
            self._wrong(record, found, given) for (record, _, given), found in zip(rows, mistakes, strict=True) if found
        ]
        units = sum([max(-(-len(ready.body) // READ_BYTES), 1) for _, ready, _ in rows])
        return Compared(len(rows) - len(wrong), units, wrong)

    async def retried(self) -> int:
        return self._window.retried

    def _wrong(self, record: int, mistakes: Sequence[Mistake], given: Any) -> Wrong:
        return Wrong(record, mistakes, self._data.rejects(record, given, mistakes))

    async def _write(self, batch: "Sequence[_Row]") -> "Sequence[tuple[int, Ready, Any, Mistake]]":
        """The rows that the table refuses, each with its mistake."""
        try:
            await self._insert(batch)
        except Unwritable:
            refused = []
            for row in batch:  # finds the refused row
                try:
                    await self._insert([row])
                except Unwritable as error:
                    refused.append((*row, Mistake(None, "", f"is refused by the table: {error.__cause__ or error}")))
            return refused
        return ()

    async def _insert(self, batch: "Sequence[_Row]") -> None:
        bodies = [ready.body for _, ready, _ in batch]

        async def insert(deadline: float) -> None:
            await self._loading.rows.execute(bodies, deadline=deadline)

        await with_retries(lambda: f"{self._data.place(batch[0][0])}: cannot be written", insert)

    async def _compare(self, record: int, ready: Ready) -> Sequence[Mistake]:
        key = b"".join([encode_cell(cell) for cell in self._comparison.key_of(ready.cells)])
        page = await with_retries(
            lambda: f"{self._data.place(record)}: cannot be read back",
            lambda deadline: self._loading.find.execute_row(key, deadline=deadline),
        )
        if not page.rows:
            return [Mistake(None, "", "is not in the table although it was written")]
        return list(self._comparison.differences(ready, page.rows[0]))


_Row = tuple[int, Ready, Any]


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        length = len(row[1].body)
        if batch and (len(batch) == _BATCH_ROWS or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch
