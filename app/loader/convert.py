"""Rows as the bytes that the table stores: each value converted by its column's declared type."""

import json
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType, TupleType, UserType

from keyspaces.database import Description
from keyspaces.execute import NULL, UNSET, encode_cell
from keyspaces.serialize import Unwritable, cql_name, serializer
from loader.records import Unreadable
from loader.sizes import RowSizes

ROW_AT_MOST: Final = 1024 * 1024  # bytes (Keyspaces developer guide, "Quotas")
_BOOLEANS: Final = {"true": True, "false": False}
_WHOLE: Final = ("tinyint", "smallint", "int", "bigint", "varint")
_FIXED: Final = {"tinyint": ">b", "smallint": ">h", "int": ">i", "bigint": ">q", "double": ">d", "float": ">f"}
_SHOWN: Final = 50  # characters of a value

Cells = Sequence[bytes | None]
"""Of each column of the table; None for one that the row leaves alone."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """column: None if it is not about one. value: its beginning, as it was given. reason: a sentence's predicate."""

    column: str | None
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.column} {self.reason}" if self.column else self.reason


@dataclass(frozen=True, slots=True)
class Ready:
    """A row that can be written. body: its values as a message has them. key: a digest of its primary key.

    cells: of all columns, in the table's order.
    """

    body: bytes
    key: bytes
    units: int
    cells: Cells


class Converter:
    """Of one table."""

    def __init__(self, description: Description, types: Mapping[str, Any], *, timestamps: bool) -> None:
        """types: the driver's, by column, in the table's order."""
        self._names = list(types)
        self._key = [self._names.index(name) for name in description.key]
        self._from_text = {name: _text_serializer(name, type_) for name, type_ in types.items()}
        self._from_value = {name: _value_serializer(name, type_) for name, type_ in types.items()}
        self._sizes = RowSizes(types, description.kinds, timestamps=timestamps)

    def header_mistake(self, columns: Sequence[str]) -> str | None:
        """The mistake in the columns that each row of a file has; None if there is none."""
        if unknown := [name for name in columns if name not in self._names]:
            return f"the table has no column {', '.join(unknown)}; it has {', '.join(self._names)}"
        if missing := [self._names[at] for at in self._key if self._names[at] not in columns]:
            return f"has no column {', '.join(missing)}, which is in the primary key"
        return None

    def of_header(self, columns: Sequence[str], *, textual: bool) -> Callable[[Any], Ready | Sequence[Mistake]]:
        """Converts rows that are sequences in the order of the columns. textual: an empty field is no value."""
        serializers = self._from_text if textual else self._from_value
        places = [(columns.index(name), serializers[name]) if name in columns else None for name in self._names]
        empty = "" if textual else None

        def convert(row: Any) -> Ready | Sequence[Mistake]:
            if isinstance(row, Unreadable):
                return [Mistake(None, row.text, row.reason)]
            cells: list[bytes | None] = []
            try:
                for place in places:
                    if place is None or (value := row[place[0]]) == empty:
                        cells.append(None)
                    else:
                        cells.append(place[1](value))
            except Unwritable:
                return self._mistakes({name: row[columns.index(name)] for name in columns}, serializers, empty)
            return self._ready(cells)

        return convert

    def of_mapping(self, row: Any) -> Ready | Sequence[Mistake]:
        """Converts a row that names its columns itself. A null is written as one."""
        if isinstance(row, Unreadable):
            return [Mistake(None, row.text, row.reason)]
        cells: list[bytes | None] = []
        nulls: set[int] = set()
        try:
            known = 0
            for at, name in enumerate(self._names):
                if name in row:
                    known += 1
                    value = row[name]
                    if value is None:
                        nulls.add(at)
                        cells.append(None)
                    else:
                        cells.append(self._from_value[name](value))
                else:
                    cells.append(None)
            if known == len(row):
                return self._ready(cells, nulls)
        except Unwritable:
            pass
        return self._mistakes(row, self._from_value, None)

    def _ready(self, cells: list[bytes | None], nulls: Collection[int] = ()) -> "Ready | list[Mistake]":
        key = blake2b(digest_size=16)
        for at in self._key:
            cell = cells[at]
            if cell is None:
                missing = [self._names[each] for each in self._key if cells[each] is None]
                return [Mistake(missing[0], "", "is missing, which is in the primary key")]
            key.update(len(cell).to_bytes(4, "big"))
            key.update(cell)
        body = b"".join(
            [encode_cell(cell) if cell is not None else NULL if at in nulls else UNSET for at, cell in enumerate(cells)]
        )
        if len(body) > ROW_AT_MOST:
            size = sum(len(cell) for cell in cells if cell is not None)
            if size > ROW_AT_MOST:
                return [Mistake(None, "", f"has {size} bytes; a row has {ROW_AT_MOST} at most")]
        return Ready(body, key.digest(), self._sizes.units(cells, len(body)), cells)

    def _mistakes(
        self, row: Mapping[str, Any], serializers: Mapping[str, Callable[[Any], bytes]], empty: object
    ) -> list[Mistake]:
        """All of a row that has one."""
        found = []
        for name, value in row.items():
            if name not in serializers:
                found.append(Mistake(name, shown(value), f"is no column of the table; it has {', '.join(self._names)}"))
            elif value != empty and value is not None:
                try:
                    serializers[name](value)
                except Unwritable as error:
                    reason = str(error).removeprefix(name).strip()
                    found.append(Mistake(name, shown(value), f"{reason}: {shown(value)!r}"))
        return found


