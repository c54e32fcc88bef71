"""The jars of a bulk load, without a download."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock


@contextmanager
def one_jar() -> Iterator[Path]:
    """A folder with one jar, which is the only pinned jar during the test."""
    with TemporaryDirectory() as folder:
        jar = Path(folder, "connector-1.0.jar")
        jar.write_bytes(b"a jar")
        listing = Path(folder, "jars.sha256")
        listing.write_text(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  org.example:connector:1.0\n")
        with mock.patch("components.bulk.jars._LISTING", listing):
            yield Path(folder)
