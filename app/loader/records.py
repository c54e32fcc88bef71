"""Rows of a file: a JSON array, JSON Lines, or CSV with a header.

JSON has values as docs/service.md shows them: a decimal, a timestamp, a UUID as text, a blob as base64. In CSV, an
empty field is no value, and a collection is written as JSON.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

_BOOLEANS: Final = {"true": True, "false": False}
_IN_JSON: Final = ("list", "set", "map", "tuple", "frozen")
_WHOLE: Final = ("tinyint", "smallint", "int", "bigint", "varint")


class BadData(Exception):
    """The data cannot be loaded; the message has a line for each mistake, with its place in the file."""


@dataclass(frozen=True, slots=True)
class Record:
    """where: file and line, or row of a JSON array. mistakes: why it cannot be read; then there may be no values."""

    where: str
    values: Mapping[str, Any]
    mistakes: Sequence[str] = ()


def read_records(path: Path, types: Mapping[str, str]) -> Iterator[Record]:
    """types: CQL types by column, to read CSV by. Raises BadData for a file that cannot be read on from some place."""
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise BadData(f"{path.name}: is named like no data; use {', '.join(_READERS)}")
    try:
        yield from reader(path, types)
    except UnicodeDecodeError as error:
        raise BadData(f"{path.name}: is not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise BadData(f"{path.name}: cannot be read: {error.strerror}") from None


def _json(path: Path, _: Mapping[str, str]) -> Iterator[Record]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise BadData(f"{path.name}:{error.lineno}: is no JSON: {error.msg}") from None
    if not isinstance(rows, list):
        raise BadData(f"{path.name}: holds no array; use [{{...}}, {{...}}], or a name that ends with .jsonl")
    for number, row in enumerate(rows, 1):
        yield _record(f"{path.name}, row {number}", row)


def _json_lines(path: Path, _: Mapping[str, str]) -> Iterator[Record]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path.name}:{number}"
                try:
                    yield _record(where, json.loads(line, parse_float=Decimal))
                except json.JSONDecodeError as error:
                    yield Record(where, {}, [f"is no JSON: {error.msg}"])


def _csv(path: Path, types: Mapping[str, str]) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        if unknown := [name for name in rows.fieldnames or () if name not in types]:
            raise BadData(f"{path.name}:1: the table has no column {', '.join(unknown)}; it has {', '.join(types)}")
        parsers = {name: _parser(cql_type) for name, cql_type in types.items()}
        try:
            for row in rows:
                where = f"{path.name}:{rows.line_num}"
                if None in row or None in row.values():
                    yield Record(where, {}, ["has other fields than the header names"])
                else:
                    yield _parsed(where, row, parsers)
        except csv.Error as error:
            raise BadData(f"{path.name}:{rows.line_num}: is no CSV: {error}") from None


def _parsed(where: str, row: Mapping[str, str], parsers: Mapping[str, Callable[[str], Any]]) -> Record:
    values: dict[str, Any] = {}
    mistakes = []
    for name, text in row.items():
        if text:
            try:
                values[name] = parsers[name](text)
            except (ValueError, KeyError):
                mistakes.append(f"{name} is {text[:50]!r}, which is none of its type")
    return Record(where, values, mistakes)


def _parser(cql_type: str) -> Callable[[str], Any]:
    if cql_type in _WHOLE:
        return int
    if cql_type == "boolean":
        return lambda text: _BOOLEANS[text.lower()]
    if cql_type in ("float", "double"):
        return float
    if cql_type.partition("<")[0] in _IN_JSON:
        return lambda text: json.loads(text, parse_float=Decimal)
    return lambda text: text


def _record(where: str, row: Any) -> Record:
    return Record(where, row) if isinstance(row, dict) else Record(where, {}, ["is no object"])


_READERS: Final[Mapping[str, Callable[[Path, Mapping[str, str]], Iterator[Record]]]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": _csv,
}
