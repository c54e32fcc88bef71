"""Fetches Apache Cassandra's jars: `python -m local_keyspaces.jars DIRECTORY`, as a process that can be ended."""

import fcntl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.maven import MavenContext

from local_keyspaces.files import write_atomically

CASSANDRA = "org.apache.cassandra:cassandra-all:5.0.5"
_DOWNLOADS_AT_ONCE = 16


def classpath_file(directory: Path) -> Path:
    """Lists the jars, one path a line, once all are there."""
    return directory / f"{CASSANDRA.replace(':', '-')}.classpath"


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
