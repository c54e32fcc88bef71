"""Compares rows that were read back with the given rows, value by value, as bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType, TupleType

from keyspaces.database import Description
from keyspaces.serialize import serializer
from loader.convert import Cells, Mistake, Ready


class Comparison:
    """Compares rows of one table."""

    def __init__(self, description: Description, types: Mapping[str, Any]) -> None:
        """types: the driver's types, by column."""
        names = [column.name for column in description.columns]
        self._key = [names.index(name) for name in description.key]
        self._columns = [(name, types[name], serializer(name, types[name])) for name in names]

    def key_of(self, cells: Cells) -> Sequence[bytes]:
        """The values of the primary key."""
        return [cells[at] or b"" for at in self._key]

    def differences(self, ready: Ready, found: Sequence[Any]) -> Iterator[Mistake]:
        """found: the values of the row that was read. A column that the given row does not set may have any value."""
        for at, ((name, type_, serialize), cell) in enumerate(zip(self._columns, ready.cells, strict=True)):
            if cell is None and at not in ready.nulls:
                continue
            there = serialize(found[at]) if found[at] is not None else None
            if there != cell and canonical(type_, there) != canonical(type_, cell):
                yield Mistake(name, "", "has another value in the table")


def canonical(type_: Any, value: bytes | None) -> Any:
    """A form that is equal for equal values, whatever the order of a set or a map; an empty collection is null."""
    if value is None:
        return None
    if issubclass(type_, ReversedType):
        return canonical(type_.subtypes[0], value)
    if issubclass(type_, MapType | SetType | ListType):
        elements = [
            tuple(canonical(each, part) for each, part in zip(type_.subtypes, parts, strict=True))
            for parts in _grouped(_parts(value, 4), len(type_.subtypes))
        ]
        return (elements if issubclass(type_, ListType) else sorted(elements, key=repr)) or None
    if issubclass(type_, TupleType):  # also for user-defined types, whose last fields may be missing
        fields = [canonical(each, part) for each, part in zip(type_.subtypes, _parts(value, 0), strict=False)]
        while fields and fields[-1] is None:
            fields.pop()
        return fields
    return value


def _parts(value: bytes, at: int) -> Iterator[bytes | None]:
    while at < len(value):
        length = int.from_bytes(value[at : at + 4], "big", signed=True)
        yield value[at + 4 : at + 4 + length] if length >= 0 else None
        at += 4 + max(length, 0)


def _grouped(parts: Iterable[bytes | None], size: int) -> Iterator[tuple[bytes | None, ...]]:
    return zip(*[iter(parts)] * size, strict=True)
