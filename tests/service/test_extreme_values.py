"""Every CQL type with its most extreme values, through a real database, while a client reads an ordinary row."""

import base64
import json
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from cassandra.cluster import Session
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from keyspaces.types import DIGITS_AT_MOST
from tests.keyspaces import LocalKeyspaces
from tests.processes import free_port, get, listens, start_program, wait_until
from tests.serving.running import PROGRAM, THINGS, service_environment

TYPES: Final = (
    *("ascii", "bigint", "blob", "boolean", "date", "decimal", "double", "float", "inet", "int", "smallint", "text"),
    *("time", "timestamp", "timeuuid", "tinyint", "uuid", "varint"),
)
TABLE: Final = replace(
    THINGS,
    keyspace="extremes",
    columns={
        "id": "text",
        **{f"c_{cql_type}": cql_type for cql_type in TYPES},
        **{f"l_{cql_type}": f"list<{cql_type}>" for cql_type in TYPES},
        **{f"m_{cql_type}": f"map<{cql_type}, text>" for cql_type in TYPES},
    },
)
SECRET: Final = "a-value-that-no-log-shows"


def _varint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _decimal(scale: int, unscaled: int) -> bytes:
    return struct.pack(">i", scale) + _varint(unscaled)


_NUMBERS = st.integers(-(10**60), 10**60) | st.sampled_from([10**5_000, -(10**DIGITS_AT_MOST - 1), 0])
# The bytes of a value, as the protocol has them.
RAW: Final[Mapping[str, st.SearchStrategy[bytes]]] = {
    "ascii": st.text(st.characters(max_codepoint=127)).map(str.encode),
    "bigint": st.binary(min_size=8, max_size=8),
    "blob": st.binary(),
    "boolean": st.sampled_from([b"\0", b"\1"]),
    "date": st.binary(min_size=4, max_size=4),
    "decimal": st.builds(_decimal, st.integers(-(2**31), 2**31 - 1) | st.integers(-9, 9), _NUMBERS),
    "double": st.binary(min_size=8, max_size=8),
    "float": st.binary(min_size=4, max_size=4),
    "inet": st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    "int": st.binary(min_size=4, max_size=4),
    "smallint": st.binary(min_size=2, max_size=2),
    "text": st.text().map(str.encode),
    "time": st.integers(0, 86_399_999_999_999).map(lambda n: struct.pack(">q", n)),
    "timestamp": st.binary(min_size=8, max_size=8)
    | st.integers(-(10**14), 3 * 10**14).map(lambda n: struct.pack(">q", n)),
    "timeuuid": st.uuids(version=1).map(lambda one: one.bytes),
    "tinyint": st.binary(min_size=1, max_size=1),
    "uuid": st.uuids().map(lambda one: one.bytes),
    "varint": _NUMBERS.map(_varint),
}
_FIRST = {"timestamp": b"\x80" + b"\0" * 7, "date": b"\0" * 4, "decimal": _decimal(2**31 - 1, 10**5_000)}
_LAST = {"timestamp": b"\x7f" + b"\xff" * 7, "date": b"\xff" * 4, "decimal": _decimal(-(2**31), -(10**5_000))}
_ORDINARY = {
    "ascii": b"a", "bigint": b"\0" * 8, "blob": b"", "boolean": b"\0", "date": b"\x80\0\0\0", "decimal": _decimal(2, 1),
    "double": b"\x7f\xf8" + b"\0" * 6, "float": b"\xff\x80\0\0", "inet": b"\x7f\0\0\1", "int": b"\x80\0\0\0",
    "smallint": b"\x80\0", "text": "\0\uffff".encode(), "time": b"\0" * 8, "timestamp": b"\0" * 8,
    "timeuuid": UUID("50554d6e-29bb-11e5-b345-feff819cdc9f").bytes, "tinyint": b"\x80", "uuid": b"\xff" * 16,
    "varint": _varint(10**5_000),
}  # fmt: skip


def _days(iso: str) -> int:
    """The days since 1970-01-01 of a date in the proleptic Gregorian calendar, by H. Hinnant's `days_from_civil`."""
    found = re.fullmatch(r"([+-]?\d{4,})-(\d\d)-(\d\d)", iso)
    assert found, iso
    year, month, day = int(found[1]) - (int(found[2]) <= 2), int(found[2]), int(found[3])
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _milliseconds(iso: str) -> int:
    found = re.fullmatch(r"(.+)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3})(?:000)?)?Z", iso)
    assert found, iso
    of_day = (int(found[2]) * 60 + int(found[3])) * 60 + int(found[4])
    return (_days(found[1]) * 86_400 + of_day) * 1000 + int(found[5] or 0)


def _raw(cql_type: str, value: Any) -> Any:
    """The written value, recovered from its JSON; numbers as numbers."""
    if cql_type in ("double", "float"):
        return value
    if cql_type == "decimal":
        return Decimal(value)
    parse: Mapping[str, Callable[[Any], Any]] = {
        "date": _days,
        "timestamp": _milliseconds,
        "inet": ip_address,
        "uuid": UUID,
        "timeuuid": UUID,
    }
    return parse[cql_type](value) if cql_type in parse else value


