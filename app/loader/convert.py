"""Converts rows to the bytes that the table stores, each value by its column's declared type."""

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
"""The serialized value of each column of the table; None for a column that the row does not set."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """column: None if the mistake is not about a column. value: the beginning of the given value. reason: a predicate,
    such as `is not UTF-8`."""

    column: str | None
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.column} {self.reason}" if self.column else self.reason


class Ready(NamedTuple):
    """A row that can be written. body: its values in the encoding of a message. key: a digest of its primary key.

    cells: of all columns, in the table's order. nulls: indexes of the columns that are written as null.
    """

    body: bytes
    key: bytes
    units: int
    cells: Cells
    nulls: Collection[int] = ()


class Converter:
    """Converts rows of one table."""

    def __init__(self, description: Description, types: Mapping[str, Any], *, timestamps: bool) -> None:
        """types: the driver's types, by column, in the table's order."""
        self._names = list(types)
        self._key = [self._names.index(name) for name in description.key]
        self._types = types
        self._from_text = {name: _text_serializer(type_) for name, type_ in types.items()}
        self._from_value = {name: _value_serializer(type_) for name, type_ in types.items()}
        self._sizes = RowSizes(types, description.kinds, timestamps=timestamps)
        self._one_unit = self._sizes.one_unit_bytes

    def header_mistake(self, columns: Sequence[str]) -> str | None:
        """The mistake in a file's header, which names the columns of each row; None if it has none."""
        if unknown := [name for name in columns if name not in self._names]:
            return f"the table has no column {', '.join(unknown)}; it has {', '.join(self._names)}"
        if missing := [self._names[at] for at in self._key if self._names[at] not in columns]:
            return f"has no column {', '.join(missing)}, which is in the primary key"
        return None

    def of_header(self, columns: Sequence[str], *, textual: bool) -> Callable[[Any], Ready | Sequence[Mistake]]:
        """A function that converts rows, which are sequences in the order of the columns. textual: an empty field means
        no value."""
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
            except Exception as error:  # an invalid value can raise any error; `_mistakes` names all invalid values
                return self._mistakes(dict(zip(columns, row, strict=True)), serializers, empty, error)
            return self._ready(cells)

        return convert

    def of_mapping(self, row: Any) -> Ready | Sequence[Mistake]:
        """Converts a row that is a mapping by column. A null is written as null."""
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
            return self._ready(cells)  # all columns of the row belong to the table, and have values
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
                    return [Mistake(self._names[at], "", "is missing, but belongs to the primary key")]
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
        """All mistakes of a row. error: the error that showed the first one."""
        found = []
        for name, value in row.items():
            if name not in serializers:
                found.append(Mistake(name, shown(value), f"is not a column; the table has {', '.join(self._names)}"))
            elif value != empty and value is not None:
                try:
                    serializers[name](value)
                except UnicodeEncodeError:
                    found.append(Mistake(name, shown(value), f"is not UTF-8: {shown(value)!r}"))
                except Exception:
                    expected = cql_name(self._types[name])
                    reason = f"is not a value of type {expected}: {shown(value)!r}"
                    found.append(Mistake(name, shown(value), reason))
        if not found:
            raise error
        return found


def shown(value: Any) -> str:
    """The beginning of a value, for messages."""
    return str(value)[:_SHOWN].encode(errors="replace").decode()


def _value_serializer(type_: Any) -> Serialize:
    """A function that serializes values of JSON or Parquet; it can raise any error. In JSON, map keys are text."""
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
    raise TypeError("not a whole number")


def _with_map_keys(type_: Any) -> Callable[[Any], Any] | None:
    """A function that converts text keys of maps to the type of the keys; None if the type contains no map."""
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
                raise TypeError("not an object")
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
    """A function that serializes values of CSV; it can raise any error."""
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
    """A function that converts text to a value for the serializer of the type."""
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
