"""The loader against a real table: what it takes, what it refuses before it writes, and what it bears."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_keyspaces.tables import Status, TableSchema
from tests.fakes.every_type import TYPES, VALUES
from tests.keyspaces import LocalKeyspaces
from tests.processes import run_program

EVERY_TYPE = {"id": "text", "at": "timeuuid", "a_ascii": "ascii", **TYPES}
# Sets and maps out of their order, and times as a person writes them.
ROW: dict[str, Any] = {
    "id": "ab",
    "at": "50554d6e-29bb-11e5-b345-feff819cdc9f",
    "a_ascii": "plain",
    **VALUES,
    "a_set": ["b", "a"],
    "a_map": {"z": "2026-11-26T12:00:00Z", "a": "2026-11-26T12:00:00.001Z"},
    "a_timestamp": "2026-11-26T12:00:00.123Z",
}
TABLE = TableSchema(
    keyspace="loading", name="things", columns=EVERY_TYPE, partition_key=["id"], clustering_key={"at": "DESC"}
)
SMALL = replace(TABLE, name="small", columns={"id": "text", "n": "int"}, clustering_key={})


@pytest.fixture(scope="package")
def loading(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    for table in (TABLE, SMALL):
        keyspaces.create(table)
    return keyspaces


def load(
    keyspaces: LocalKeyspaces, data: Path, *options: str, table: TableSchema = SMALL
) -> subprocess.CompletedProcess[str]:
    return run_program("load_things", str(data), *options, environment=environment(keyspaces, table))


def environment(keyspaces: LocalKeyspaces, table: TableSchema) -> Mapping[str, str]:
    return {**keyspaces.environment(table, known_as="things"), "PYTHONPATH": str(Path(__file__).parent)}


def file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def rows(keyspaces: LocalKeyspaces, table: TableSchema = SMALL) -> dict[str, Any]:
    with keyspaces.cassandra() as session:
        return {row.id: row for row in session.execute(f"SELECT * FROM {table.keyspace}.{table.name}")}


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_loads_every_type_and_finds_it_again(loading: LocalKeyspaces, tmp_path: Path, form: str) -> None:
    """A value is lost or changed on the way, and the loader says that all went well."""
    row = {**ROW, "id": form}
    csv = ",".join(row) + "\n" + ",".join(_field(value) for value in row.values())
    content = {"json": json.dumps([row]), "jsonl": json.dumps(row) + "\n", "csv": csv + "\n"}[form]
    result = load(loading, file(tmp_path, f"things.{form}", content), table=TABLE)
    assert (result.returncode, result.stderr) == (0, "load-things: 1 rows written and 1 verified in loading.things\n")
    found = rows(loading, TABLE)[form]
    assert (found.a_decimal.as_tuple().exponent, found.a_varint, list(found.a_set)) == (-2, 10**30, ["a", "b"])
    assert found.a_timestamp.microsecond == 123_000


def _field(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "[{}", "a.json:1: is no JSON"),
        ("a.json", "{}", "a.json: holds no array"),
        ("a.json", "[]", "there is no record in the data"),
        ("a.json", "[1]", "a.json, row 1: is no object"),
        ("a.jsonl", '{"id": "a"}\n{"id"\n', "a.jsonl:2: is no JSON"),
        ("a.csv", "id,m\na,1\n", "a.csv:1: the table has no column m; it has id, n"),
        ("a.csv", "id,n\na,1\nb,1,2\n", "a.csv:3: has other fields than the header names"),
        ("a.csv", "id,n\na,x\n", "a.csv:2: n is 'x', which is none of its type"),
        ("a.txt", "id", "a.txt: is named like no data; use .json, .jsonl, .csv"),
        ("a.json", '[{"id": "a", "n": "1"}]', "a.json, row 1: n takes a value of type int, which this is not: '1'"),
        ("a.json", '[{"id": "a", "n": 2147483648}]', "a.json, row 1: n takes a value of type int"),
        ("a.json", '[{"id": "a", "m": 1}]', "a.json, row 1: the table has no column 'm'; it has id, n"),
        ("a.json", '[{"n": 1}]', "a.json, row 1: id is missing, which is in the primary key"),
        ("a.json", '[{"id": "a"}, {"id": "a"}]', "a.json, row 2: has the primary key of a.json, row 1"),
        ("a.json", json.dumps([{"id": "x" * 1_100_000}]), "a.json, row 1: has 1100000 bytes; a row has 1048576"),
    ],
)
def test_refuses_data_that_does_not_fit_before_it_writes(
    loading: LocalKeyspaces, tmp_path: Path, name: str, content: str, says: str
) -> None:
    """Half of the rows are in the table, and a traceback says why."""
    before = set(rows(loading))
    result = load(loading, file(tmp_path, name, content))
    assert result.returncode == 3, result.stderr
    first, *_, last = result.stderr.splitlines()
    assert first.startswith(f"load-things: {says}")
    assert last == "load-things: nothing was written"
    assert set(rows(loading)) == before


def test_names_all_mistakes_up_to_a_number(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """The second mistake shows only when the first is mended."""
    content = json.dumps([{"id": str(number), "n": "x"} for number in range(30)])
    lines = load(loading, file(tmp_path, "a.json", content), "--check").stderr.splitlines()
    assert len(lines) == 22
    assert lines[-2] == "load-things: and more: 30 of 30 records cannot be loaded"


def test_only_checks_when_told_to(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A look at the data changes the table."""
    before = set(rows(loading))
    result = load(loading, file(tmp_path, "a.json", '[{"id": "checked"}]'), "--check")
    assert (result.returncode, result.stderr) == (0, "load-things: 1 records fit loading.small\n")
    assert set(rows(loading)) == before


