"""Reads and converts all rows of the input, in their order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from loader.convert import Converter, Mistake, Ready, shown
from loader.ledger import Reject
from loader.records import Table, Unreadable, decoder, is_textual, place, read_table
from loader.sources import BadData, Source

_FILE: Final = 40  # bits for a row's number in its file
_CHUNK_ROWS, _CHUNK_BYTES = 600, 512 * 1024


class Row(NamedTuple):
    """record: the row's number, which grows over all files. outcome: the converted row, or its mistakes."""

    record: int
    outcome: Ready | Sequence[Mistake]
    given: Any


class Chunk(NamedTuple):
    """Some rows of one file, as they were read. columns: see `loader.records.Table`. end: the record after the last."""

    source: int
    columns: Sequence[str] | None
    rows: Sequence[tuple[int, Any]]
    end: int


class Input:
    """The files of a load, which it reads once or several times."""

    def __init__(self, sources: Sequence[Source], converter: Converter) -> None:
        self.sources = sources
        self._converter = converter
        self.size = sum(source.size for source in sources)
        """Stored bytes, before decompression."""
        self.read_bytes = 0
        self.skipped = 0
        """Number of rows that the last `chunks` has skipped."""

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        """The chunks from this record on. Raises BadData."""
        self.skipped = 0
        for number in range(len(self.sources)):
            with self._table(number) as table:
                length = _text_length if is_textual(self.sources[number].format) else _length
                rows: list[tuple[int, Any]] = []
                size = 0
                for record, given in table.rows:
                    if record < start:
                        self.skipped += 1
                        continue
                    rows.append((record, given))
                    size += length(given)
                    if len(rows) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
                        yield Chunk(number, table.columns, rows, record + 1)
                        rows, size = [], 0
                if rows:
                    yield Chunk(number, table.columns, rows, rows[-1][0] + 1)

    def convert(self, chunk: Chunk) -> Iterator[Row]:
        """The chunk's rows, converted."""
        source = self.sources[chunk.source]
        decode, convert = decoder(source.format), self._conversion(source, chunk.columns)
        for record, given in chunk.rows:
            row = given if decode is None else decode(given)
            yield Row(record, convert(row), row)

    def rows(self) -> Iterator[Row]:
        """All rows, converted. Raises BadData."""
        for chunk in self.chunks():
            yield from self.convert(chunk)

    def sample(self, choose: Callable[[int], bool]) -> Iterator[Ready | Sequence[Mistake] | None]:
        """The outcome of each chosen row, and None for the others. choose: gets a row's number, from 0."""
        at = 0
        for number, source in enumerate(self.sources):
            with self._table(number) as table:
                decode, convert = decoder(source.format), self._conversion(source, table.columns)
                for _, given in table.rows:
                    yield convert(given if decode is None else decode(given)) if choose(at) else None
                    at += 1

    @contextmanager
    def _table(self, number: int) -> Iterator[Table]:
        """A file's rows with their records."""
        source, before = self.sources[number], sum(source.size for source in self.sources[:number])
        with source.open() as (content, read_bytes):
            table = read_table(source, content)
            if table.columns is not None and (mistake := self._converter.header_mistake(table.columns)):
                raise BadData(f"{source.name}:1: {mistake}")
            yield Table(table.columns, self._counted(number << _FILE, before, table, read_bytes))

    def _counted(
        self, first: int, before: int, table: Table, read_bytes: Callable[[], int]
    ) -> Iterator[tuple[int, Any]]:
        for at, given in table.rows:
            self.read_bytes = before + read_bytes()
            yield first + at, given

    def _conversion(self, source: Source, columns: Sequence[str] | None) -> Callable[[Any], Ready | Sequence[Mistake]]:
        if columns is None:
            return self._converter.of_mapping
        return self._converter.of_header(columns, textual=is_textual(source.format))

    def place(self, record: int) -> str:
        """The place of a record in messages."""
        return place(self.sources[record >> _FILE], record & ((1 << _FILE) - 1))

    def duplicate(self, first: int) -> Mistake:
        return Mistake(None, "", f"has the primary key of {self.place(first)}")

    def rejects(self, record: int, given: Any, mistakes: Sequence[Mistake]) -> Reject:
        """The entry in the rejects file for a row that was not loaded."""
        source, number = self.sources[record >> _FILE], record & ((1 << _FILE) - 1)
        given = given.text if isinstance(given, Unreadable) else given
        return {
            "file": source.name,
            "line" if source.format in ("csv", "jsonl") else "row": number,
            "mistakes": [
                {"column": mistake.column, "value": mistake.value, "reason": mistake.reason} for mistake in mistakes
            ],
            "given": _plain(given),
        }


def _text_length(row: Any) -> int:
    return sum(map(len, row)) if isinstance(row, list) else 0


def _length(value: Any) -> int:
    """The approximate bytes of a row in memory, without its numbers."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_length, value))
    return 0


def _plain(value: Any) -> Any:
    """The value in types of JSON; of a large text, only the beginning."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value).encode(errors="backslashreplace").decode()
    return text if len(text) <= 4096 else f"{shown(value)}... ({len(text)} characters)"
