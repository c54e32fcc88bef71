"""The log lines of all tasks and of the endpoint as one stream, read backwards in windows.

A page reads only the lines that it shows, even of a long log. A search reads the files once, in pieces, and does not
parse pieces that cannot match.
"""

import heapq
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from local_keyspaces.state import State

LINES_AT_MOST: Final = 300
_CHUNK: Final = 256 * 1024  # bytes
_LONGEST_LINE: Final = 16 * 1024  # bytes; the beginning of a longer line is shown
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# The format of `local_keyspaces.endpoint_log`, in local time.
_ENDPOINT: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ([A-Z]+) (.*)", re.DOTALL)

Cursor = Mapping[str, int]
"""The position from which older lines are read: an offset in each file, by the file's name."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """service: a microservice, or `keyspaces` for the endpoint; empty for all. task: one task's id. text: a part of the
    line, case-insensitive. level: the lowest one; a line without a level has the level of the line before it. requests:
    only requests' lines."""

    service: str = ""
    task: str = ""
    text: str = ""
    level: str = ""
    request_id: str = ""
    requests: bool = False

    def needles(self) -> list[tuple[bytes, ...]]:
        """Texts in lower case: a piece of a file matches only if it has at least one text of each tuple."""
        found: list[tuple[bytes, ...]] = [(part.lower().encode(),) for part in (self.text, self.request_id) if part]
        if self.level and self.level != LEVELS[0]:
            found.append(tuple(level.lower().encode() for level in LEVELS[LEVELS.index(self.level) :]))
        if self.requests:
            found.append((b'"route":',))
        return found

    def takes(self, line: "LogLine") -> bool:
        return (
            self.text.lower() in line.text.lower()
            and self.request_id in (line.data.get("request_id"), line.data.get("shared_with"), "")
            and (not self.level or line.level in LEVELS[LEVELS.index(self.level) :])
            and (line.is_request or not self.requests)
        )


@dataclass(frozen=True, slots=True)
class LogLine:
    """task: microservice and id. data: the content of a JSON line. time: ISO 8601 in UTC; a line without a time has the
    time of the line before it. offset: in its file."""

    task: str
    text: str
    time: str
    level: str
    data: Mapping[str, Any]
    offset: int = 0

    @property
    def is_request(self) -> bool:
        return "route" in self.data and "status" in self.data

    @property
    def is_error(self) -> bool:
        return self.level in ("ERROR", "CRITICAL")

    def as_json(self) -> dict[str, Any]:
        shown = dict(self.data) or {"text": self.text}
        return {"task": self.task, "time": self.time, "level": self.level, **shown, "offset": self.offset}


@dataclass(frozen=True)
class Window:
    """lines: in their order, the newest last. older: the cursor of the older window; None if it would be empty."""

    lines: list[LogLine] = field(default_factory=list)
    older: Cursor | None = None


def window(directory: Path, wanted: Filter, before: Cursor | None = None, *, most: int = LINES_AT_MOST) -> Window:
    """The newest matching lines, or the ones before a cursor. Reads files."""
    files = [
        file
        for file in sorted(directory.glob(f"{wanted.service or '*'}/{wanted.task or '*'}.log"))
        if before is None or _name(file) in before
    ]
    ends = {_name(file): _end(file) if before is None else before[_name(file)] for file in files}
    streams = [_backwards(file, ends[_name(file)], wanted) for file in files]
    # Sorted by time; the lines of one file keep their order.
    merged = heapq.merge(*streams, key=lambda line: line.time, reverse=True)
    found: list[LogLine] = []
    for line in merged:
        if len(found) == most:
            taken = dict(ends)
            for each in found:
                taken[each.task] = min(taken[each.task], each.offset)
            return Window(found[::-1], taken)
        found.append(line)
    return Window(found[::-1], None)


def services(state: State) -> list[str]:
    return sorted(path.name for path in state.logs.glob("*/"))


def tasks(state: State, service: str) -> list[str]:
    return sorted(path.stem for path in state.logs.glob(f"{service}/*.log")) if service else []


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def _end(file: Path) -> int:
    return file.stat().st_size


def _backwards(file: Path, end: int, wanted: Filter) -> Iterator[LogLine]:
    """The matching lines that end before `end`, the last first."""
    needles = wanted.needles()
    with file.open("rb") as log:
        for start, piece in _pieces(log, end):
            lowered = piece.lower()
            if all(any(needle in lowered for needle in either) for either in needles):
                yield from reversed([line for line in _lines(file, log, start, piece) if wanted.takes(line)])


def _pieces(log: Any, end: int) -> Iterator[tuple[int, bytes]]:
    """Pieces of complete lines, from the end of the file: each piece's offset and bytes."""
    rest = b""
    while end > 0:
        start = max(0, end - _CHUNK)
        log.seek(start)
        piece = log.read(end - start) + rest
        if start:
            # The first line may begin before this piece. The beginning of an endless line is dropped.
            cut = piece.find(b"\n") + 1
            rest, piece = (piece[:cut], piece[cut:]) if cut else (piece[-_CHUNK:], b"")
        else:
            cut, rest = 0, b""
        if piece:
            yield start + cut, piece
        end = start


def _lines(file: Path, log: Any, start: int, piece: bytes) -> Iterator[LogLine]:
    task, at, before = _name(file), start, ("", "")
    for number, raw in enumerate(piece.splitlines(keepends=True)):
        line = _parsed(task, raw[:_LONGEST_LINE].decode(errors="replace").rstrip("\r\n"), at)
        if not line.time and number == 0 and start:
            before = _time_before(file, log, start)
        if not line.time:
            line = LogLine(task, line.text, before[0], before[1], line.data, at)
        before, at = (line.time, line.level), at + len(raw)
        if line.text:
            yield line


def _time_before(file: Path, log: Any, end: int) -> tuple[str, str]:
    """Time and level of the last line before `end` that has a time, if it is near."""
    log.seek(max(0, end - _CHUNK))
    for raw in reversed(log.read(end - max(0, end - _CHUNK)).splitlines()):
        line = _parsed("", raw[:_LONGEST_LINE].decode(errors="replace"), 0)
        if line.time:
            return line.time, line.level
    return "", ""


def _parsed(task: str, text: str, at: int) -> LogLine:
    if text.startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            data = {}
        if "_aws" in data:  # metrics in CloudWatch's format
            time = datetime.fromtimestamp(data["_aws"]["Timestamp"] / 1000).astimezone()
            return LogLine(task, text, _utc(time), "INFO", data, at)
        if isinstance(data, dict):
            return LogLine(task, text, str(data.get("time", "")), str(data.get("level", "")), data, at)
    if match := _ENDPOINT.fullmatch(text):
        time = datetime.fromisoformat(f"{match[1]}.{match[2]}000").astimezone()
        return LogLine(task, match[4], _utc(time), match[3], {}, at)
    return LogLine(task, text, "", "", {}, at)


def _utc(time: datetime) -> str:
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
