"""Fetching Cassandra's jars."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from local_keyspaces.jars import classpath_file
from tests.keyspaces import JARS


def test_fetches_once_when_two_ask_at_the_same_time(tmp_path: Path) -> None:
    """If this fails, the first test run or `up` of a new clone fails when another one is fetching as well."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([sys.executable, "-m", "local_keyspaces.jars", tmp_path], cwd=JARS.parent.parent)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        classpath_file(tmp_path).write_text("fetched by the other one\n")
    assert process.wait() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lock", classpath_file(tmp_path).name}
    assert classpath_file(tmp_path).read_text() == "fetched by the other one\n"
