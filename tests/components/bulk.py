"""A bulk load's jars, without fetching them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock


@contextmanager
def one_jar() -> Iterator[Path]:
    """The folder with the one jar that is pinned meanwhile."""
    with TemporaryDirectory() as folder:
        jar = Path(folder, "connector-1.0.jar")
        jar.write_bytes(b"a jar")
        listing = Path(folder, "jars.sha256")
        listing.write_text(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  org.example:connector:1.0\n")
        with mock.patch("components.bulk.jars._LISTING", listing):
            yield Path(folder)