def shown(value: Any) -> str:
    """The beginning of a value, for people."""
    return str(value)[:_SHOWN].encode(errors="replace").decode()


def _value_serializer(name: str, type_: Any) -> Callable[[Any], bytes]:
    """Of values as JSON or Parquet has them. JSON has only text as the keys of a map."""
    serialize, rekey = serializer(name, type_), _with_map_keys(type_)
    if rekey is None:
        return serialize
    return _checked(name, type_, lambda value: serialize(rekey(value)))


def _with_map_keys(type_: Any) -> Callable[[Any], Any] | None:
    """Makes the values that JSON cannot have as keys, wherever a map is; None where no map is."""
    if issubclass(type_, ReversedType):
        return _with_map_keys(type_.subtypes[0])
    inner = [_with_map_keys(each) for each in type_.subtypes]
    if issubclass(type_, MapType):
        of_key, of_value = _text_parser(type_.subtypes[0]), inner[1]

        def of_items(value: Any) -> Any:
            return {
                of_key(key) if isinstance(key, str) else key: of_value(each) if of_value and each is not None else each
                for key, each in value.items()
            }

        return of_items
    if not any(inner):
        return None
    if issubclass(type_, ListType | SetType):
        return lambda value: [inner[0](each) if inner[0] else each for each in value]
    if issubclass(type_, UserType):
        by_name = dict(zip(type_.fieldnames, inner, strict=True))

        def of_fields(value: Any) -> Any:
            if not isinstance(value, Mapping):
                raise TypeError("no object")
            if unknown := value.keys() - by_name.keys():
                raise ValueError(f"has no field {unknown}")
            return {
                field: convert(each) if (convert := by_name[field]) and each is not None else each
                for field, each in value.items()
            }

        return of_fields
    if issubclass(type_, TupleType):
        return lambda value: [
            convert(each) if convert and each is not None else each for convert, each in zip(inner, value, strict=True)
        ]
    return None


def _text_serializer(name: str, type_: Any) -> Callable[[str], bytes]:
    """Of values as CSV has them."""
    cql_type = type_.typename
    if issubclass(type_, ReversedType):
        return _text_serializer(name, type_.subtypes[0])
    if cql_type in ("text", "varchar"):
        return _checked(name, type_, str.encode)
    if cql_type in _FIXED:
        pack = struct.Struct(_FIXED[cql_type]).pack
        number: Callable[[str], Any] = int if cql_type in _WHOLE else float
        return _checked(name, type_, lambda text: pack(number(text)))
    if type_.subtypes:
        serialize = _value_serializer(name, type_)
        return _checked(name, type_, lambda text: serialize(json.loads(text, parse_float=Decimal)))
    serialize, parse = serializer(name, type_), _text_parser(type_)
    return _checked(name, type_, lambda text: serialize(parse(text)))


def _text_parser(type_: Any) -> Callable[[str], Any]:
    """The value that the serializer of the type takes, made of text."""
    cql_type = type_.typename
    if cql_type in _WHOLE:
        return int
    if cql_type in ("float", "double"):
        return float
    if cql_type == "boolean":
        return lambda text: _BOOLEANS[text.lower()]
    if type_.subtypes:
        return lambda text: json.loads(text, parse_float=Decimal)
    return lambda text: text


def _checked(name: str, type_: Any, serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    expected = cql_name(type_)

    def checked(value: Any) -> bytes:
        try:
            return serialize(value)
        except UnicodeEncodeError as error:
            raise Unwritable(f"{name} is not UTF-8") from error
        except Exception as error:
            raise Unwritable(f"{name} takes a value of type {expected}, which this is not") from error

    return checked
