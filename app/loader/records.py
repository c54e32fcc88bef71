"""Rows of a source, one after the other: CSV with a header, JSON Lines, a JSON array, Parquet.

No more than a row, or a batch of Parquet, is in memory at any time.
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
"""Bytes of a line, and characters of a CSV field: a row has 1 MB at most, which escapes and base64 make longer."""
_PARQUET_ROWS: Final = 1000
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A mistake in the place of a row. reason: a sentence without its subject. text: the beginning of the row."""

    reason: str
    text: str


@dataclass(frozen=True)
class Table:
    """columns: of each row, which is a sequence; None if each row is a mapping.

    rows: each with its number (of the line, or of the row where a format has no lines), for `decoder` of the format.
    """

    columns: Sequence[str] | None
    rows: Iterator[tuple[int, Any]]


def read_table(source: Source, content: BinaryIO) -> Table:
    """Raises BadData, as its rows do, for content that cannot be read on from some place."""
    return _READERS[source.format](source, content)


def decoder(format_: str) -> Callable[[Any], Any] | None:
    """A function that decodes a row of `Table.rows`; None if it needs none. Decoding is most of the work of a read."""
    if format_ != "jsonl":
        return None
    decode = json.JSONDecoder(parse_float=Decimal).decode
    return lambda line: _object(line, decode) if isinstance(line, bytes) else line


def is_textual(format_: str) -> bool:
    """Whether the format has text only, so that an empty field is no value."""
    return format_ == "csv"


def place(source: Source, number: int) -> str:
    """As messages name it."""
    return f"{source.name}:{number}" if source.format in ("csv", "jsonl") else f"{source.name}, row {number}"


def _csv(source: Source, content: BinaryIO) -> Table:
    # A byte that is not UTF-8 becomes half a surrogate pair, which no column takes: so its row is named, not the file.
    text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="surrogateescape", newline="")
    csv.field_size_limit(_LONGEST)
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise BadData(f"{source.name}:1: is no CSV: {error}") from None
    if not header:
        raise BadData(f"{source.name}: is empty; the first line must name the columns")
    if twice := [name for name in dict.fromkeys(header) if header.count(name) > 1]:
        raise BadData(f"{source.name}:1: names {', '.join(twice)} twice")
    return Table(header, _csv_rows(source, reader, len(header), text))


def _csv_rows(source: Source, reader: Any, width: int, text: object) -> Iterator[tuple[int, Any]]:
    try:
        for row in reader:
            if len(row) == width:
                yield reader.line_num, row
            elif row:
                yield reader.line_num, Unreadable("has other fields than the header names", ",".join(row)[:200])
    except csv.Error as error:
        raise BadData(f"{source.name}:{reader.line_num}: is no CSV: {error}") from None


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
    except (ValueError, RecursionError) as error:  # ValueError: of more digits than Python converts
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return Unreadable(f"is no JSON: {reason}", line[:200].decode(errors="replace"))
    return row if isinstance(row, dict) else Unreadable("is no object", line[:200].decode(errors="replace"))


def _json(source: Source, content: BinaryIO) -> Table:
    return Table(None, _elements(source, content))


def _elements(source: Source, content: BinaryIO) -> Iterator[tuple[int, Any]]:
    import ijson  # here, since other formats do not need it

    head = content.peek(_LONGEST)[:1024].removeprefix(_BOM).lstrip()  # type: ignore[attr-defined]  # is buffered
    if not head.startswith(b"["):
        raise BadData(f"{source.name}: holds no array; use [{{...}}, {{...}}], or JSON Lines named .jsonl")
    number = 0
    try:
        for row in ijson.items(content, "item"):
            number += 1
            yield number, row if isinstance(row, dict) else Unreadable("is no object", str(row)[:200])
    except (ijson.JSONError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise BadData(f"{source.name}, after row {number}: is no JSON: {reason}") from None


def _parquet(source: Source, content: BinaryIO) -> Table:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise BadData(f"{source.name}: is Parquet, and the package pyarrow is not installed") from None
    if not content.seekable():
        raise BadData(f"{source.name}: Parquet is read from its end, so neither standard input nor compression do")
    try:
        file = parquet.ParquetFile(content)
        return Table(file.schema_arrow.names, _parquet_rows(source, file, arrow.ArrowException))
    except arrow.ArrowException as error:
        raise BadData(f"{source.name}: is no Parquet: {error}") from None


def _parquet_rows(source: Source, file: Any, failure: type[Exception]) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            for row in zip(*(column.to_pylist(maps_as_pydicts="strict") for column in batch.columns), strict=True):
                number += 1
                yield number, row
    except failure as error:
        raise BadData(f"{source.name}, after row {number}: is no Parquet: {error}") from None


_READERS: Final[Mapping[str, Callable[[Source, BinaryIO], Table]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "json": _json,
    "parquet": _parquet,
}
