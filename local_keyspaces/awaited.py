"""Handles a response of Cassandra: meters it, logs its statement, and changes it before the client gets it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from local_keyspaces import frames
from local_keyspaces.frames import Frame, Header, Opcode, Reader
from local_keyspaces.statement_log import LoggedStatement

_log = logging.getLogger(__name__)

Change = Callable[[bytes], bytes]
"""Changes the body of a RESULT or an ERROR, before the client gets it."""


Observe = Callable[[Callable[[], bytes] | None, int], tuple[float, float]]
"""Gets a function that returns the body of a RESULT, or None if the body is passed on in pieces, and the body's length
without compression. Returns read and write units."""


@dataclass(kw_only=True, slots=True)
class Awaited:
    """A request that waits for its response. result, error: change the body of a RESULT or an ERROR.

    observe: called before the change. logged: the statement, which ends with the response.
    """

    result: Change | None = None
    error: Change | None = None
    observe: Observe | None = None
    logged: LoggedStatement | None = None


UNCHANGED = Awaited()


def changed(awaited: Awaited, header: Header, data: bytes | bytearray, start: int, end: int) -> bytes | None:
    """The changed response; None if it passes unchanged. data: have the response from `start` to `end`."""
    plain = partial(_plain, header, data, start, end)
    if header.opcode == Opcode.RESULT:
        if awaited.observe is not None:
            _observe(awaited, plain, _plain_length(header, data, start))
        change = awaited.result
    elif header.opcode == Opcode.ERROR:
        if awaited.logged is not None:
            awaited.logged.failed(plain())
        change = awaited.error
    else:
        return None
    if change is None:
        return None
    return Frame(header.stream, header.opcode, change(plain()), header.version).encode()


def meter_unseen(awaited: Awaited, header: Header, data: bytes | bytearray, start: int) -> None:
    """Meters a response that passes in pieces. data: have its beginning, from `start` on."""
    if awaited.observe is not None and header.opcode == Opcode.RESULT:
        _observe(awaited, None, _plain_length(header, data, start))


def _plain(header: Header, data: bytes | bytearray, start: int, end: int) -> bytes:
    """The body without compression, and without Cassandra's warnings, which Keyspaces does not send."""
    body = bytes(data[start + frames.HEADER_SIZE : end])
    if header.flags & frames.COMPRESSED:
        body = frames.decompress(body, frames.LARGEST)
    if header.flags & frames.WARNING:
        reader = Reader(body)
        reader.string_list()
        body = reader.rest()
    return body


def _observe(awaited: Awaited, body: Callable[[], bytes] | None, length: int) -> None:
    assert awaited.observe is not None
    units = 0.0, 0.0
    try:
        units = awaited.observe(body, length)
    except Exception:  # the client's answer is right without the metering
        _log.exception("a response could not be metered")
    if awaited.logged is not None:
        awaited.logged.read_units, awaited.logged.write_units = units
        awaited.logged.ended()


def _plain_length(header: Header, data: bytes | bytearray, start: int) -> int:
    """The length without compression, with which a compressed body begins. data: have the header at `start`."""
    begin = start + frames.HEADER_SIZE
    if header.flags & frames.COMPRESSED and header.length >= frames.LENGTH_SIZE:
        return int.from_bytes(data[begin : begin + frames.LENGTH_SIZE], "big")
    return header.length
