"""Sizes of rows by Keyspaces' rules: bytes and write units.

Source: developer guide, "Estimate row size", "Read request units and write request units".
`local_keyspaces/metering.py` has the same rules; neither package may import the other, so a test holds them equal.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType

WRITE_BYTES: Final = 1024
"""Bytes of one write unit."""
READ_BYTES: Final = 4096
_STATIC_METADATA: Final = 104
_COLLECTION, _NULL = 3, 1
_INTEGERS: Final = frozenset("tinyint smallint int bigint varint counter".split())

Kind = str
"""A column's kind in system_schema.columns: partition_key, clustering, static or regular."""


def _integer(value: int) -> int:
    digits = str(abs(value)).strip("0")
    return (len(digits) + 1) // 2 + 1


def value_size(type_: Any) -> Callable[[bytes], int]:
    """A function that gives the counted size of a value, from its serialized bytes. type_: the driver's."""
    if issubclass(type_, ReversedType):
        return value_size(type_.subtypes[0])
    name = type_.typename
    if name in _INTEGERS:
        return lambda value: _integer(int.from_bytes(value, "big", signed=True))
    if name == "decimal":
        return lambda value: _integer(int.from_bytes(value[4:], "big", signed=True))
    if issubclass(type_, ListType | SetType | MapType):
        return _collection_size([len if each.subtypes else value_size(each) for each in type_.subtypes])
    return len


def _collection_size(sizes: Sequence[Callable[[bytes], int]]) -> Callable[[bytes], int]:
    def size(value: bytes) -> int:
        at, total = 4, _COLLECTION
        for _ in range(int.from_bytes(value[:4], "big")):
            total += 1
            for of_element in sizes:
                length = int.from_bytes(value[at : at + 4], "big", signed=True)
                total += of_element(value[at + 4 : at + 4 + length]) if length >= 0 else _NULL
                at += 4 + max(length, 0)
        return total

    return size


class RowSizes:
    """Sizes of the rows of one table."""

    def __init__(self, types: Mapping[str, Any], kinds: Mapping[str, Kind], *, timestamps: bool = False) -> None:
        """types: the driver's types of all columns, by name. timestamps: the table has client-side timestamps."""
        self._id = 1 + max(len(types) - 1, 0) // 62
        self._columns = [
            (kinds[name], value_size(type_), _overhead(type_, timestamps)) for name, type_ in types.items()
        ]
        self._static = [at for at, name in enumerate(types) if kinds[name] == "static"]
        small = 60 * len(types) if timestamps else 8 * len(types)
        self.one_unit_bytes = 0 if self._static else int((WRITE_BYTES - small) / 2.2)
        """A row of up to this many bytes is one unit, whatever its values, since a key counts 2.2 times."""

    def units(self, cells: Sequence[bytes | None]) -> int:
        """Write units of one row. cells: of all columns; None for columns that are not written."""
        row, static = self.bytes_of(cells)
        row_units, static_units = -(-row // WRITE_BYTES), -(-static // WRITE_BYTES)
        if row and static:
            return 2 * (row_units + static_units)
        return max(row_units + static_units, 1)

    def bytes_of(self, cells: Sequence[bytes | None]) -> tuple[int, int]:
        """Bytes of the row's own columns, and of the partition's static columns (0 for none)."""
        row = key = static = 0
        has_row = not self._static
        for (kind, size_of, overhead), cell in zip(self._columns, cells, strict=True):
            if cell is None:
                continue
            size = size_of(cell)
            if kind == "partition_key":
                row += 2 * size + self._id + 3
                key += size + 3
            elif kind == "clustering":
                row += 2 * size + self._id + (size + 4) // 5
                has_row = True
            elif kind == "static":
                static += size
                row += overhead(cell)
            else:
                row += size + self._id + overhead(cell)
                has_row = True
        return row if has_row else 0, key + static + _STATIC_METADATA if static else 0


def _overhead(type_: Any, timestamps: bool) -> Callable[[bytes], int]:
    """Bytes of a column's metadata in a table with client-side timestamps, for collections also of each element."""
    if not timestamps:
        return lambda _: 0
    for kind, (each, column) in {ListType: (30, 19), SetType: (14, 26), MapType: (17, 26)}.items():
        if issubclass(type_, kind):
            return lambda value: column + each * int.from_bytes(value[:4], "big")
    return lambda _: 18
