"""Rows of a file: a JSON array, JSON Lines, or CSV with a header.

JSON has values as docs/service.md shows them: a decimal, a timestamp, a UUID as text, a blob as base64. In CSV, an
empty field is no value, and a collection is written as JSON.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

_BOOLEANS: Final = {"true": True, "false": False}
_IN_JSON: Final = ("list", "set", "map", "tuple", "frozen")
_WHOLE: Final = ("tinyint", "smallint", "int", "bigint", "varint")


class BadData(Exception):
    """The message says where in the file, and what is wrong there; of several mistakes, the first ones."""


@dataclass(frozen=True, slots=True)
class Record:
    """where: file and line, or row of a JSON array."""

    where: str
    values: Mapping[str, Any]


def read_records(path: Path, types: Mapping[str, str]) -> Iterator[Record]:
    """types: CQL types by column, to read CSV by. Raises BadData at the first line that is none."""
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
                try:
                    row = json.loads(line, parse_float=Decimal)
                except json.JSONDecodeError as error:
                    raise BadData(f"{path.name}:{number}: is no JSON: {error.msg}") from None
                yield _record(f"{path.name}:{number}", row)


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
                    raise BadData(f"{where}: has other fields than the header names")
                yield Record(where, {name: _parsed(where, name, parsers, text) for name, text in row.items() if text})
        except csv.Error as error:
            raise BadData(f"{path.name}:{rows.line_num}: is no CSV: {error}") from None


def _parsed(where: str, name: str, parsers: Mapping[str, Callable[[str], Any]], text: str) -> Any:
    try:
        return parsers[name](text)
    except (ValueError, KeyError):
        raise BadData(f"{where}: {name} is {text[:50]!r}, which is none of its type") from None


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
    if not isinstance(row, dict):
        raise BadData(f"{where}: is no object")
    return Record(where, row)


_READERS: Final[Mapping[str, Callable[[Path, Mapping[str, str]], Iterator[Record]]]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": _csv,
}
