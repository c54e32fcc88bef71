"""Values as the bytes that CQL stores: of Python, or of JSON as the kit writes it.

The driver's own serialization takes Python's types only, and answers a value that does not fit with whatever exception
it meets. Source of the formats: Apache Cassandra, native_protocol_v4.spec, section 6.
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

VERSION: Final = 4  # of the protocol: the one Keyspaces documents
_DAY_OFFSET: Final = 2**31  # CQL's date counts days from here
_MILLISECONDS: Final = 86_400_000  # of a day
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DATE: Final = re.compile(r"(\d{4}|[+-]\d{4,9})-(\d\d)-(\d\d)")
_FAR_TIMESTAMP: Final = re.compile(r"([+-]\d{4,9}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z")
"""With the expanded year of ISO 8601, as `keyspaces.types` writes timestamps beyond the years 1 to 9999."""

Serialize = Callable[[Any], bytes]


class Unwritable(Exception):
    """A value does not fit its column; the message names both the column and what it takes, never the value."""


def serializer(column: str, type_: Any) -> Serialize:
    """type_: the driver's. Its result raises Unwritable. None stands for null, which is the caller's."""
    convert = _converter(type_)
    serialize = type_.serialize
    expected = cql_name(type_)

    def checked(value: Any) -> bytes:
        try:
            return bytes(serialize(value if convert is None else convert(value), VERSION))
        except Exception as error:
            raise Unwritable(f"{column} takes a value of type {expected}, which this is not") from error

    return checked


def cql_name(type_: Any) -> str:
    """A driver's type as CQL writes it: the driver says `varchar` for `text`, which are the same."""
    return re.sub(r"\bvarchar\b", "text", type_.cql_parameterized_type())


def _converter(type_: Any) -> Callable[[Any], Any] | None:
    """A function that makes a value which the driver's type serializes exactly; None where none is needed."""
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
        raise TypeError("text is no collection")
    return value


def _scalar_check(type_: Any) -> Callable[[Any], Any] | None:
    """The driver takes True for 1, and any object for a boolean."""
    name = type_.typename
    if name == "boolean":
        return lambda value: _exactly(value, bool)
    if name in ("tinyint", "smallint", "int", "bigint", "counter"):
        return lambda value: _exactly(value, int)
    return None


def _exactly(value: Any, type_: type) -> Any:
    if type(value) is not type_:
        raise TypeError(f"no {type_.__name__}")
    return value


def _blob(value: Any) -> bytes:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(memoryview(value))


def _date(value: Any) -> int:
    """Days, as CQL counts them: the driver takes a number as it is."""
    if isinstance(value, str):
        found = _DATE.fullmatch(value)
        if found is None:
            raise ValueError("not in the form 2026-01-31")
        return _days(*map(int, found.groups())) + _DAY_OFFSET
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
        raise TypeError("no date")
    return (value - _EPOCH.date()).days + _DAY_OFFSET


def _timestamp(value: Any) -> int:
    """Milliseconds since 1970: the driver goes through a float."""
    if isinstance(value, str):
        if far := _FAR_TIMESTAMP.fullmatch(value):
            hours, minutes, seconds, milliseconds = map(int, far.groups()[1:])
            within = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
            return (_date(far[1]) - _DAY_OFFSET) * _MILLISECONDS + within
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise TypeError("no timestamp")
    aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    return (aware - _EPOCH) // datetime.timedelta(milliseconds=1)


def _decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | decimal.Decimal):
        raise TypeError("a float would be rounded")
    return decimal.Decimal(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise TypeError("no number")
    return float(value)


def _uuid(value: Any) -> uuid.UUID:
    return uuid.UUID(value) if isinstance(value, str) else value


def _timeuuid(value: Any) -> uuid.UUID:
    made = _uuid(value)
    if made.version != 1:
        raise ValueError("not a version 1 UUID")
    return made


def _days(year: int, month: int, day: int) -> int:
    """Since 1970-01-01 in the proleptic Gregorian calendar, of which 400 years have 146,097 days."""
    eras, within = divmod(year - 2000, 400)
    return (datetime.date(2000 + within, month, day) - _EPOCH.date()).days + eras * 146_097


# TimeUUIDType is a kind of DateType.
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
