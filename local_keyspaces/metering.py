"""The service's rules for capacity: sizes in bytes, consumption in units. This module does no I/O.

Source: developer guide, "Estimate row size", "Calculate the static column size", "Read request units and write request
units", "Estimate capacity consumption" and its pages, "Use batch statements". A unit is an RRU or RCU, or a WRU or WCU:
both capacity modes count alike.

If the guide gives no rule, the raw size counts: floating-point numbers, times, uuids, addresses, tuples. UNVERIFIED: a
null field counts as the guide's null value, and a collection in a collection counts as one in a user-defined type.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local_keyspaces.tables import Table

READ_BYTES, WRITE_BYTES = 4096, 1024
"""The bytes of one unit."""
ROW_METADATA = 100
"""Additional bytes of a stored row; they do not count for capacity."""
PARTITIONS_OF_A_NEW_TABLE = 4
"""Physical partitions in on-demand mode: a scan reads each of them, also the empty ones."""

_STATIC_METADATA = 104
_NULL = 1
_COLLECTION = 3
"""Bytes of metadata of a collection or a user-defined type; each element or field adds one byte."""
_COUNT = 4
"""Bytes of a collection's element count in the protocol."""
_INTEGERS = frozenset("tinyint smallint int bigint varint counter".split())

Sizer = Callable[[bytes], int]


# -- sizes


def integer_size(value: int) -> int:
    """About one byte for two significant digits, plus one byte; zeroes at either end do not count."""
    digits = str(abs(value)).strip("0")
    return (len(digits) + 1) // 2 + 1


@lru_cache(1024)
def sizer(type_: str, fields: tuple[str, ...] = ()) -> Sizer:
    """Returns a function from a value in the native protocol to its encoded size. type_: in CQL's notation.

    fields: the types of its fields, if it is a user-defined type.
    """
    constructor, parameters = _parsed(type_)
    if constructor == "frozen":
        return sizer(parameters[0], fields)
    if fields:
        return _user_type_sizer(fields)
    if constructor in _INTEGERS:
        return lambda value: integer_size(int.from_bytes(value, "big", signed=True))
    if constructor == "decimal":
        return lambda value: integer_size(int.from_bytes(value[4:], "big", signed=True))
    if constructor in ("list", "set", "map"):
        return _collection_sizer(parameters)
    return len


def json_size(value: Any) -> int:
    """The size of a value in a JSON row; the column's type is not used."""
    match value:
        case None | bool():
            return _NULL
        case int():
            return integer_size(value)
        case float():
            return 8
        case str():
            return len(value.encode())
        case list():
            return _COLLECTION + sum(1 + _nested(element) for element in value)
        case _:
            return _COLLECTION + sum(1 + len(key.encode()) + _nested(element) for key, element in value.items())


def _nested(value: Any) -> int:
    return len(json.dumps(value)) if isinstance(value, list | dict) else json_size(value)


def _nested_sizer(type_: str) -> Sizer:
    """The sizer of an element or a field. A collection or type inside another is frozen, and counts as the protocol
    encodes it: each part with its length.
    """
    constructor, parameters = _parsed(type_)
    if constructor == "frozen":
        return _nested_sizer(parameters[0])
    if constructor in ("list", "set", "map"):
        return lambda value: max(len(value) - _COUNT, 0)
    return sizer(type_)


def _collection_sizer(parameters: Sequence[str]) -> Sizer:
    sizers = [_nested_sizer(parameter) for parameter in parameters]

    def size(value: bytes) -> int:
        at, total = _COUNT, _COLLECTION
        for _ in range(elements(value)):
            if at > len(value):
                break  # Cassandra would refuse this collection
            total += 1
            for of_element in sizers:
                part, at = _part(value, at)
                total += of_element(part) if part is not None else _NULL
        return total

    return size


def _user_type_sizer(fields: Sequence[str]) -> Sizer:
    each = 1 + column_id_size(len(fields))
    sizers = [_nested_sizer(field) for field in fields]

    def size(value: bytes) -> int:
        at, total = 0, _COLLECTION
        for of_field in sizers:
            if at >= len(value):
                break  # a client may leave out the last fields
            part, at = _part(value, at)
            total += each + (of_field(part) if part is not None else _NULL)
        return total

    return size


