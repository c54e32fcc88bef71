"""What the tasks have written, each line with its task's name in front."""

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from declared.errors import LocalError

_POLL_SECONDS = 0.3


@contextlib.contextmanager
def log_to(file: Path) -> Iterator[None]:
    """What the Keyspaces endpoint has to say, of refused statements above all, goes to `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("local_keyspaces")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()


def print_logs(directory: Path, service: str | None, *, follow: bool) -> None:
    """Prints the logs of one microservice or all; with `follow`, for ever. Raises LocalError if there are none."""
    services = sorted(path.name for path in directory.glob("*/"))
    if service is not None and service not in services:
        raise LocalError(f"nothing called {service!r} has run; there is {', '.join(services) or 'nothing'}")
    shown: dict[Path, int] = {}
    while True:
        for file in sorted(directory.glob(f"{service or '*'}/*.log"), key=lambda file: file.stat().st_ctime):
            shown[file] = _print_from(file, shown.get(file, 0))
        if not follow:
            return
        time.sleep(_POLL_SECONDS)


def _print_from(file: Path, offset: int) -> int:
    """Prints the complete lines after `offset`; returns where they end."""
    with file.open("rb") as log:
        log.seek(offset)
        for line in log:
            if not line.endswith(b"\n"):
                break
            print(f"{file.parent.name}/{file.stem} | {line.decode(errors='replace')}", end="", flush=True)
            offset += len(line)
    return offset
