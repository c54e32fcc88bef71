"""A stack of a loader that reads from S3, a worker and a schedule, on this machine."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.testing import RunningStack, run_stack
from tests.evaluation import write_program
from tests.keyspaces import JARS
from tests.processes import ROOT

pytestmark = pytest.mark.long

PROGRAM = """
from components import (
    Environment, KeyspacesMicroservice, NewVpc, Once, S3Source, Scheduled, Table, Worker, read, write
)

env = Environment("shop", keyspace="shop", network=NewVpc(buckets=["data"]))
table = Table(name="things", columns={"id": "text", "n": "int"}, partition_key=["id"])


def declare(name, uses, command, run, **more):
    dockerfile = "app/load-countries.Dockerfile"
    return KeyspacesMicroservice(
        name, environment=env, tables=[uses], dockerfile=dockerfile, command=command, run=run, **more
    )


def load(name, uses, uri, run):
    return declare(name, uses, ["python", "-m", "loader", "things", uri], run, sources=[S3Source(uri=uri)])


first = load("first", write(table), "s3://data/first.csv", Once())
load("nightly", write(first.tables["things"]), "s3://data/nightly/", Scheduled(expression="rate(1 day)"))
works = "import time; print('at work', flush=True); time.sleep(600)"
declare(
    "worker",
    read(first.tables["things"]),
    ["python", "-c", works],
    Worker(health_check=["python", "-c", "print('well')"], after=[first.completed]),
)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The program's folder, while LOCAL_S3 names a folder with its data."""
    program, data = tmp_path_factory.mktemp("program"), tmp_path_factory.mktemp("s3") / "data"
    write_program(program, PROGRAM)
    (program / "app").symlink_to(ROOT / "app")
    (data / "nightly").mkdir(parents=True)
    (data / "first.csv").write_text("id,n\na,1\nb,2\n")
    (data / "nightly" / "more.csv").write_text("id,n\nb,3\nc,4\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_S3", str(data.parent))
        yield program


def _local(stack: RunningStack, *arguments: str) -> str:
    command = [sys.executable, "-m", "local", "--directory", str(stack.state.directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_a_loader_from_s3_a_worker_and_a_schedule_by_hand(
    program: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A stack with an S3 loader, a worker and a schedule would not start here, or the schedule would run by itself."""
    with run_stack(program, directory=tmp_path_factory.mktemp("stack"), jars=JARS) as stack:

        def rows() -> set[str]:
            return set(re.findall(r"\w+ *\| \d+", _local(stack, "cql", "SELECT id, n FROM shop.things")))

        assert rows() == {"a  | 1", "b  | 2"}
        (worker,) = json.loads(_local(stack, "status", "--json"))["services"]
        assert (worker["name"], worker["healthy"]) == ("worker", 1)
        assert "at work" in _local(stack, "logs", "worker")

        _local(stack, "run", "nightly", "--program", str(program))
        assert rows() == {"a  | 1", "b  | 3", "c  | 4"}
        writers = {each["role"] for each in json.loads(_local(stack, "meter", "--json"))["statements"]}
        assert {"first-task", "nightly-task"} <= writers