def _expected(cql_type: str, raw: bytes) -> Any:
    if cql_type in ("double", "float"):
        (number,) = struct.unpack(">d" if cql_type == "double" else ">f", raw)
        return number if math.isfinite(number) else None
    if cql_type in ("bigint", "int", "smallint", "tinyint", "varint", "timestamp"):
        return int.from_bytes(raw, "big", signed=True)
    if cql_type == "date":
        return int.from_bytes(raw, "big") - 2**31
    if cql_type == "decimal":
        (scale,) = struct.unpack(">i", raw[:4])
        digits = Decimal(int.from_bytes(raw[4:], "big", signed=True)).as_tuple()
        assert isinstance(digits.exponent, int)
        return Decimal((digits.sign, digits.digits, digits.exponent - scale))
    if cql_type == "time":
        seconds, nanoseconds = divmod(int.from_bytes(raw, "big"), 10**9)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{nanoseconds:09}"
    if cql_type == "blob":
        return base64.b64encode(raw).decode()
    if cql_type == "boolean":
        return raw == b"\1"
    if cql_type in ("uuid", "timeuuid"):
        return UUID(bytes=raw)
    return ip_address(raw) if cql_type == "inet" else raw.decode()


@dataclass(frozen=True, kw_only=True)
class _Extremes:
    api: str
    session: Session
    log: Path

    def write(self, values: Mapping[str, bytes], id_: str = "ab") -> None:
        """Each value in a column, in a list and as the key of a map."""
        columns, expressions = ["id"], [f"'{id_}'"]
        for cql_type, raw in values.items():
            hexed = f"0x{raw.hex()}"
            value = hexed if cql_type == "blob" else f"blob_as_{cql_type}({hexed})"
            columns += [f"c_{cql_type}", f"l_{cql_type}", f"m_{cql_type}"]
            expressions += [value, f"[{value}]", f"{{{value}: '{SECRET}'}}"]
        self.session.execute(
            f"INSERT INTO extremes.things ({', '.join(columns)}) VALUES ({', '.join(expressions)})", timeout=60
        )

    def innocent(self) -> None:
        answer = get(f"{self.api}/things/zz")
        assert (answer.status, answer.json()["c_int"]) == (200, 7)


@pytest.fixture(scope="module")
def extremes(keyspaces: LocalKeyspaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Extremes]:
    keyspaces.create(TABLE)
    port, log = free_port(), tmp_path_factory.mktemp("extremes") / "log"
    environment = {**service_environment(keyspaces, TABLE), "HOST": "127.0.0.1", "PORT": str(port)}
    with keyspaces.cassandra() as session, log.open("wb") as stdout:
        extremes = _Extremes(api=f"http://127.0.0.1:{port}", session=session, log=log)
        # A service starts, although the first row that it finds is one that the driver cannot decode.
        extremes.write({**_ORDINARY, **_LAST})
        with start_program(PROGRAM, environment=environment, stdout=stdout):
            wait_until(lambda: listens(port))
            session.execute("INSERT INTO extremes.things (id, c_int) VALUES ('zz', 7)")
            yield extremes


@given(st.fixed_dictionaries(RAW))
@example({**_ORDINARY, **_FIRST})
@example({**_ORDINARY, **_LAST})
@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
def test_answers_any_value_of_any_type_exactly(extremes: _Extremes, values: Mapping[str, bytes]) -> None:
    """One such value would end the connection of all clients; it once caused 481 answers of 503 beside 318 of 200."""
    extremes.write(values)
    extremes.innocent()
    answer = get(f"{extremes.api}/things/ab")
    assert answer.status == 200, answer.text
    row = json.loads(answer.text, parse_int=lambda digits: int(Decimal(digits)))
    for cql_type, raw in values.items():
        expected = _expected(cql_type, raw)
        in_list, in_map = row[f"l_{cql_type}"], row[f"m_{cql_type}"]
        assert _raw(cql_type, row[f"c_{cql_type}"]) == expected, cql_type
        assert [_raw(cql_type, value) for value in in_list] == [expected], cql_type
        assert len(in_map) == 1, cql_type
    listed = get(f"{extremes.api}/things")
    assert listed.status == 200
    assert answer.text.strip() in listed.text
    extremes.innocent()


def test_refuses_a_number_that_is_too_long_for_its_request_alone(extremes: _Extremes) -> None:
    """The digits of a huge number would take the task's time from every request, or appear in the log."""
    too_long = {"varint": _varint(10 ** (2 * DIGITS_AT_MOST)), "text": SECRET.encode()}
    extremes.write({**_ORDINARY, **too_long}, "cd")
    try:
        for path in ("/things/cd", "/things"):
            answer = get(f"{extremes.api}{path}")
            assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
            extremes.innocent()
        extremes.write({"decimal": _decimal(0, 10 ** (2 * DIGITS_AT_MOST))}, "cd")
        assert get(f"{extremes.api}/things/cd").status == 500
    finally:
        extremes.session.execute("DELETE FROM extremes.things WHERE id = 'cd'")
    wait_until(lambda: extremes.log.read_text().count('"status":500') == 3)
    log = extremes.log.read_text()
    assert "a varint of more than 20000 digits" in log
    assert SECRET not in log
    assert "buffer" not in log
