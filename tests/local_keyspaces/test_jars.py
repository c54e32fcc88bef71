"""Fetching Cassandra's jars."""

import asyncio
import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from local_keyspaces.cassandra import fetch_jars
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.jars import classpath_file, pinned, retry, verify
from tests.keyspaces import JARS


@pytest.mark.long
def test_fetches_once_when_two_ask_at_the_same_time(tmp_path: Path) -> None:
    """The first test run or `up` of a new clone would fail while another one fetches the same jars."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([sys.executable, "-m", "local_keyspaces.jars", tmp_path], cwd=JARS.parent.parent)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        classpath_file(tmp_path).write_text("fetched by the other one\n")
    assert process.wait() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lock", classpath_file(tmp_path).name}
    assert classpath_file(tmp_path).read_text() == "fetched by the other one\n"


def test_runs_only_jars_whose_digests_are_pinned(tmp_path: Path) -> None:
    """A jar that was changed in transit or on disk would run with the developer's rights."""
    jars = [tmp_path / "a.jar", tmp_path / "b.jar"]
    for jar in jars:
        jar.write_bytes(jar.name.encode())
    classpath = [str(jar) for jar in jars]
    digests = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}
    verify(classpath, digests)
    with pytest.raises(LocalKeyspacesError, match=r"not those that are pinned: b\.jar"):
        verify(classpath[:1], digests)
    with pytest.raises(LocalKeyspacesError, match=r"not those that are pinned: c\.jar"):
        verify([*classpath, str(tmp_path / "c.jar")], digests)
    with pytest.raises(LocalKeyspacesError, match="one is listed twice"):
        verify([*classpath, classpath[0]], digests)
    jars[1].write_bytes(b"changed")
    with pytest.raises(LocalKeyspacesError, match=r"b\.jar does not have the SHA-256 that is pinned; delete"):
        verify(classpath, digests)
    jars[1].unlink()
    with pytest.raises(LocalKeyspacesError, match=r"b\.jar cannot be read: No such file"):
        verify(classpath, digests)


def test_pins_every_jar_of_cassandra() -> None:
    """A new clone could not start, or would run a jar with an unknown digest."""
    classpath = asyncio.run(fetch_jars(JARS))
    assert {Path(jar).name for jar in classpath} == set(pinned())


def test_fetches_again_when_the_network_fails_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """One failed DNS look-up among a hundred downloads would end a newcomer's first `make up`, or a CI run."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    failures = [requests.ConnectionError("no such name"), requests.Timeout("slow")]

    def step() -> str:
        if failures:
            raise failures.pop()
        return "fetched"

    assert retry(step) == "fetched"
    assert pauses == [1, 3]
    failures += [requests.ConnectionError("no such name")] * 9
    with pytest.raises(requests.ConnectionError, match="no such name"):
        retry(step)
