"""Reads the rows of a source one by one: CSV with a header, JSON Lines, a JSON array, Parquet.

At most one row, or one batch of Parquet, is in memory.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, Final

from loader.sources import BadData, Source

_LONGEST: Final = 4 * 1024 * 1024
"""Most bytes of a line, and characters of a CSV field: a row has 1 MB at most, but escapes and base64 take more."""
_PARQUET_ROWS: Final = 1000
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be read. reason: a predicate, such as `is not an object`. text: the beginning of the row."""

    reason: str
    text: str


@dataclass(frozen=True)
class Table:
    """columns: of each row, which is a sequence; None if each row is a mapping.

    rows: each with the number of its line (for formats without lines, of the row), in the form for `decoder`.
    """

    columns: Sequence[str] | None
    rows: Iterator[tuple[int, Any]]


def read_table(source: Source, content: BinaryIO) -> Table:
    """The rows of a source. Raises BadData, also while iterating, if the rest of the content cannot be read."""
    return _READERS[source.format](source, content)


def decoder(format_: str) -> Callable[[Any], Any] | None:
    """A function that decodes a row of `Table.rows`; None if none is needed. Decoding is most of a read's work."""
    if format_ != "jsonl":
        return None
    decode = json.JSONDecoder(parse_float=Decimal).decode
    return lambda line: _object(line, decode) if isinstance(line, bytes) else line


def is_textual(format_: str) -> bool:
    """Whether the format has only text, so that an empty field means no value."""
    return format_ == "csv"


def place(source: Source, number: int) -> str:
    """The place of a row in messages."""
    return f"{source.name}:{number}" if source.format in ("csv", "jsonl") else f"{source.name}, row {number}"


def _csv(source: Source, content: BinaryIO) -> Table:
    # A byte that is not UTF-8 becomes a surrogate, which no column accepts, so that the error names the row.
    text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise BadData(f"{source.name}:1: is not CSV: {error}") from None
    if not header:
        raise BadData(f"{source.name}: is empty; the first line must name the columns")
    if twice := [name for name in dict.fromkeys(header) if header.count(name) > 1]:
        raise BadData(f"{source.name}:1: names column {', '.join(twice)} twice")
    return Table(header, _csv_rows(source, reader, len(header), text))


def _csv_rows(source: Source, reader: Any, width: int, text: object) -> Iterator[tuple[int, Any]]:
    try:
        for row in reader:
            if len(row) == width:
                yield reader.line_num, row
            elif row:
                yield reader.line_num, Unreadable("has more or fewer fields than the header", ",".join(row)[:200])
    except csv.Error as error:
        raise BadData(f"{source.name}:{reader.line_num}: is not CSV: {error}") from None


def _json_lines(_: Source, content: BinaryIO) -> Table:
    return Table(None, _lines(content))


def _lines(content: BinaryIO) -> Iterator[tuple[int, Any]]:
    number, start = 0, _BOM
    while line := content.readline(_LONGEST):
        number += 1
        if number == 1:
            line = line.removeprefix(start)
        if len(line) == _LONGEST and not line.endswith(b"\n"):
            shown = line[:200].decode(errors="replace")
            while line and not line.endswith(b"\n"):
                line = content.readline(_LONGEST)
            yield number, Unreadable(f"is a line of more than {_LONGEST} bytes", shown)
        elif not line.isspace():
            yield number, line


def _object(line: bytes, decode: Callable[[str], Any]) -> Any:
    try:
        row = decode(line.decode())
    except UnicodeDecodeError as error:
        return Unreadable(f"is not UTF-8 at byte {error.start + 1} of the line", repr(line[:200]))
    except (ValueError, RecursionError) as error:  # ValueError also for a number with too many digits for Python
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return Unreadable(f"is not JSON: {reason}", line[:200].decode(errors="replace"))
    return row if isinstance(row, dict) else Unreadable("is not an object", line[:200].decode(errors="replace"))


def _json(source: Source, content: BinaryIO) -> Table:
    return Table(None, _elements(source, content))


def _elements(source: Source, content: BinaryIO) -> Iterator[tuple[int, Any]]:
    import ijson  # imported here, since other formats do not need it

    head = content.peek(_LONGEST)[:1024].removeprefix(_BOM).lstrip()  # type: ignore[attr-defined]  # is buffered
    if not head.startswith(b"["):
        raise BadData(f"{source.name}: is not a JSON array; use [{{...}}, {{...}}], or JSON Lines named .jsonl")
    number = 0
    try:
        for row in ijson.items(content, "item"):
            number += 1
            yield number, row if isinstance(row, dict) else Unreadable("is not an object", str(row)[:200])
    except (ijson.JSONError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise BadData(f"{source.name}, after row {number}: is not JSON: {reason}") from None


def _parquet(source: Source, content: BinaryIO) -> Table:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise BadData(f"{source.name}: is Parquet, and the package pyarrow is not installed") from None
    if not content.seekable():
        raise BadData(f"{source.name}: Parquet is read from its end, so it cannot be compressed or standard input")
    try:
        file = parquet.ParquetFile(content)
        return Table(file.schema_arrow.names, _parquet_rows(source, file, arrow.ArrowException))
    except arrow.ArrowException as error:
        raise BadData(f"{source.name}: is not Parquet: {error}") from None


def _parquet_rows(source: Source, file: Any, failure: type[Exception]) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            for row in zip(*(column.to_pylist(maps_as_pydicts="strict") for column in batch.columns), strict=True):
                number += 1
                yield number, row
    except failure as error:
        raise BadData(f"{source.name}, after row {number}: is not Parquet: {error}") from None


_READERS: Final[Mapping[str, Callable[[Source, BinaryIO], Table]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "json": _json,
    "parquet": _parquet,
}
