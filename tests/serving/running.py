"""A service as a process, over a real table."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping

from local_keyspaces.tables import TableSchema
from tests.keyspaces import LocalKeyspaces
from tests.processes import ROOT, free_port, listens, start_program, wait_until

THINGS = TableSchema(
    keyspace="warehouse", name="things", columns={"id": "text", "name": "text", "area": "int"}, partition_key=["id"]
)
ROWS = {"ab": ("Abacus", 1), "cd": ("Candle", 2), "ef": ("Effigy", 3), "gh": ("Ghost", 4), "ij": ("Ink", 5)}


def fill_things(keyspaces: LocalKeyspaces, table: TableSchema = THINGS) -> None:
    """Creates the table with the five rows."""
    keyspaces.create(table)
    with keyspaces.cassandra() as session:
        insert = session.prepare(f"INSERT INTO {table.keyspace}.{table.name} (id, name, area) VALUES (?, ?, ?)")
        for id_, values in ROWS.items():
            session.execute(insert, (id_, *values))


PROGRAM = "tests.fakes.things"


def service_environment(
    keyspaces: LocalKeyspaces, table: TableSchema = THINGS, *, known_as: str = THINGS.name
) -> Mapping[str, str]:
    """The environment of every task, and the path of `PROGRAM`. known_as: the program's name for the table."""
    return {**keyspaces.environment(table, known_as=known_as), "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def run_service(
    keyspaces: LocalKeyspaces, table: TableSchema = THINGS, program: str = PROGRAM, /, **variables: str
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The service's port and process. variables: of its environment, besides those of every task."""
    port = free_port()
    known_as = THINGS.name if program == PROGRAM else table.name
    environment = {
        **service_environment(keyspaces, table, known_as=known_as),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        **variables,
    }
    with start_program(program, environment=environment) as process:
        wait_until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, process.stderr and process.stderr.read()
        yield port, process
