"""The jars that the Spark program needs besides Spark: `python -m components.bulk.jars FOLDER` fetches them.

They are the Cassandra connector, the SigV4 plugin and their dependencies, without those that Spark has itself, from
Maven Central; jars.sha256 pins the SHA-256 of each jar. AWS Glue reads them from a bucket (`--extra-jars`).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

_LISTING = Path(__file__).with_name("jars.sha256")


def pinned() -> dict[str, tuple[str, str]]:
    """SHA-256 and Maven coordinates, by a jar's file name."""
    found = {}
    for line in _LISTING.read_text().splitlines():
        digest, coordinates = line.split()
        _, artifact, version = coordinates.split(":")
        found[f"{artifact}-{version}.jar"] = (digest, coordinates)
    return found


def jars_mistake(folder: Path) -> str | None:
    """A mistake, unless the folder has every pinned jar."""
    missing = [name for name in pinned() if not (folder / name).is_file()]
    if missing:
        return f"is {str(folder)!r}, which has no {missing[0]}; run python -m components.bulk.jars {folder}"
    for name, (digest, _) in pinned().items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            return f"is {str(folder)!r}, where {name} does not have the pinned SHA-256; delete it, then fetch it again"
    return None


def fetch(folder: Path) -> None:
    """Fetches the missing jars. Raises OSError when Maven Central cannot be reached, and ValueError for a wrong
    file."""
    from jgo.maven import MavenContext  # declaring a load needs no jgo

    folder.mkdir(parents=True, exist_ok=True)
    maven = MavenContext(repo_cache=folder / "maven")
    for name, (digest, coordinates) in pinned().items():
        if (folder / name).is_file():
            continue
        content = maven.create_dependency(coordinates).artifact.resolve().read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{name} does not have the pinned SHA-256; the file was not kept")
        partial = folder / f"{name}.part"
        partial.write_bytes(content)
        partial.rename(folder / name)


def main(arguments: Sequence[str]) -> str | None:
    if len(arguments) != 1:
        return "usage: python -m components.bulk.jars FOLDER"
    try:
        fetch(Path(arguments[0]))
    except (OSError, ValueError) as error:
        return f"the jars could not be fetched: {error}"
    return jars_mistake(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
