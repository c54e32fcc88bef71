"""The tasks' log lines for the console: the newest that match."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LINES_AT_MOST: Final = 300
_READ_AT_MOST: Final = 4 * 1024 * 1024  # bytes of each file, from its end


@dataclass(frozen=True, slots=True)
class LogLine:
    """task: microservice and id. data: of a line that is JSON."""

    task: str
    text: str
    data: Mapping[str, Any] | None

    @property
    def time(self) -> str:
        return str(self.data.get("time", "")) if self.data else ""

    @property
    def is_request(self) -> bool:
        return self.data is not None and "route" in self.data and "status" in self.data

    @property
    def is_error(self) -> bool:
        return self.data is not None and self.data.get("level") in ("ERROR", "CRITICAL")


def newest(directory: Path, *, service: str = "", text: str = "", requests: bool = False) -> list[LogLine]:
    """In their order, the newest last. text: a part of the line, such as a request's id. requests: only their lines."""
    found = [
        line
        for file in sorted(directory.glob(f"{service or '*'}/*.log"))
        for line in _lines(file)
        if text.lower() in line.text.lower() and (line.is_request or not requests)
    ]
    # Lines without a time, such as a traceback's, stay behind the one before them: sorting is stable within a file.
    return sorted(found, key=lambda line: line.time)[-LINES_AT_MOST:]


def services(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*/"))


def _lines(file: Path) -> Iterator[LogLine]:
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - _READ_AT_MOST))
        text = log.read().decode(errors="replace")
    time = ""
    for line in text.splitlines():
        try:
            parsed = json.loads(line) if line.startswith("{") else None
        except ValueError:
            parsed = None
        data = parsed if isinstance(parsed, dict) else {"time": time}
        time = str(data.get("time", time))
        yield LogLine(f"{file.parent.name}/{file.stem}", line, data)
