"""Results as bytes: the connection passes them on, and the driver's log never has them."""

import logging
import struct

import pytest
from cassandra.protocol import ProtocolHandler, ResultMessage

from keyspaces.results import decode_message

_RESULT = ResultMessage.opcode
_ROWS = struct.pack(">iii", 2, 0, 0) + struct.pack(">i", 0)
_TRACING_ID, _WARNINGS = b"\1" * 16, struct.pack(">HH", 1, 4) + b"slow"
_PAYLOAD = struct.pack(">HH", 1, 1) + b"k" + struct.pack(">i", 2) + b"vv"
_BROKEN = struct.pack(">i", 4) + b"\0\1secret"  # a prepared statement that ends too early


def _decode(flags: int, body: bytes) -> object:
    return decode_message(4, {}, 1, flags, _RESULT, body, None, None)


@pytest.mark.parametrize(
    ("flags", "before"),
    [
        (0x00, b""),
        (0x02, _TRACING_ID),
        (0x08, _WARNINGS),
        (0x04, _PAYLOAD),
        (0x0E, _TRACING_ID + _WARNINGS + _PAYLOAD),
    ],
)
def test_finds_rows_behind_tracing_warnings_and_payload(flags: int, before: bytes) -> None:
    """A read over many tombstones carries a warning, and would be answered with 500."""
    assert _decode(flags, before + _ROWS) == _ROWS


def test_leaves_other_results_to_the_driver() -> None:
    """Statements without rows, such as a PREPARE, would fail."""
    void = _decode(0, struct.pack(">i", 1))
    assert isinstance(void, ResultMessage)
    assert void.kind == 1


def test_returns_a_decoding_error_instead_of_raising_it_in_the_driver(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The driver would log the response's bytes, and close the connection with all other requests on it."""
    with caplog.at_level(logging.DEBUG):
        response = _decode(0, _BROKEN)
    assert isinstance(response, Exception)
    assert not caplog.records
    with pytest.raises(Exception):  # noqa: B017  # whatever the driver raises: it is what would be logged
        ProtocolHandler.decode_message(4, {}, 1, 0, _RESULT, _BROKEN, None, None)
