"""Fetches Apache Cassandra's jars: `python -m local_keyspaces.jars DIRECTORY`, as a process that can be ended.

It also builds EndpointOnly.jar: it compiles EndpointOnly.java with ecj, the Java compiler among Cassandra's jars.
"""

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import requests
from jgo.maven import Artifact, MavenContext

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically
from local_keyspaces.java import find_java

CASSANDRA = "org.apache.cassandra:cassandra-all:5.0.5"
_DOWNLOADS_AT_ONCE = 16
_PAUSES = (1, 3, 9, 27)  # seconds before each further attempt, because networks in CI often fail for a moment

T = TypeVar("T")

_PINS = Path(__file__).with_name("jars.sha256")
_GUARD = Path(__file__).with_name("EndpointOnly.java")
_GUARD_JAR = "EndpointOnly.jar"
_AGAIN = "delete the folder with the jars to fetch them again"


def classpath_file(directory: Path) -> Path:
    """The file that lists the jars, one path a line, once all are fetched. Its name changes with the pinned digests."""
    return directory / f"{hashlib.sha256(_PINS.read_bytes()).hexdigest()[:16]}.classpath"


def pinned() -> Mapping[str, str]:
    """The pinned SHA-256 of each jar, by file name."""
    return {name: digest for digest, name in (line.split() for line in _PINS.read_text().splitlines())}


def verify(classpath: Sequence[str], digests: Mapping[str, str]) -> None:
    """Raises LocalKeyspacesError unless the class path is exactly the pinned jars, each with its digest."""
    names = [Path(jar).name for jar in classpath]
    if sorted(names) != sorted(digests):
        other = ", ".join(sorted(set(names) ^ set(digests))) or "one is listed twice"
        raise LocalKeyspacesError(f"Cassandra's jars are not those that are pinned: {other}; {_AGAIN}")
    for jar, name in zip(classpath, names, strict=True):
        try:
            digest = hashlib.sha256(Path(jar).read_bytes()).hexdigest()
        except OSError as error:
            raise LocalKeyspacesError(f"{jar} cannot be read: {error.strerror}; {_AGAIN}") from None
        if digest != digests[name]:
            raise LocalKeyspacesError(f"{jar} does not have the SHA-256 that is pinned; {_AGAIN}")


def main() -> None:
    directory = Path(sys.argv[1]).resolve()  # the listing outlives a link to it
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes would read each other's unfinished downloads
        if not classpath_file(directory).exists():
            _fetch(directory)


def retry(step: Callable[[], T]) -> T:
    """Repeats the step when the network fails, up to four times in 40 seconds; then raises requests' exception."""
    for pause in _PAUSES:
        try:
            return step()
        except requests.RequestException:
            time.sleep(pause)
    return step()


def _fetch(directory: Path) -> None:
    maven = MavenContext(repo_cache=directory)
    cassandra = maven.create_dependency(CASSANDRA)

    def dependencies() -> list[Artifact]:
        try:
            return [node.dep.artifact for node in maven.resolver.get_dependency_list([cassandra])[1]]
        except requests.RequestException:
            for pom in directory.rglob("*.pom"):
                pom.unlink()  # jgo would use a half-written file
            raise

    artifacts = [cassandra.artifact, *retry(dependencies)]
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        jars = list(pool.map(lambda artifact: retry(lambda: _download(artifact)), artifacts))
    verify(list(map(str, jars)), {name: digest for name, digest in pinned().items() if name != _GUARD_JAR})
    jars.append(_compile(jars, directory / _GUARD_JAR))
    write_atomically(classpath_file(directory), "\n".join(map(str, jars)) + "\n", mode=0o644)


def _compile(jars: Sequence[Path], jar: Path) -> Path:
    """Builds a reproducible jar: its bytes do not depend on the time, the directory or the version of zlib."""
    with tempfile.TemporaryDirectory() as classes:
        options = ["-source", "17", "-target", "17", "-proc:none", "-cp", _named("cassandra-all-", jars), "-d", classes]
        compiler = [find_java(), "-cp", _named("ecj-", jars), "org.eclipse.jdt.internal.compiler.batch.Main"]
        compiled = subprocess.run([*compiler, *options, str(_GUARD)], capture_output=True, text=True)
        if compiled.returncode != 0:
            raise SystemExit(f"{_GUARD.name} could not be compiled: {compiled.stdout}{compiled.stderr}")
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(Path(classes).iterdir()):
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
    return jar


def _named(beginning: str, jars: Sequence[Path]) -> str:
    return next(str(jar) for jar in jars if jar.name.startswith(beginning))


def _download(artifact: Artifact) -> Path:
    try:
        return artifact.resolve()
    except requests.RequestException:
        if artifact.cached_path:
            artifact.cached_path.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    main()
