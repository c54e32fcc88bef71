"""Prints the tasks' output; each line begins with its task's name."""

import time
from pathlib import Path

from local.errors import LocalError

_POLL_SECONDS = 0.3


def print_logs(directory: Path, service: str | None, *, follow: bool) -> None:
    """Prints the logs of one or all microservices; with `follow`, without an end. Raises LocalError without logs."""
    services = sorted(path.name for path in directory.glob("*/"))
    if service is not None and service not in services:
        raise LocalError(f"no microservice {service!r} has run; these have run: {', '.join(services) or 'none'}")
    shown: dict[Path, int] = {}
    while True:
        for file in sorted(directory.glob(f"{service or '*'}/*.log"), key=lambda file: file.stat().st_ctime):
            shown[file] = _print_from(file, shown.get(file, 0))
        if not follow:
            return
        time.sleep(_POLL_SECONDS)


def _print_from(file: Path, offset: int) -> int:
    """Prints the complete lines after `offset`; returns the offset of their end."""
    with file.open("rb") as log:
        log.seek(offset)
        for line in log:
            if not line.endswith(b"\n"):
                break
            print(f"{file.parent.name}/{file.stem} | {line.decode(errors='replace')}", end="", flush=True)
            offset += len(line)
    return offset
