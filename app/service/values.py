"""Writes CQL values as JSON, and derives the JSON schema of a CQL type.

| CQL | JSON |
| --- | --- |
| numeric types except `decimal` | number; null for NaN and infinity |
| `decimal` | text, since many JSON parsers would round a number |
| `blob` | text, base64 |
| `timestamp` | text, RFC 3339 in UTC; beyond the years 1 to 9999 with the expanded year of ISO 8601 |
| `date` | text, ISO 8601; beyond the years 0 to 9999 with the expanded year |
| `list`, `set`, `tuple` | array |
| `map` | object; a key that is not text is its JSON without quotes |
| user-defined type | object |
| other types | text |
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import starmap
from typing import Any, Final

import msgspec
from cassandra.util import OrderedMap, SortedSet

from keyspaces.results import Column, Row
from service.routes import Node

_encoder = msgspec.json.Encoder(enc_hook=str)


def _integer(bits: int) -> Node:
    return {"type": "integer", "minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1, "examples": [42]}


_TEXT: Node = {"type": "string", "examples": ["text"]}
_FLOAT: Node = {"type": ["number", "null"], "examples": [0.5]}
_UUID: Node = {"type": "string", "format": "uuid", "examples": ["123e4567-e89b-12d3-a456-426614174000"]}
_SCHEMAS: Mapping[str, Node] = {
    "ascii": _TEXT,
    "text": _TEXT,
    "varchar": _TEXT,
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "int": _integer(32),
    "bigint": _integer(64),
    "counter": _integer(64),
    "varint": {"type": "integer", "examples": [42]},
    "decimal": {"type": "string", "pattern": r"^-?\d+(\.\d+)?(E[+-]?\d+)?$", "examples": ["0.10"]},
    "float": _FLOAT,
    "double": _FLOAT,
    "boolean": {"type": "boolean", "examples": [True]},
    "blob": {"type": "string", "contentEncoding": "base64", "examples": ["AP8="]},
    "uuid": _UUID,
    "timeuuid": _UUID,
    # These two have no `format`, since CQL has years beyond 9999, which RFC 3339 does not allow.
    "timestamp": {"type": "string", "examples": ["2026-01-31T12:00:00Z"]},
    "date": {"type": "string", "examples": ["2026-01-31"]},
    "time": {"type": "string", "pattern": r"^\d\d:\d\d:\d\d\.\d{9}$", "examples": ["12:00:00.000000000"]},
    "inet": {"type": "string", "examples": ["192.0.2.1"]},
    "duration": {"type": "string", "examples": ["1mo2d3ns"]},
}
_AS_THEY_ARE = _SCHEMAS.keys() - {"varint"}
_BITS_AT_MOST: Final = 14_000  # bits of an integer; Python refuses to convert much larger ones to text
_PARAMETRISED = re.compile(r"(\w+)<(.*)>")


class JsonRows:
    """Writes rows with these columns as JSON objects."""

    def __init__(self, columns: Sequence[Column]) -> None:
        fields = [f"column_{number}" for number in range(len(columns))]
        names = {field: column.name for field, column in zip(fields, columns, strict=True)}
        self._object = msgspec.defstruct("Row", fields, rename=names, gc=False)
        self._plain = all(column.cql_type in _AS_THEY_ARE for column in columns)

    def one(self, row: Row) -> bytes:
        return _encoder.encode(self._object(*(row if self._plain else map(_plain, row))))

    def many(self, rows: Sequence[Row]) -> bytes:
        return _encoder.encode(list(starmap(self._object, rows if self._plain else (map(_plain, row) for row in rows))))


def _plain(value: Any) -> Any:
    """A value of the driver, in types that the encoder knows or writes as text."""
    if isinstance(value, int) and value.bit_length() > _BITS_AT_MOST:
        return msgspec.Raw(str(Decimal(value)).encode())
    if isinstance(value, OrderedMap):  # a look-up serializes the key, which the driver cannot do for every type
        return {_key(key): _plain(each) for key, each in value._items}
    if hasattr(value, "_fields"):  # a value of a user-defined type
        return {name: _plain(each) for name, each in zip(value._fields, value, strict=True)}
    if isinstance(value, list | tuple | set | SortedSet):
        return [_plain(each) for each in value]
    return value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _encoder.encode(_plain(key)).decode().strip('"')


def schema_of(cql_type: str) -> Node:
    """The JSON schema of a CQL type; for a user-defined type, one that allows every value.

    cql_type: as the driver writes it.
    """
    if cql_type in _SCHEMAS:
        return dict(_SCHEMAS[cql_type])
    parametrised = _PARAMETRISED.fullmatch(cql_type)
    if not parametrised:
        return {}
    name, parameters = parametrised[1], _split(parametrised[2])
    if name == "frozen":
        return schema_of(parameters[0])
    if name in ("list", "set"):
        return {"type": "array", "items": schema_of(parameters[0])}
    if name == "map":
        return {"type": "object", "additionalProperties": schema_of(parameters[1])}
    if name == "tuple":
        return {"type": "array", "prefixItems": [nullable(schema_of(each)) for each in parameters]}
    return {}


def nullable(schema: Node) -> Node:
    """The schema, with null allowed. A schema without a type already allows null."""
    if "type" not in schema:
        return schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, *({"null"} - {*types})]}


def example_of(schema: Node) -> Any:
    """A valid value of the schema."""
    if "examples" in schema:
        return schema["examples"][0]
    if "items" in schema:
        return [example_of(schema["items"])]
    if "prefixItems" in schema:
        return [example_of(each) for each in schema["prefixItems"]]
    if "additionalProperties" in schema:
        return {"key": example_of(schema["additionalProperties"])}
    return None


def _split(parameters: str) -> list[str]:
    """Splits type parameters at the outer commas, for example `text, frozen<list<int>>` into two."""
    parts, depth = [""], 0
    for character in parameters:
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
