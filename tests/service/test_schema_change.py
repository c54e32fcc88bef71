"""Tasks whose table changes while they serve."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_keyspaces.tables import TableSchema
from service.program import SCHEMA_CHANGED
from tests.keyspaces import LocalKeyspaces
from tests.processes import free_port, get, listens, start_program, wait_until
from tests.serving.running import PROGRAM, THINGS, fill_things, service_environment

AB = {"id": "ab", "area": 1, "name": "Abacus"}


class _Task:
    def __init__(self, port: int, process: subprocess.Popen[str], log: Path) -> None:
        self._port = port
        self.process = process
        self._log = log

    def ask(self, path: str) -> tuple[int, Any]:
        """The status and the content; 0 when it no longer serves."""
        try:
            answer = get(f"http://127.0.0.1:{self._port}{path}")
        except OSError:
            return 0, None
        return answer.status, answer.json()

    def reasons(self) -> list[str]:
        """The task's messages about the change."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line["message"] for line in lines if line.get("logger") == "service.schema_watch"]


@contextlib.contextmanager
def _task(keyspaces: LocalKeyspaces, table: TableSchema, log: Path, seconds: int) -> Iterator[_Task]:
    port = free_port()
    variables = {"HOST": "127.0.0.1", "PORT": str(port), "DRAIN_SECONDS": "0", "SCHEMA_CHANGE_SECONDS": str(seconds)}
    environment = {**service_environment(keyspaces, table), **variables}
    with log.open("wb") as stdout, start_program(PROGRAM, environment=environment, stdout=stdout) as process:
        wait_until(lambda: listens(port))
        yield _Task(port, process, log)


def test_never_answers_with_values_of_other_types_and_ends(keyspaces: LocalKeyspaces, tmp_path: Path) -> None:
    """With two tasks, the second would decode the new table's bytes with the old types, under a strong entity tag."""
    table = replace(THINGS, keyspace="retyped")
    fill_things(keyspaces, table)
    with _task(keyspaces, table, tmp_path / "1", 300) as first, _task(keyspaces, table, tmp_path / "2", 300) as second:
        assert first.ask("/things/ab") == second.ask("/things/ab") == (200, AB)
        with keyspaces.connect() as session:
            session.execute("DROP TABLE retyped.things")
        wait_until(lambda: ("retyped", "things") not in keyspaces.service.schema.catalog.tables)
        keyspaces.create(replace(table, columns={"id": "text", "name": "bigint", "area": "float"}))
        with keyspaces.cassandra() as session:
            session.execute("INSERT INTO retyped.things (id, name, area) VALUES ('ab', 7, 9834000)")
        for task in (first, second):
            for path in ("/things/ab", "/things"):
                status, content = task.ask(path)
                assert status in (503, 0), content
            assert task.process.wait(20) == SCHEMA_CHANGED
            (reason,) = task.reasons()
            assert "column area is of type float, not int" in reason


@pytest.mark.long
def test_answers_on_after_a_column_was_added_and_ends_within_its_time(
    keyspaces: LocalKeyspaces, tmp_path: Path
) -> None:
    """A migration would cost a request, or a task would keep the old contract."""
    table = replace(THINGS, keyspace="grown")
    fill_things(keyspaces, table)
    with _task(keyspaces, table, tmp_path / "1", 1) as first, _task(keyspaces, table, tmp_path / "2", 1) as second:
        assert first.ask("/things/ab") == second.ask("/things/ab") == (200, AB)
        keyspaces.create(replace(table, columns={**table.columns, "brand": "text"}))
        for task in (first, second):
            status, content = task.ask("/things/ab")
            assert (status, content) == (200, AB)
            while (status := task.ask("/things")[0]) == 200:
                pass
            assert status == 0
            assert task.process.wait(20) == SCHEMA_CHANGED
            (reason,) = task.reasons()
            assert "it has more columns than before: brand" in reason