def _part(value: bytes, at: int) -> tuple[bytes | None, int]:
    """An element or a field, which follows its length (None for null), and the position of the next one."""
    length = int.from_bytes(value[at : at + 4], "big", signed=True)
    return (value[at + 4 : at + 4 + length] if length >= 0 else None), at + 4 + max(length, 0)


def elements(value: bytes) -> int:
    """The number of a collection's elements."""
    return int.from_bytes(value[:_COUNT], "big")


@lru_cache(1024)
def _parsed(type_: str) -> tuple[str, list[str]]:
    """`map<text, frozen<list<int>>>` gives `map` and [`text`, `frozen<list<int>>`]."""
    constructor, opened, rest = type_.partition("<")
    if not opened:
        return type_, []
    parameters, depth, start = [], 0, 0
    inner = rest[: rest.rindex(">")]
    for at, character in enumerate(inner):
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and depth == 0:
            parameters.append(inner[start:at].strip())
            start = at + 1
    return constructor, [*parameters, inner[start:].strip()]


def column_id_size(columns: int) -> int:
    """Bytes of a column's id in a table with this number of columns, or of a field's id in a user-defined type."""
    return 1 + max(columns - 1, 0) // 62


def overhead(type_: str, count: int, *, timestamps: bool, ttl: bool) -> int:
    """Bytes of metadata for a column of a table with client-side timestamps, or of a write with a time to live.

    count: elements of a collection that is not frozen.
    """
    if not (timestamps or ttl):
        return 0
    constructor, _ = _parsed(type_)
    if constructor == "counter":
        return 51
    per_element, per_column = _OVERHEAD.get(constructor, _SCALAR)[(timestamps, ttl)]
    return per_column + per_element * count


# By timestamps and ttl: bytes for each element, bytes for the column.
_SCALAR = {(True, False): (0, 18), (False, True): (0, 16), (True, True): (0, 27)}
_OVERHEAD = {
    "list": {(True, False): (30, 19), (False, True): (15, 0), (True, True): (39, 19)},
    "set": {(True, False): (14, 26), (False, True): (12, 7), (True, True): (23, 26)},
    "map": {(True, False): (17, 26), (False, True): (15, 7), (True, True): (26, 26)},
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a row's columns that are not static, and of a partition's static data; 0 if nothing is written."""

    row: int
    static: int


def sizes(table: Table, values: Mapping[str, int], *, overheads: int = 0) -> Sizes:
    """values: the encoded size of each column's value. overheads: bytes of all metadata for timestamps and TTL."""
    id_size = column_id_size(len(table.columns))
    row, partition_key, static = overheads, 0, 0
    has_row = bool(table.clustering_key and values.keys() & set(table.clustering_key)) or not table.static
    for name, size in values.items():
        match table.columns[name].kind if name in table.columns else "regular":
            case "partition_key":
                row += 2 * size + id_size + 3
                partition_key += size + 3
            case "clustering":
                row += 2 * size + id_size + (size + 4) // 5
            case "static":
                static += size
            case _:
                row += size + id_size
                has_row = True
    return Sizes(row if has_row else 0, partition_key + static + _STATIC_METADATA if static else 0)


# -- units


def read_units(size: int, consistency: str, *, empty: int = 0) -> float:
    """The units of one request. size: bytes of all its rows. empty: partitions that were read and have no rows.

    A read that finds nothing costs the same as a read of a small row.
    """
    units = max(-(-size // READ_BYTES) + empty, 1)
    return units if consistency == "LOCAL_QUORUM" else units / 2


def write_units(written: Sizes, *, logged: bool = False) -> int:
    """The units of one row. logged: in a logged batch, which writes each row twice."""
    row, static = (-(-size // WRITE_BYTES) for size in (written.row, written.static))
    units = 2 * row + 2 * static if row and static else max(row + static, 1)
    return 2 * units if logged else units


def failed_condition(existing: int | None, *, exists_with_ttl: bool = False) -> tuple[float, int]:
    """Read and write units of a conditional write whose condition is false.

    existing: bytes of the existing row, None without one. exists_with_ttl: IF EXISTS or IF NOT EXISTS in a table that
    has TTL on and no client-side timestamps.
    """
    size = existing or 0
    return (read_units(size, "LOCAL_QUORUM") if exists_with_ttl else 0), max(-(-size // WRITE_BYTES), 1)


def total(rows: Iterable[Sizes]) -> int:
    """The bytes that count for a read of these rows: static and other data alike."""
    return sum(row.row + row.static for row in rows)
