"""A bulk load on this machine: a real Spark with the Cassandra connector, against the stack's own endpoint."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.bulk.jars import fetch
from local.testing import RunningStack, run_stack
from tests.evaluation import write_program
from tests.keyspaces import JARS
from tests.processes import ROOT

pytestmark = pytest.mark.long

SPARK_JARS, PYSPARK = ROOT / ".local" / "spark-jars", ROOT / ".local" / "pyspark"
PROGRAM = f"""
from components import Environment, KeyspacesBulkLoad, S3Source, Table, write

COLUMNS = {{"id": "text", "at": "timestamp", "n": "int", "price": "decimal"}}
KeyspacesBulkLoad(
    "fill",
    environment=Environment("shop", keyspace="shop"),
    table=write(Table(name="things", columns=COLUMNS, partition_key=["id"])),
    source=S3Source(uri="s3://data/things/"),
    format="csv",
    jars={str(SPARK_JARS)!r},
)
"""


class Bulk:
    """A running stack with one bulk load, `fill`."""

    def __init__(self, stack: RunningStack, program: Path) -> None:
        self._directory = stack.state.directory
        self._program = program

    def load(self, name: str, source: Path) -> subprocess.CompletedProcess[str]:
        return self.local("bulk", name, str(source), "--program", str(self._program))

    def local(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "local", "--directory", str(self._directory), *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(PYSPARK), str(ROOT)))}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=ROOT)


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bulk]:
    program = tmp_path_factory.mktemp("program")
    write_program(program, PROGRAM)
    fetch(SPARK_JARS)
    if not (PYSPARK / "pyspark").exists():
        uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "--quiet", "--target", str(PYSPARK)]
        subprocess.run([*uv, "pyspark==3.5.7"], check=True)
    with run_stack(program=program, directory=tmp_path_factory.mktemp("stack"), jars=JARS) as running:
        yield Bulk(running, program)


def test_loads_every_row_as_the_declared_role(bulk: Bulk, tmp_path: Path) -> None:
    """The Spark program could not sign in with the job's role, or would lose rows."""
    rows = [f"k{n},2026-11-27T01:02:0{n % 10}Z,{n},{n}.50" for n in range(2_000)]
    (tmp_path / "a.csv").write_text("\n".join(["id,at,n,price", *rows[:1_500]]))
    (tmp_path / "b.csv").write_text("\n".join(["id,at,n,price", *rows[1_500:]]))
    loaded = bulk.load("fill", tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    summary = json.loads(loaded.stdout.splitlines()[-1])
    assert (summary["table"], summary["written"]) == ("shop.things", 2_000)
    found = bulk.local("cql", "SELECT at, n, price FROM shop.things WHERE id = 'k1999'").stdout
    assert "1999.50" in found
    assert "2026-11-27 01:02:09" in found
    used = json.loads(bulk.local("meter", "--json").stdout)["statements"]
    assert sum(each["write_units"] for each in used) == 2_000
    assert {each["role"] for each in used if each["write_units"]} == {"fill-job"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,n\nk1,three\n", 'not every row is in shop.things: NumberFormatException: For input string: "three"'),
        ("id,m\nk1,3\n", "shop.things has no column m; it has id, at, n, price"),
        ("n\n3\n", "has no column id, which is in the primary key of shop.things"),
        ("id,n\n", "has no row"),
    ],
    ids=["value", "column", "key", "empty"],
)
def test_reports_in_one_sentence_what_cannot_be_loaded(bulk: Bulk, tmp_path: Path, text: str, said: str) -> None:
    """A user would look for the reason in hundreds of lines of Spark's output."""
    file = tmp_path / "bad.csv"
    file.write_text(text)
    loaded = bulk.load("fill", file)
    assert loaded.returncode == 1
    assert [line for line in loaded.stdout.splitlines() if line.endswith(f"bad.csv: {said}")], loaded.stdout


def test_reports_what_is_missing(bulk: Bulk, tmp_path: Path) -> None:
    """A mistyped name or path would end in a traceback of Spark."""
    assert "there is no bulk load 'other'; the bulk loads are fill" in bulk.load("other", tmp_path).stderr
    assert bulk.load("fill", tmp_path / "nothing").stderr.endswith("nothing does not exist\n")
