"""Fetches Apache Cassandra's jars: `python -m local_keyspaces.jars DIRECTORY`, as a process that can be ended."""

import fcntl
import hashlib
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import MavenContext

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically

CASSANDRA = "org.apache.cassandra:cassandra-all:5.0.5"
_DOWNLOADS_AT_ONCE = 16
_AGAIN = "delete the folder with the jars, and they are fetched again"


def classpath_file(directory: Path) -> Path:
    """Lists the jars, one path a line, once all are there."""
    return directory / f"{CASSANDRA.replace(':', '-')}.classpath"


def pinned() -> Mapping[str, str]:
    """SHA-256 by a jar's file name."""
    lines = Path(__file__).with_name("jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def verify(classpath: Sequence[str], digests: Mapping[str, str]) -> None:
    """Raises LocalKeyspacesError unless the class path is exactly the pinned jars, each with its digest."""
    names = [Path(jar).name for jar in classpath]
    if sorted(names) != sorted(digests):
        other = ", ".join(sorted(set(names) ^ set(digests))) or "one is there twice"
        raise LocalKeyspacesError(f"Cassandra's jars are not those that are pinned: {other}; {_AGAIN}")
    for jar, name in zip(classpath, names, strict=True):
        try:
            digest = hashlib.sha256(Path(jar).read_bytes()).hexdigest()
        except OSError as error:
            raise LocalKeyspacesError(f"{jar} cannot be read: {error.strerror}; {_AGAIN}") from None
        if digest != digests[name]:
            raise LocalKeyspacesError(f"{jar} does not have the SHA-256 that is pinned; {_AGAIN}")


def main() -> None:
    directory = Path(sys.argv[1]).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would meet each other's unfinished downloads
        if not classpath_file(directory).exists():
            _fetch(directory)


def _fetch(directory: Path) -> None:
    maven = MavenContext(repo_cache=directory)
    cassandra = maven.create_dependency(CASSANDRA)
    _, dependencies = maven.resolver.get_dependency_list([cassandra])
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        jars = list(
            pool.map(
                lambda dependency: dependency.artifact.resolve(), [cassandra, *(node.dep for node in dependencies)]
            )
        )
    listing = classpath_file(directory)
    write_atomically(listing, "\n".join(map(str, jars)) + "\n", mode=0o644)


if __name__ == "__main__":
    main()
