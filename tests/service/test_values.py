"""CQL's values as JSON, from a real table, compared with the promised schema."""

import asyncio
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from keyspaces.results import Column
from service.values import example_of, nullable, schema_of
from tests.fakes.table import FakeTable
from tests.keyspaces import LocalKeyspaces
from tests.processes import get
from tests.serving.application import application, ask
from tests.serving.running import THINGS, run_service

# The inserted value in CQL, and the expected JSON.
_VALUES: dict[str, tuple[str, Any]] = {
    "ascii": ("'a\"b'", 'a"b'),
    "bigint": ("-9223372036854775808", -(2**63)),
    "blob": ("0x00ff", "AP8="),
    "boolean": ("true", True),
    "date": ("'2024-02-29'", "2024-02-29"),
    "decimal": ("0.10", "0.10"),
    "double": ("0.5", 0.5),
    "float": ("NaN", None),
    "inet": ("'2001:db8::1'", "2001:db8::1"),
    "int": ("-1", -1),
    "smallint": ("1", 1),
    "text": ("'Côte d''Ivoire'", "Côte d'Ivoire"),
    "time": ("'12:34:56.789'", "12:34:56.789000000"),
    "timestamp": ("'2024-02-29T12:00:00.5+0100'", "2024-02-29T11:00:00.500000Z"),
    "timeuuid": ("50554d6e-29bb-11e5-b345-feff819cdc9f", "50554d6e-29bb-11e5-b345-feff819cdc9f"),
    "tinyint": ("127", 127),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    "varint": ("1180591620717411303424", 2**70),
    "list<timestamp>": ("['1970-01-01T00:00:00Z']", ["1970-01-01T00:00:00Z"]),
    "set<int>": ("{2, 1}", [1, 2]),
    "set<text>": ("{}", None),  # CQL keeps no empty collection
    "map<text, int>": ("{'a': 1}", {"a": 1}),
    "map<uuid, date>": (
        "{123e4567-e89b-12d3-a456-426614174000: '2024-01-01'}",
        {"123e4567-e89b-12d3-a456-426614174000": "2024-01-01"},
    ),
    "map<timestamp, text>": ("{'1970-01-01T00:00:00Z': 'b'}", {"1970-01-01T00:00:00Z": "b"}),
    "map<int, blob>": ("{1: 0x00}", {"1": "AA=="}),
    "tuple<int, text>": ("(1, null)", [1, None]),
}


def test_writes_each_cql_type_as_documented(keyspaces: LocalKeyspaces) -> None:
    """Another team's table has other types, and a value would appear in Python's notation."""
    names = {f"c{number}": cql_type for number, cql_type in enumerate(_VALUES)}
    table = replace(THINGS, keyspace="kinds", columns={"id": "text", **names})
    keyspaces.create(table)
    with keyspaces.cassandra() as session:
        values = ", ".join(_VALUES[cql_type][0] for cql_type in names.values())
        session.execute(f"INSERT INTO kinds.things (id, {', '.join(names)}) VALUES ('ab', {values})")
        session.execute("INSERT INTO kinds.things (id) VALUES ('zz')")
    with run_service(keyspaces, table) as (port, _):
        api = f"http://127.0.0.1:{port}"
        ab, nothing = get(f"{api}/things/ab").json(), get(f"{api}/things/zz").json()
        listed = get(f"{api}/things").json()
        document = get(f"{api}/openapi.json").json()
    schema = document["components"]["schemas"]["Thing"]
    assert {names[name]: value for name, value in ab.items() if name != "id"} == {
        cql_type: value for cql_type, (_, value) in _VALUES.items()
    }
    assert nothing == {"id": "zz", **dict.fromkeys(names)}
    assert sorted(listed, key=lambda thing: thing["id"]) == [ab, nothing]
    assert set(ab) == set(schema["properties"]) == set(schema["required"])
    for thing in (ab, nothing):
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(thing)
    wrong = {**ab, "c0": 1}
    assert not jsonschema_rs.Draft202012Validator(schema).is_valid(wrong)


_TYPES = [*_VALUES, "counter", "duration", "frozen<map<text, frozen<list<int>>>>", "frozen<address>", "'org.own.Type'"]


@pytest.mark.parametrize("cql_type", _TYPES)
def test_has_examples_that_its_schemas_take(cql_type: str) -> None:
    """Readers would copy a wrong example."""
    schema = schema_of(cql_type)
    assert jsonschema_rs.is_valid(nullable(schema), example_of(schema))
    assert jsonschema_rs.is_valid(nullable(schema), None)


def test_documents_the_columns_the_table_has() -> None:
    """Clients would generate types for columns that the table does not have."""
    columns = (Column("id", "text"), Column("flags", "map<text, frozen<list<int>>>"))
    document = asyncio.run(ask(application(FakeTable(columns=columns)), "/openapi.json")).json()
    thing = document["components"]["schemas"]["Thing"]
    assert list(thing["properties"]) == ["id", "flags"]
    assert thing["properties"]["id"]["pattern"] == "^[a-z]{2}$"
    assert thing["properties"]["flags"]["type"] == ["object", "null"]
    assert thing["properties"]["flags"]["additionalProperties"]["items"]["type"] == "integer"
    assert thing["examples"] == [{"id": "ab", "flags": {"key": [42]}}]
