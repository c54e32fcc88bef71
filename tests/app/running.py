"""The API as a process."""

import contextlib
import subprocess
from collections.abc import Iterator

from tests.keyspaces import LocalKeyspaces
from tests.processes import free_port, listens, start_program, wait_until


@contextlib.contextmanager
def run_api(keyspaces: LocalKeyspaces, **variables: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Its port, and its process. variables: of its environment, besides what every task gets."""
    port = free_port()
    environment = {**keyspaces.environment(), "HOST": "127.0.0.1", "PORT": str(port), **variables}
    with start_program("query_api", environment=environment) as process:
        wait_until(lambda: listens(port))
        yield port, process
