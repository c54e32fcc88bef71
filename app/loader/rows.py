"""All rows of the input in their order, converted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loader.convert import Converter, Mistake, Ready, shown
from loader.ledger import Reject
from loader.records import Unreadable, place, read_table
from loader.sources import BadData, Source

Convert = Callable[[Any], Ready | Sequence[Mistake]]

_FILE: Final = 40  # bits for a row's number in its file


@dataclass(frozen=True, slots=True)
class Row:
    """record: names it, and grows from row to row over all files. outcome: what can be written, or why nothing can."""

    record: int
    outcome: Ready | Sequence[Mistake]
    given: Any


class Input:
    """Files that one load reads, once or several times."""

    def __init__(self, sources: Sequence[Source], converter: Converter) -> None:
        self.sources = sources
        self._converter = converter
        self.size = sum(source.size for source in sources)
        """Bytes, as they are stored."""
        self.read_bytes = 0
        self.skipped = 0
        """Rows that were left out by the last `rows`."""

    def rows(self, start: int = 0) -> Iterator[Row]:
        """From this record on. Raises BadData."""
        self.skipped = 0
        for record, given, convert in self._given():
            if record < start:
                self.skipped += 1
            else:
                yield Row(record, convert(given), given)

    def sample(self, choose: Callable[[int], bool]) -> Iterator[Ready | Sequence[Mistake] | None]:
        """For each row what `rows` makes of it, or None. choose: whether to convert a row, by its number from 0."""
        for at, (_, given, convert) in enumerate(self._given()):
            yield convert(given) if choose(at) else None

    def _given(self) -> Iterator[tuple[int, Any, Convert]]:
        self.read_bytes = before = 0
        for number, source in enumerate(self.sources):
            first = number << _FILE
            with source.open() as (content, read_bytes):
                table = read_table(source, content)
                convert: Convert = self._converter.of_mapping
                if table.columns is not None:
                    if mistake := self._converter.header_mistake(table.columns):
                        raise BadData(f"{source.name}:1: {mistake}")
                    convert = self._converter.of_header(table.columns, textual=table.textual)
                for at, given in table.rows:
                    self.read_bytes = before + read_bytes()
                    yield first + at, given, convert
            before += source.size

    def place(self, record: int) -> str:
        """As messages name it."""
        return place(self.sources[record >> _FILE], record & ((1 << _FILE) - 1))

    def duplicate(self, first: int) -> Mistake:
        return Mistake(None, "", f"has the primary key of {self.place(first)}")

    def rejects(self, row: Row, mistakes: Sequence[Mistake]) -> Reject:
        """A row that was not loaded, as the rejects file has it."""
        source, number = self.sources[row.record >> _FILE], row.record & ((1 << _FILE) - 1)
        given = row.given.text if isinstance(row.given, Unreadable) else row.given
        return {
            "file": source.name,
            "line" if source.format in ("csv", "jsonl") else "row": number,
            "mistakes": [
                {"column": mistake.column, "value": mistake.value, "reason": mistake.reason} for mistake in mistakes
            ],
            "given": _plain(given),
        }


def _plain(value: Any) -> Any:
    """As JSON can have it: of a large value, the beginning."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value).encode(errors="backslashreplace").decode()
    return text if len(text) <= 4096 else f"{shown(value)}... ({len(text)} characters)"
