"""The log of the program and its libraries: one JSON object a line, on standard output."""

import logging
from datetime import UTC, datetime

import msgspec

from service.output import Output

_OURS = ("service", "keyspaces")


class Entry(msgspec.Struct, omit_defaults=True):
    """A log entry. request_id: empty if it is about no request. exception: a traceback."""

    time: datetime
    level: str
    logger: str
    message: str
    request_id: str = ""
    exception: str = ""


def log_to(output: Output) -> None:
    """Logs this program from INFO on, and libraries from WARNING on: at lower levels drivers log the data they send."""
    handler = _Handler(output)
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)


def lines_dropped(count: int) -> bytes:
    """The line that replaces `count` dropped lines."""
    return _line(
        Entry(datetime.now(UTC), "WARNING", __name__, f"{count} lines are missing: standard output was not read")
    )


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        exception = self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        entry = Entry(
            time=datetime.fromtimestamp(record.created, UTC),
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            request_id=getattr(record, "request_id", ""),
            exception=exception,
        )
        return _line(entry).decode()


class _Handler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode()
        except Exception:  # a record with wrong arguments must not raise in the code that logs
            self.handleError(record)
        else:
            self._output.write_from_any_thread(line)


def _line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"
