"""Answers to refused statements, as errors of the native protocol."""

from local_keyspaces import frames
from local_keyspaces.frames import ErrorCode
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.requests import CONSISTENCY_CODE

_LONGEST = 1000


class Refused(Exception):
    """A statement is refused; the client gets the code and the message.

    details: the bytes that the protocol requires after a message with this code. usual: too frequent to be logged.
    rule: the reason, if it is known.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        details: bytes = b"",
        *,
        usual: bool = False,
        rule: ServiceRule | None = None,
    ) -> None:
        # Shortened, because the message may quote a long statement, and is logged.
        self.message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
        super().__init__(self.message)
        self.code = code
        self.details = details
        self.usual = usual
        self.rule = rule


def invalid(message: str, rule: ServiceRule | None = None) -> Refused:
    return Refused(ErrorCode.INVALID, message, rule=rule)


def no_such_table(
    keyspace: str, table: str, rule: ServiceRule = ServiceRule.NO_SUCH_TABLE, *, usual: bool = False
) -> Refused:
    return Refused(ErrorCode.INVALID, f"unconfigured table {keyspace}.{table}", usual=usual, rule=rule)


def syntax_error(message: str) -> Refused:
    return Refused(ErrorCode.SYNTAX_ERROR, message, rule=ServiceRule.SYNTAX)


def unauthorized(message: str, rule: ServiceRule = ServiceRule.PERMISSION) -> Refused:
    return Refused(ErrorCode.UNAUTHORIZED, message, rule=rule)


def already_exists(message: str, keyspace: str, table: str = "") -> Refused:
    details = frames.string(keyspace) + frames.string(table)
    return Refused(ErrorCode.ALREADY_EXISTS, message, details, rule=ServiceRule.ALREADY_EXISTS)


def unprepared(id_: bytes) -> Refused:
    return Refused(
        ErrorCode.UNPREPARED,
        f"Prepared query with ID {id_.hex()} not found",
        frames.short_bytes(id_),
        usual=True,
    )


def throttled(*, write_type: str | None, consistency: str, usual: bool = False) -> Refused:
    """Keyspaces has no separate error for throttling; it answers with a timeout and 0 responses (developer guide,
    "Troubleshooting serverless resource management"). write_type: None for a read."""
    required = 2 if consistency == "LOCAL_QUORUM" else 1
    counts = frames.short(CONSISTENCY_CODE[consistency]) + frames.int_(0) + frames.int_(required)
    message = "Operation timed out - received only 0 responses."
    if write_type is None:
        return Refused(ErrorCode.READ_TIMEOUT, message, counts + b"\x00", usual=usual, rule=ServiceRule.THROTTLED)
    details = counts + frames.string(write_type)
    return Refused(ErrorCode.WRITE_TIMEOUT, message, details, usual=usual, rule=ServiceRule.THROTTLED)