@pytest.mark.parametrize("faults", [{"drop": 0.02}, {"throttle_writes": 0.3, "throttle_reads": 0.3}])
def test_loads_all_through_faults(loading: LocalKeyspaces, tmp_path: Path, faults: dict[str, float]) -> None:
    """`pulumi up` fails because one connection broke, or the table scales up while it is loaded."""
    lines = "".join(f'{{"id": "{min(faults)}-{number}", "n": {number}}}\n' for number in range(100))
    with loading.injecting(**faults):
        result = load(loading, file(tmp_path, "a.jsonl", lines))
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "load-things: 100 rows written and 100 verified in loading.small"
    assert len([id_ for id_ in rows(loading) if id_.startswith(min(faults))]) == 100


def test_fails_when_a_row_reads_back_differently(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A write that was accepted and is not there is a failure too."""
    with loading.cassandra() as session:  # a later write of somebody else's
        session.execute("INSERT INTO loading.small (id, n) VALUES ('late', 2) USING TIMESTAMP 4102444800000000")
    result = load(loading, file(tmp_path, "a.json", '[{"id": "late", "n": 1}]'))
    assert result.returncode == 1
    assert result.stderr == "load-things: a.json, row 1: n reads back differently\n"


def test_waits_until_the_table_is_active_and_gives_up_in_time(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """Keyspaces creates tables asynchronously: writing to one that is still CREATING fails."""
    table = replace(SMALL, keyspace="slow")
    loading.create(table)
    catalog = loading.service.schema.catalog
    catalog.set_status(catalog.tables["slow", "small"], Status.CREATING)
    data = file(tmp_path, "a.json", '[{"id": "a"}]')
    result = load(loading, data, "--startup-timeout", "2", table=table)
    assert result.returncode == 1
    assert "waiting for table slow.small: CREATING" in result.stderr
    assert "slow.small is CREATING, not ACTIVE, and time is up" in result.stderr
    assert "Traceback" not in result.stderr


def test_loads_no_counters(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """Loading them again would count twice."""
    table = replace(SMALL, name="counts", columns={"id": "text", "n": "counter"})
    loading.create(table)
    result = load(loading, file(tmp_path, "a.json", '[{"id": "a", "n": 1}]'), table=table)
    assert result.returncode == 1
    assert "has counters, which can be counted up but not loaded" in result.stderr
