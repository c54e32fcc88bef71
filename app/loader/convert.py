"""Rows as the bytes that the table stores: each value converted by its column's declared type."""

import json
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, NamedTuple, NoReturn

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType, TupleType, UserType

from keyspaces.database import Description
from keyspaces.execute import NULL, UNSET
from keyspaces.serialize import Serialize, cql_name, serializer
from loader.records import Unreadable
from loader.sizes import RowSizes

ROW_AT_MOST: Final = 1024 * 1024  # bytes (Keyspaces developer guide, "Quotas")
_BOOLEANS: Final = {"true": True, "false": False}
_WHOLE: Final = ("tinyint", "smallint", "int", "bigint", "varint")
_FIXED: Final = {"tinyint": ">b", "smallint": ">h", "int": ">i", "bigint": ">q", "double": ">d", "float": ">f"}
_LENGTH: Final = struct.Struct(">i").pack
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


class Ready(NamedTuple):
    """A row that can be written. body: its values as a message has them. key: a digest of its primary key.

    cells: of all columns, in the table's order. nulls: the places of those that are written as null.
    """

    body: bytes
    key: bytes
    units: int
    cells: Cells
    nulls: Collection[int] = ()


class Converter:
    """Of one table."""

    def __init__(self, description: Description, types: Mapping[str, Any], *, timestamps: bool) -> None:
        """types: the driver's, by column, in the table's order."""
        self._names = list(types)
        self._key = [self._names.index(name) for name in description.key]
        self._types = types
        self._from_text = {name: _text_serializer(type_) for name, type_ in types.items()}
        self._from_value = {name: _value_serializer(type_) for name, type_ in types.items()}
        self._sizes = RowSizes(types, description.kinds, timestamps=timestamps)
        self._one_unit = self._sizes.one_unit_bytes

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
        places = [(columns.index(name) if name in columns else None, serializers[name]) for name in self._names]
        empty = "" if textual else None

        def convert(row: Any) -> Ready | Sequence[Mistake]:
            if isinstance(row, Unreadable):
                return [Mistake(None, row.text, row.reason)]
            try:
                cells = [
                    None if at is None or (value := row[at]) == empty else serialize(value) for at, serialize in places
                ]
            except Exception as error:  # whatever a value meets that its type does not take; `_mistakes` names all
                return self._mistakes(dict(zip(columns, row, strict=True)), serializers, empty, error)
            return self._ready(cells)

        return convert

    def of_mapping(self, row: Any) -> Ready | Sequence[Mistake]:
        """Converts a row that names its columns itself. A null is written as one."""
        if isinstance(row, Unreadable):
            return [Mistake(None, row.text, row.reason)]
        serializers = self._from_value
        try:
            cells = [
                None if (value := row.get(name)) is None else serialize(value)
                for name, serialize in serializers.items()
            ]
        except Exception as error:
            return self._mistakes(row, serializers, None, error)
        if cells.count(None) + len(row) == len(cells):
            return self._ready(cells)  # each column that it names is one of the table's, and has a value
        if unknown := row.keys() - serializers.keys():
            return self._mistakes(row, serializers, None, KeyError(*unknown))
        return self._ready(cells, [at for at, name in enumerate(self._names) if cells[at] is None and name in row])

    def _ready(self, cells: list[bytes | None], nulls: Collection[int] = ()) -> "Ready | list[Mistake]":
        parts = [UNSET if cell is None else _LENGTH(len(cell)) + cell for cell in cells]  # as `encode_cell` does
        for at in nulls:
            parts[at] = NULL
        if UNSET in parts or nulls:
            for at in self._key:
                if cells[at] is None:
                    return [Mistake(self._names[at], "", "is missing, which is in the primary key")]
        body = b"".join(parts)
        if len(body) > ROW_AT_MOST:
            size = sum(len(cell) for cell in cells if cell is not None)
            if size > ROW_AT_MOST:
                return [Mistake(None, "", f"has {size} bytes; a row has {ROW_AT_MOST} at most")]
        key = blake2b(b"".join([parts[at] for at in self._key]), digest_size=16).digest()
        units = 1 if len(body) <= self._one_unit else self._sizes.units(cells)
        return Ready(body, key, units, cells, nulls)

    def _mistakes(
        self, row: Mapping[str, Any], serializers: Mapping[str, Serialize], empty: object, error: Exception
    ) -> list[Mistake]:
        """All of a row that has one. error: by which it showed."""
        found = []
        for name, value in row.items():
            if name not in serializers:
                found.append(Mistake(name, shown(value), f"is no column of the table; it has {', '.join(self._names)}"))
            elif value != empty and value is not None:
                try:
                    serializers[name](value)
                except UnicodeEncodeError:
                    found.append(Mistake(name, shown(value), f"is not UTF-8: {shown(value)!r}"))
                except Exception:
                    expected = cql_name(self._types[name])
                    reason = f"takes a value of type {expected}, which this is not: {shown(value)!r}"
                    found.append(Mistake(name, shown(value), reason))
        if not found:
            raise error
        return found


def shown(value: Any) -> str:
    """The beginning of a value, for people."""
    return str(value)[:_SHOWN].encode(errors="replace").decode()


def _value_serializer(type_: Any) -> Serialize:
    """Of values as JSON or Parquet has them; raises whatever a value meets. JSON has only text as the keys of a map."""
    if issubclass(type_, ReversedType):
        return _value_serializer(type_.subtypes[0])
    if type_.typename in ("text", "varchar"):
        return str.encode
    if type_.typename in ("int", "bigint"):
        pack = struct.Struct(_FIXED[type_.typename]).pack
        return lambda value: pack(value if type(value) is int else _no_number())
    serialize, rekey = serializer("", type_), _with_map_keys(type_)
    return serialize if rekey is None else lambda value: serialize(rekey(value))


def _no_number() -> NoReturn:
    raise TypeError("no whole number")


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


def _text_serializer(type_: Any) -> Serialize:
    """Of values as CSV has them; raises whatever a value meets."""
    cql_type = type_.typename
    if issubclass(type_, ReversedType):
        return _text_serializer(type_.subtypes[0])
    if cql_type in ("text", "varchar"):
        return str.encode
    if cql_type in _FIXED:
        pack = struct.Struct(_FIXED[cql_type]).pack
        number: Callable[[str], Any] = int if cql_type in _WHOLE else float
        return lambda text: pack(number(text))
    if type_.subtypes:
        serialize = _value_serializer(type_)
        return lambda text: serialize(json.loads(text, parse_float=Decimal))
    serialize, parse = serializer("", type_), _text_parser(type_)
    return lambda text: serialize(parse(text))


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
