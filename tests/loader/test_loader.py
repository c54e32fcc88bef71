"""The loader with a real table: accepted data, refusals before the first write, and faults."""

import gzip
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from local_keyspaces import connection
from local_keyspaces.tables import Status, TableSchema
from tests.fakes.every_type import TYPES, VALUES
from tests.keyspaces import LocalKeyspaces
from tests.processes import run_program, start_program, wait_until

EVERY_TYPE = {"id": "text", "at": "timeuuid", "a_ascii": "ascii", **TYPES}
# Sets and maps in another order, and times in the notation of a person.
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
KILLED = replace(SMALL, name="killed")


@pytest.fixture(scope="package")
def loading(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    for table in (TABLE, SMALL, KILLED):
        keyspaces.create(table)
    return keyspaces


def load(
    keyspaces: LocalKeyspaces, data: Path | str, *options: str, table: TableSchema = SMALL, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return run_program("load_things", str(data), *options, environment=environment(keyspaces, table), given=given)


def environment(keyspaces: LocalKeyspaces, table: TableSchema) -> Mapping[str, str]:
    return {**keyspaces.environment(table, known_as="things"), "PYTHONPATH": str(Path(__file__).parent)}


def file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def rows(keyspaces: LocalKeyspaces, table: TableSchema = SMALL) -> dict[str, Any]:
    with keyspaces.cassandra() as session:
        return {row.id: row for row in session.execute(f"SELECT * FROM {table.keyspace}.{table.name}")}


def test_loads_every_type_from_every_format_and_finds_it_again(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A value would be lost or changed, and the loader would report success."""
    folder = tmp_path / "data"
    folder.mkdir()
    csv = ",".join(ROW) + "\n" + ",".join(_field(value) for value in {**ROW, "id": "csv"}.values()) + "\n"
    (folder / "a.csv.gz").write_bytes(gzip.compress(csv.encode()))
    (folder / "b.json").write_text(json.dumps([{**ROW, "id": "json"}]))
    lines = json.dumps({**ROW, "id": "jsonl"}).encode()
    (folder / "c.jsonl.zst").write_bytes(zstandard.compress(lines + b"\n") + zstandard.compress(b"\n"))
    # Parquet has types of its own for some; it has no tuple and no map of text.
    parquet_row = {**ROW, "id": "parquet", "a_varint": None, "a_tuple": None, "a_map": None, "a_blob": b"\x00\xff"}
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([{name: value for name, value in parquet_row.items() if value is not None}]),
        folder / "d.parquet",
    )
    result = load(loading, folder, "--verify", table=TABLE)
    assert (result.returncode, result.stderr) == (0, "load-things: 4 rows written and 4 verified in loading.things\n")
    there = rows(loading, TABLE)
    for form in ("csv", "json", "jsonl"):
        found = there[form]
        assert (found.a_decimal.as_tuple().exponent, found.a_varint, list(found.a_set)) == (-2, 10**30, ["a", "b"])
        assert found.a_timestamp.microsecond == 123_000
    assert there["parquet"].a_blob == b"\x00\xff"


def _field(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"'


def test_writes_nothing_when_it_is_to_check_first(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A load that cannot complete would leave half of the rows in the table."""
    before = set(rows(loading))
    result = load(loading, file(tmp_path, "a.json", '[{"id": "half"}, {"id": "b", "n": "1"}]'), "--check-first")
    assert result.returncode == 3, result.stderr
    assert result.stderr.splitlines() == [
        "load-things: a.json, row 2: n is not a value of type int: '1'",
        "load-things: nothing was written",
    ]
    assert set(rows(loading)) == before


def test_loads_the_rest_and_names_what_it_rejects(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """One wrong row among ten million would stop the others, or nobody could tell which row it is."""
    lines = '{"id": "good"}\n{"id": "bad", "n": "x"}\n{"id": "good"}\n{"id": ""}\nno JSON\n{"id": "fine"}\n'
    rejects = tmp_path / "rejects.jsonl"
    result = load(loading, file(tmp_path, "a.jsonl", lines), "--rejects", str(rejects))
    assert result.returncode == 4, result.stderr
    assert {"good", "fine"} <= set(rows(loading))
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(each["file"], each["line"], each["mistakes"][0]["column"]) for each in found] == [
        *(("a.jsonl", 2, "n"), ("a.jsonl", 3, None), ("a.jsonl", 4, None), ("a.jsonl", 5, None)),
    ]
    assert found[1]["mistakes"][0]["reason"] == "has the primary key of a.jsonl:1"
    assert found[0]["given"] == {"id": "bad", "n": "x"}
    summary = json.loads(result.stdout.splitlines()[-1])["summary"]
    assert (summary["read"], summary["written"], summary["rejected"], summary["write_units"]) == (6, 2, 4, 2)


def test_loads_in_several_processes_as_in_one(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """With more processors, a row would be lost or written twice, or the later of two rows with one key would be
    kept."""
    count = 3000
    lines = [f'{{"id": "many-{number}", "n": {number}}}' for number in range(count)]
    lines[10], lines[2000] = '{"id": "many-10", "n": "x"}', '{"id": "many-1", "n": 7}'
    rejects = tmp_path / "rejects.jsonl"
    data = file(tmp_path, "a.jsonl", "\n".join(lines))
    result = load(loading, data, "--processes", "3", "--verify", "--rejects", str(rejects))
    assert result.returncode == 4, result.stderr
    there = {id_: row.n for id_, row in rows(loading).items() if id_.startswith("many-")}
    assert there == {f"many-{number}": number for number in range(count) if number not in (10, 2000)}
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [each["line"] for each in found] == [11, 2001]
    assert found[1]["mistakes"][0]["reason"] == "has the primary key of a.jsonl:2"
    summary = json.loads(result.stdout.splitlines()[-1])["summary"]
    counted = [summary[name] for name in ("read", "written", "rejected", "verified", "different", "write_units")]
    assert counted == [count, count - 2, 2, count - 2, 0, count - 2]


@pytest.mark.long
def test_resumes_where_it_was_killed(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """After a task is killed, the next one would begin at the first row, or leave some out."""
    count = 40_000
    data = file(tmp_path, "a.csv", "id,n\n" + "".join(f"killed-{number},{number}\n" for number in range(count)))
    state = str(tmp_path / "state")
    told = environment(loading, KILLED)
    several = ("--processes", "2")
    with start_program("load_things", str(data), "--state", state, *several, environment=told) as process:
        wait_until(lambda: _position(tmp_path / "state" / "state.sqlite-wal"))
        children = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
    assert len(children) == 2
    wait_until(lambda: not any(child.is_running() for child in children))
    before = _loaded(loading)
    with start_program("load_things", str(data), "--state", state, *several, environment=told) as process:
        wait_until(lambda: _loaded(loading) > before or process.poll() is not None)
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 5), errors  # 0: the load was already complete
    result = load(loading, data, "--state", state, table=KILLED)
    assert result.returncode == 0, result.stderr
    assert len([id_ for id_ in rows(loading, KILLED) if id_.startswith("killed-")]) == count
    if process.returncode == 5:
        summary = json.loads(result.stdout.splitlines()[-1])["summary"]
        assert (summary["skipped"] > 0, summary["skipped"] + summary["written"]) == (True, count)


@pytest.mark.long
def test_has_each_row_after_a_hundred_kills(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A load that is killed at a bad moment, such as within a commit, would leave a row out and report success."""
    count, kills, while_writing = 400_000, 100, 0
    table = replace(KILLED, name="killed_often")
    loading.create(table)
    lines = (f"{number:07},{number}\n" for number in range(count))
    data, state = file(tmp_path, "a.csv", "id,n\n" + "".join(lines)), tmp_path / "state"
    random = Random(16)
    for number in range(kills):
        told, processes = environment(loading, table), str(1 + number % 2)
        before = _changed(state)
        arguments = (str(data), "--state", str(state), "--processes", processes)
        with start_program("load_things", *arguments, environment=told) as process:
            if number % 10:
                wait_until(lambda before=before: _changed(state) > before or process.poll() is not None)  # type: ignore[misc]
                while_writing += 1
            time.sleep(random.uniform(0, 0.5))
            assert process.poll() is None, "the load is too small to be killed so often"
            process.kill()
            process.wait()
    assert while_writing == 90
    with start_program("load_things", str(data), "--state", str(state), environment=told) as process:
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    with loading.cassandra() as session:
        session.default_fetch_size = 5000
        there = [(row.id, row.n) for row in session.execute("SELECT * FROM loading.killed_often")]
    assert sorted(there) == [(f"{number:07}", number) for number in range(count)]


def _changed(state: Path) -> int:
    """The time at which the load last wrote to its state."""
    wal = state / "state.sqlite-wal"
    return wal.stat().st_mtime_ns if wal.exists() and wal.stat().st_size else 0


def test_reports_that_one_of_its_processes_has_ended(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """The loader would wait for ever for a process that the system has killed for its memory."""
    data = file(tmp_path, "a.csv", "id,n\n" + "".join(f"lost-{number},{number}\n" for number in range(40_000)))
    told = environment(loading, KILLED)
    arguments = (str(data), "--state", str(tmp_path / "state"), "--processes", "2")
    with start_program("load_things", *arguments, environment=told) as process:
        wait_until(lambda: _position(tmp_path / "state" / "state.sqlite-wal"))
        psutil.Process(process.pid).children()[0].kill()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "ended by itself; run it again to continue" in errors
    assert "Traceback" not in errors


def _position(wal: Path) -> bool:
    """Whether the load has recorded that some of it is done."""
    return wal.exists() and wal.stat().st_size > 100_000


def _loaded(keyspaces: LocalKeyspaces) -> int:
    return len(rows(keyspaces, KILLED))


def test_only_checks_when_told_to(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A check of the data would change the table."""
    before = set(rows(loading))
    result = load(loading, file(tmp_path, "a.json", '[{"id": "checked"}]'), "--check")
    assert (result.returncode, result.stderr) == (0, "load-things: 1 records fit loading.small\n")
    assert set(rows(loading)) == before


@pytest.mark.long
@pytest.mark.parametrize("faults", [{"drop": 0.02}, {"latency": 0.3}, {"throttle_writes": 0.3, "throttle_reads": 0.3}])
def test_loads_all_through_faults(loading: LocalKeyspaces, tmp_path: Path, faults: dict[str, float]) -> None:
    """`pulumi up` would fail because one connection broke, or because the table scales up during the load."""
    lines = "".join(f'{{"id": "{min(faults)}-{number}", "n": {number}}}\n' for number in range(100))
    with loading.injecting(**faults):
        result = load(loading, file(tmp_path, "a.jsonl", lines), "--verify")
    assert result.returncode == 0, result.stderr
    assert "load-things: 100 rows written and 100 verified in loading.small" in result.stderr
    assert len([id_ for id_ in rows(loading) if id_.startswith(min(faults))]) == 100


def test_bears_connections_that_break_while_it_prepares(
    loading: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pulumi up` would fail because a connection broke in the tenth of a second in which the loader prepares."""
    broken: list[str] = []
    requests: Any = connection._Requests
    prepare = requests._prepare

    def break_first(self: Any, frame: Any, message: Any) -> None:
        if len(broken) < 3:
            broken.append(message.text)
            raise ConnectionAbortedError("dropped by the test")
        prepare(self, frame, message)

    monkeypatch.setattr(requests, "_prepare", break_first)
    result = load(loading, file(tmp_path, "a.json", '[{"id": "prepared"}]'), "--verify")
    assert (result.returncode, len(broken)) == (0, 3), result.stderr
    assert "prepared" in rows(loading)


@pytest.mark.long
def test_continues_when_its_credentials_expire_during_the_load(
    loading: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After temporary credentials expire during a load, and connections break, the rest of the rows would not be
    loaded."""
    count = 20_000
    data = file(tmp_path, "a.csv", "id,n\n" + "".join(f"expired-{number},{number}\n" for number in range(count)))
    state, refused, find_issued = tmp_path / "state", [], loading.store.find

    def find(access_key: str) -> Any:
        refused.append(access_key)
        return find_issued(access_key)

    told = environment(loading, SMALL)
    with start_program("load_things", str(data), "--state", str(state), environment=told) as load:
        wait_until(lambda: _position(state / "state.sqlite-wal"))
        with loading.injecting(drop=1.0, expired_credentials=True):
            monkeypatch.setattr(loading.store, "find", find)
            wait_until(lambda: load.poll() is not None or len(refused) >= 3)
        _, errors = load.communicate(timeout=100)
    assert (load.returncode, len(refused) >= 3) == (0, True), errors
    assert f"load-things: {count} rows written" in errors
    assert len([id_ for id_ in rows(loading) if id_.startswith("expired-")]) == count


@pytest.mark.parametrize("number", ["0", "-2", "many"])
def test_refuses_an_invalid_number_of_processes(loading: LocalKeyspaces, number: str) -> None:
    """A load would silently use another number of processes than the user has set."""
    refused = load(loading, "-", "--format", "jsonl", f"--processes={number}", given="")
    assert refused.returncode == 2
    assert f"{number!r}: give a whole number above 0" in refused.stderr


def test_loads_from_standard_input(loading: LocalKeyspaces) -> None:
    """Another program's output would have to become a file first, or half of it would be loaded before the loader
    refuses it."""
    lines = "".join(f'{{"id": "piped-{number}"}}\n' for number in range(1000))
    result = load(loading, "-", "--format", "jsonl", given=lines)
    assert result.returncode == 0, result.stderr
    assert len([id_ for id_ in rows(loading) if id_.startswith("piped-")]) == 1000
    refused = load(loading, "-", "--format", "jsonl", "--verify", given='{"id": "twice"}')
    assert refused.returncode == 2
    assert "standard input can be read only once" in refused.stderr
    assert "twice" not in rows(loading)


def test_fails_when_a_row_reads_back_differently(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """The loader would not notice an accepted write that is missing from the table, or a null in its place."""
    with loading.cassandra() as session:  # later writes of another program
        for id_ in ("late", "null", "alone"):
            session.execute(f"INSERT INTO loading.small (id, n) VALUES ('{id_}', 2) USING TIMESTAMP 4102444800000000")
    lines = '[{"id": "late", "n": 1}, {"id": "null", "n": null}, {"id": "alone"}]'
    result = load(loading, file(tmp_path, "a.json", lines), "--verify")
    assert result.returncode == 1
    assert result.stderr.splitlines()[:2] == [
        "load-things: a.json, row 1: n has another value in the table",
        "load-things: a.json, row 2: n has another value in the table",
    ]
    assert json.loads(result.stdout.splitlines()[-1])["summary"]["verified"] == 1


def test_waits_until_the_table_is_active_and_gives_up_in_time(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """The loader would fail by writing to a table that is still CREATING, since Keyspaces creates tables
    asynchronously."""
    table = replace(SMALL, keyspace="slow")
    loading.create(table)
    catalog = loading.service.schema.catalog
    catalog.set_status(catalog.tables["slow", "small"], Status.CREATING)
    data = file(tmp_path, "a.json", '[{"id": "a"}]')
    result = load(loading, data, "--startup-timeout", "2", table=table)
    assert result.returncode == 1
    assert "waiting for table slow.small: CREATING" in result.stderr
    assert "slow.small is CREATING, not ACTIVE, at the end of the startup timeout" in result.stderr
    assert "Traceback" not in result.stderr


def test_loads_no_counters(loading: LocalKeyspaces, tmp_path: Path) -> None:
    """A repeated load would count twice."""
    table = replace(SMALL, name="counts", columns={"id": "text", "n": "counter"})
    loading.create(table)
    result = load(loading, file(tmp_path, "a.json", '[{"id": "a", "n": 1}]'), table=table)
    assert result.returncode == 1
    assert "has counters, which can be incremented but not loaded" in result.stderr
