"""Exact decoders for CQL types whose values the driver decodes inexactly, or not at all.

- timestamp: the driver uses a float, which is milliseconds off from the year 2250 on, and fails beyond 9999.
- date: the driver returns a number of days since 1970 for years beyond 9999.
- decimal: the driver fails beyond 4,300 digits.

The class names begin with an underscore: the driver would register a type class with any other name as a CQL type.
"""

import decimal
import struct
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, Final

from cassandra.cqltypes import DateType, DecimalType, IntegerType, SimpleDateType
from cassandra.marshal import varint_unpack
from cassandra.protocol import ResultMessage

DIGITS_AT_MOST: Final = 20_000
"""Most digits of a varint or decimal. The conversion time grows with the square of the digits: 20,000 take 5 ms."""

_BYTES_AT_MOST: Final = 8_305  # of DIGITS_AT_MOST digits and a sign
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = int((datetime.min.replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))
_LAST: Final = int((datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1))
_DAY: Final = 86_400_000  # milliseconds
_DATE_OFFSET: Final = 2**31  # CQL's date counts days from here
_INT64: Final = struct.Struct(">q").unpack
_INT32: Final = struct.Struct(">i").unpack_from
_UINT32: Final = struct.Struct(">I").unpack
_EXACT: Final = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)


class Unrepresentable(Exception):
    """A value is too large to be written as text; the message names its type, never the value."""


class _Timestamp(DateType):  # type: ignore[misc]  # the package has no types
    @staticmethod
    def deserialize(data: bytes, _: int) -> datetime | str:
        """A datetime in UTC; outside of the years 1 to 9999 text in ISO 8601 with an expanded year, such as
        +10000-01-01T00:00:00.000Z."""
        (milliseconds,) = _INT64(data)
        if _FIRST <= milliseconds <= _LAST:
            return _EPOCH + timedelta(milliseconds=milliseconds)
        days, rest = divmod(milliseconds, _DAY)
        seconds, rest = divmod(rest, 1000)
        return f"{_iso(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}Z"


class _Date(SimpleDateType):  # type: ignore[misc]
    @staticmethod
    def deserialize(data: bytes, _: int) -> str:
        """Text in ISO 8601; outside of the years 0 to 9999 with an expanded year, such as +10000-01-01."""
        return _iso(_UINT32(data)[0] - _DATE_OFFSET)


class _Varint(IntegerType):  # type: ignore[misc]
    @staticmethod
    def deserialize(data: bytes, _: int) -> int:
        _check_size(data, "varint")
        return int(varint_unpack(data))


class _Decimal(DecimalType):  # type: ignore[misc]
    @staticmethod
    def deserialize(data: bytes, _: int) -> decimal.Decimal:
        _check_size(data[4:], "decimal")
        (scale,) = _INT32(data)
        return decimal.Decimal(varint_unpack(data[4:])).scaleb(-scale, _EXACT)


_EXACT_TYPES: Final = {DateType: _Timestamp, SimpleDateType: _Date, IntegerType: _Varint, DecimalType: _Decimal}


class ExactResult(ResultMessage):  # type: ignore[misc]
    """A result that is decoded with the classes above, also inside collections and user-defined types."""

    type_codes: ClassVar = {code: _EXACT_TYPES.get(type_, type_) for code, type_ in ResultMessage.type_codes.items()}


def _check_size(data: bytes, cql_type: str) -> None:
    if len(data) > _BYTES_AT_MOST:
        raise Unrepresentable(f"a {cql_type} of more than {DIGITS_AT_MOST} digits")


def _iso(days: int) -> str:
    """A day in the proleptic Gregorian calendar, in which 400 years have 146,097 days. days: since 1970-01-01."""
    eras, day = divmod(days - _days(2000, 1, 1), 146_097)
    start = date(2000, 1, 1) + timedelta(days=day)
    year = start.year + 400 * eras
    text = f"{year:04}" if 0 <= year <= 9999 else f"{year:+05}" if abs(year) <= 9999 else f"{year:+}"
    return f"{text}-{start.month:02}-{start.day:02}"


def _days(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days
