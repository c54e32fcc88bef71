"""Serializes values for CQL: Python's, or JSON's in the form that the kit writes.

The driver's own serialization takes Python's types only, and raises various exceptions for a value that does not fit.
Source of the formats: Apache Cassandra, native_protocol_v4.spec, section 6.
"""

import base64
import datetime
import decimal
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from cassandra.cqltypes import (
    BytesType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    ListType,
    MapType,
    ReversedType,
    SetType,
    SimpleDateType,
    TimeUUIDType,
    TupleType,
    UserType,
    UUIDType,
)

VERSION: Final = 4  # of the protocol, which Keyspaces documents
_DAY_OFFSET: Final = 2**31  # CQL's date counts days from here
_MILLISECONDS: Final = 86_400_000  # of a day
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DATE: Final = re.compile(r"(\d{4}|[+-]\d{4,9})-(\d\d)-(\d\d)")
_FAR_TIMESTAMP: Final = re.compile(r"([+-]\d{4,9}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z")
"""Matches the expanded year of ISO 8601, which `keyspaces.types` writes for timestamps beyond the years 1 to 9999."""

Serialize = Callable[[Any], bytes]


class Unwritable(Exception):
    """A value does not fit its column; the message names the column and its type, never the value."""


def serializer(column: str, type_: Any) -> Serialize:
    """A function that serializes values of a column; it raises Unwritable. The caller handles None, which is null.

    type_: the driver's class of the column's type.
    """
    convert = _converter(type_)
    serialize = type_.serialize
    expected = cql_name(type_)

    def checked(value: Any) -> bytes:
        try:
            return bytes(serialize(value if convert is None else convert(value), VERSION))
        except Exception as error:
            raise Unwritable(f"{column} is not a value of type {expected}") from error

    return checked


def cql_name(type_: Any) -> str:
    """CQL's name of a driver's type. The driver calls `text` `varchar`; the types are the same."""
    return re.sub(r"\bvarchar\b", "text", type_.cql_parameterized_type())


def _converter(type_: Any) -> Callable[[Any], Any] | None:
    """A function that converts a value so that the driver's type serializes it exactly; None if none is needed."""
    if issubclass(type_, ReversedType):
        return _converter(type_.subtypes[0])
    if issubclass(type_, UserType):
        names, each = type_.fieldnames, [_element(subtype) for subtype in type_.subtypes]
        return lambda value: tuple(
            convert(value.get(name) if isinstance(value, Mapping) else value[index])
            for index, (name, convert) in enumerate(zip(names, each, strict=True))
        )
    if issubclass(type_, TupleType):
        each = [_element(subtype) for subtype in type_.subtypes]
        return lambda value: tuple(convert(item) for convert, item in zip(each, value, strict=True))
    if issubclass(type_, MapType):
        key, item = map(_element, type_.subtypes)
        return lambda value: {key(name): item(each) for name, each in value.items()}
    if issubclass(type_, ListType | SetType):
        convert = _element(type_.subtypes[0])
        return lambda value: [convert(each) for each in _no_text(value)]
    for known, convert in _SCALARS.items():
        if issubclass(type_, known):
            return convert
    return _scalar_check(type_)


def _element(type_: Any) -> Callable[[Any], Any]:
    convert = _converter(type_)
    return lambda value: value if value is None or convert is None else convert(value)


def _no_text(value: Any) -> Any:
    if isinstance(value, str | bytes):
        raise TypeError("text is not a collection")
    return value


def _scalar_check(type_: Any) -> Callable[[Any], Any] | None:
    """Rejects values that the driver accepts by mistake: True as 1, and any object as a boolean."""
    name = type_.typename
    if name == "boolean":
        return lambda value: _exactly(value, bool)
    if name in ("tinyint", "smallint", "int", "bigint", "counter"):
        return lambda value: _exactly(value, int)
    return None


def _exactly(value: Any, type_: type) -> Any:
    if type(value) is not type_:
        raise TypeError(f"not of type {type_.__name__}")
    return value


def _blob(value: Any) -> bytes:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(memoryview(value))


def _date(value: Any) -> int:
    """Days in CQL's encoding, which the driver writes unchanged."""
    if isinstance(value, str):
        found = _DATE.fullmatch(value)
        if found is None:
            raise ValueError("not in the form 2026-01-31")
        return _days(*map(int, found.groups())) + _DAY_OFFSET
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        raise TypeError("not a date")
    return (value - _EPOCH.date()).days + _DAY_OFFSET


def _timestamp(value: Any) -> int:
    """Milliseconds since 1970. The driver's own conversion uses a float, which is inexact."""
    if isinstance(value, str):
        if far := _FAR_TIMESTAMP.fullmatch(value):
            hours, minutes, seconds, milliseconds = map(int, far.groups()[1:])
            within = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
            return (_date(far[1]) - _DAY_OFFSET) * _MILLISECONDS + within
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise TypeError("not a timestamp")
    aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    return (aware - _EPOCH) // datetime.timedelta(milliseconds=1)


def _decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | decimal.Decimal):
        raise TypeError("a float would be rounded")
    return decimal.Decimal(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise TypeError("not a number")
    return float(value)


def _uuid(value: Any) -> uuid.UUID:
    return uuid.UUID(value) if isinstance(value, str) else value


def _timeuuid(value: Any) -> uuid.UUID:
    made = _uuid(value)
    if made.version != 1:
        raise ValueError("not a version 1 UUID")
    return made


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, in which 400 years have 146,097 days."""
    eras, within = divmod(year - 2000, 400)
    return (datetime.date(2000 + within, month, day) - _EPOCH.date()).days + eras * 146_097


# The order matters, since TimeUUIDType is a subclass of DateType.
_SCALARS: Final[Mapping[type, Callable[[Any], Any]]] = {
    BytesType: _blob,
    SimpleDateType: _date,
    TimeUUIDType: _timeuuid,
    DateType: _timestamp,
    DecimalType: _decimal,
    DoubleType: _float,
    FloatType: _float,
    IntegerType: lambda value: _exactly(value, int),
    UUIDType: _uuid,
}
