"""CQL's values as JSON, from a real table, held against the schema that is promised for them."""

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from query_api.countries import Column
from query_api.openapi import describe
from query_api.values import example_of, nullable, schema_of
from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import free_port, get, listens, start_program, wait_until

# What is inserted, as CQL writes it, and what comes.
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


def test_writes_each_of_cqls_types_as_the_document_says(keyspaces: LocalKeyspaces) -> None:
    """Another team's table has other columns; what is none of JSON's must not come as Python writes it."""
    names = {f"c{number}": cql_type for number, cql_type in enumerate(_VALUES)}
    table = replace(COUNTRIES, keyspace="kinds", columns={"id": "text", **names})
    keyspaces.create(table)
    with keyspaces.cassandra() as session:
        values = ", ".join(_VALUES[cql_type][0] for cql_type in names.values())
        session.execute(f"INSERT INTO kinds.countries (id, {', '.join(names)}) VALUES ('us', {values})")
        session.execute("INSERT INTO kinds.countries (id) VALUES ('zz')")
    port = free_port()
    environment = {**keyspaces.environment(table), "HOST": "127.0.0.1", "PORT": str(port)}
    with start_program("query_api", environment=environment):
        wait_until(lambda: listens(port))
        api = f"http://127.0.0.1:{port}"
        us, nothing = get(f"{api}/countries/us").json(), get(f"{api}/countries/zz").json()
        listed = get(f"{api}/countries").json()
        document = get(f"{api}/openapi.json").json()
    schema = document["components"]["schemas"]["Country"]
    assert {names[name]: value for name, value in us.items() if name != "id"} == {
        cql_type: value for cql_type, (_, value) in _VALUES.items()
    }
    assert nothing == {"id": "zz", **dict.fromkeys(names)}
    assert sorted(listed, key=lambda country: country["id"]) == [us, nothing]
    assert set(us) == set(schema["properties"]) == set(schema["required"])
    for country in (us, nothing):
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(country)
    wrong = {**us, "c0": 1}
    assert not jsonschema_rs.Draft202012Validator(schema).is_valid(wrong)


_TYPES = [*_VALUES, "counter", "duration", "frozen<map<text, frozen<list<int>>>>", "frozen<address>", "'org.own.Type'"]


@pytest.mark.parametrize("cql_type", _TYPES)
def test_has_examples_that_its_schemas_take(cql_type: str) -> None:
    """An example that is wrong is copied."""
    schema = schema_of(cql_type)
    assert jsonschema_rs.is_valid(nullable(schema), example_of(schema))
    assert jsonschema_rs.is_valid(nullable(schema), None)


def test_documents_the_columns_the_table_has() -> None:
    """The columns are declared once, where the table is; the document follows."""
    columns = [Column(name="id", cql_type="text"), Column(name="flags", cql_type="map<text, frozen<list<int>>>")]
    country = describe(columns)["components"]["schemas"]["Country"]
    assert list(country["properties"]) == ["id", "flags"]
    assert country["properties"]["id"]["pattern"] == "^[a-z]{2}$"
    assert country["properties"]["flags"]["type"] == ["object", "null"]
    assert country["properties"]["flags"]["additionalProperties"]["items"]["type"] == "integer"
    assert json.loads(json.dumps(country["examples"])) == [{"id": "us", "flags": {"key": [42]}}]
