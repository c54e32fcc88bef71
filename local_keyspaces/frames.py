"""Frames of CQL's native protocol, version 4, and the notations of their bodies.

Source: Apache Cassandra, doc/native_protocol_v4.spec, sections 2, 3 and 9.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import lz4.block

VERSION = 4
HEADER_SIZE = 9
COMPRESSION = "lz4"
_RESPONSE = 0x80
_HEADER = struct.Struct(">BBhBI")
_INT, _SHORT, _LONG = struct.Struct(">i"), struct.Struct(">H"), struct.Struct(">q")

# The largest body in bytes. A batch may have 4 MB and a row 1 MB; larger ones are refused with a message, if they can
# be read at all. Cassandra accepts 16 MB, and names may be longer there.
LARGEST = 16 * 1024 * 1024 - 64 * 1024

# Flags. A request for tracing is not passed on: Keyspaces documents none.
COMPRESSED, CUSTOM_PAYLOAD, WARNING = 0x01, 0x04, 0x08

REQUEST_ID = "request-id"
"""The key in a custom payload under which a client sends the id of the request that a statement belongs to."""
_REQUEST_ID_AT_MOST = 128


LENGTH_SIZE = 4
"""Bytes of the length without compression, with which a compressed body begins."""

_TOO_SHORT = "the message ends too early"


class Opcode(IntEnum):
    ERROR = 0x00
    STARTUP = 0x01
    READY = 0x02
    AUTHENTICATE = 0x03
    OPTIONS = 0x05
    SUPPORTED = 0x06
    QUERY = 0x07
    RESULT = 0x08
    PREPARE = 0x09
    EXECUTE = 0x0A
    REGISTER = 0x0B
    BATCH = 0x0D
    AUTH_CHALLENGE = 0x0E
    AUTH_RESPONSE = 0x0F
    AUTH_SUCCESS = 0x10


class ErrorCode(IntEnum):
    SERVER_ERROR = 0x0000
    PROTOCOL_ERROR = 0x000A
    BAD_CREDENTIALS = 0x0100
    WRITE_TIMEOUT = 0x1100
    READ_TIMEOUT = 0x1200
    SYNTAX_ERROR = 0x2000
    UNAUTHORIZED = 0x2100
    INVALID = 0x2200
    CONFIGURATION_ERROR = 0x2300
    ALREADY_EXISTS = 0x2400
    UNPREPARED = 0x2500


class ProtocolError(Exception):
    """A malformed frame; the message is for the client."""


# Named tuples: every request and every response needs one of each, and a frozen dataclass takes three times as long.


class Header(NamedTuple):
    """length: bytes of the body that follows."""

    version: int
    flags: int
    stream: int
    opcode: int
    length: int

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview, at: int = 0) -> "Header":
        return cls._make(_HEADER.unpack_from(data, at))

    def encode(self) -> bytes:
        return _HEADER.pack(self.version, self.flags, self.stream, self.opcode, self.length)


class Frame(NamedTuple):
    """body: not compressed. request_id: the id that the client sent in the custom payload; empty if it sent none."""

    stream: int
    opcode: int
    body: bytes = b""
    version: int = VERSION
    request_id: str = ""

    def encode(self) -> bytes:
        return _HEADER.pack(self.version, 0, self.stream, self.opcode, len(self.body)) + self.body

    def reply(self, opcode: Opcode, body: bytes = b"") -> "Frame":
        return Frame(version=VERSION | _RESPONSE, stream=self.stream, opcode=opcode, body=body)

    def reply_error(self, code: ErrorCode, message: str, details: bytes = b"") -> "Frame":
        """details: the bytes that the protocol requires after a message with this code."""
        return self.reply(Opcode.ERROR, _INT.pack(code) + string(message) + details)

    def with_body(self, body: bytes) -> "Frame":
        return Frame(self.stream, self.opcode, body, self.version)


class ByteBuffer:
    """Collects received bytes. `start`: of the bytes that were not taken yet."""

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""
        self.start = 0

    def take(self, end: int) -> None:
        """Takes the bytes before `end`."""
        self.start = end
        if end == len(self.data):
            self.data, self.start = b"", 0

    def feed(self, data: bytes) -> None:
        if not self.data:  # nearly always: complete frames arrive, and nothing is copied
            self.data = data
        elif isinstance(self.data, bytearray):
            del self.data[: self.start]
            self.data += data
        else:
            self.data = bytearray(memoryview(self.data)[self.start :])
            self.data += data
        self.start = 0


class FrameBuffer(ByteBuffer):
    """Collects received bytes, and returns complete frames."""

    def __init__(self, largest: int) -> None:
        """largest: the most bytes of a body, compressed or not."""
        super().__init__()
        self.largest = largest

    def next(self) -> Frame | None:
        """The next frame; None if it is incomplete. Raises ProtocolError, after which the connection is unreadable."""
        data, start = self.data, self.start
        if len(data) - start < HEADER_SIZE:
            return None
        version, flags, stream, opcode, length = _HEADER.unpack_from(data, start)
        if length > self.largest:
            raise ProtocolError(f"a frame of {length} bytes; {self.largest} are allowed")
        end = start + HEADER_SIZE + length
        if end > len(data):
            return None
        body = bytes(data[start + HEADER_SIZE : end])
        self.take(end)
        request_id = ""
        if flags & COMPRESSED:
            body = decompress(body, self.largest)
        if flags & CUSTOM_PAYLOAD:  # not passed on to Cassandra
            request_id, body = _without_payload(body)
        return Frame(stream, opcode, body, version, request_id)


def _without_payload(body: bytes) -> tuple[str, bytes]:
    """The request id in a custom payload, and the body after the payload."""
    reader = Reader(body)
    given = reader.bytes_map().get(REQUEST_ID) or b""
    return given[:_REQUEST_ID_AT_MOST].decode("ascii", "replace"), reader.rest()


def decompress(body: bytes, largest: int) -> bytes:
    """body: the uncompressed length in 4 bytes, and an LZ4 block. Raises ProtocolError."""
    if len(body) < 4:
        raise ProtocolError("a compressed body without its length")
    length = int.from_bytes(body[:4], "big")
    if length > largest:
        raise ProtocolError(f"a frame of {length} bytes; {largest} are allowed")
    if length == 0:
        return b""
    try:
        plain: bytes = lz4.block.decompress(body[4:], uncompressed_size=length)
    except lz4.block.LZ4BlockError:
        raise ProtocolError("a body that is not compressed as LZ4") from None
    if len(plain) != length:
        raise ProtocolError("a compressed body whose length is not the given one")
    return plain


class Reader:
    """Reads the protocol's notations one after the other. Every method raises ProtocolError for malformed data."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def byte(self) -> int:
        return self._take(1)[0]

    def short(self) -> int:
        return int(self.unpack(_SHORT)[0])

    def integer(self) -> int:
        return int(self.unpack(_INT)[0])

    def long(self) -> int:
        return int(self.unpack(_LONG)[0])

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        at = self.at
        try:
            values = form.unpack_from(self._body, at)
        except struct.error:
            raise ProtocolError(_TOO_SHORT) from None
        self.at = at + form.size
        return values

    def string(self) -> str:
        return self._text(self._take(self.short()))

    def long_string(self) -> str:
        return self._text(self._take(self._length()))

    def short_bytes(self) -> bytes:
        return self._take(self.short())

    def bytes_or_null(self) -> bytes | None:
        length = self.integer()
        return None if length < 0 else self._take(length)

    def values(self, count: int) -> list[bytes | None]:
        """Reads bound values; None for null and for `not set`."""
        values: list[bytes | None] = []
        body, at, size = self._body, self.at, len(self._body)  # the innermost loop of every request
        unpack = _INT.unpack_from
        for _ in range(count):
            if at + 4 > size:
                raise ProtocolError(_TOO_SHORT)
            (length,) = unpack(body, at)
            at += 4
            if length >= 0:
                values.append(body[at : at + length])
                at += length
            elif length >= -2:
                values.append(None)
            else:
                raise ProtocolError(f"a value of {length} bytes")
        if at > size:
            raise ProtocolError(_TOO_SHORT)
        self.at = at
        return values

    def string_list(self) -> list[str]:
        return [self.string() for _ in range(self.short())]

    def string_map(self) -> dict[str, str]:
        return {self.string(): self.string() for _ in range(self.short())}

    def bytes_map(self) -> dict[str, bytes | None]:
        return {self.string(): self.bytes_or_null() for _ in range(self.short())}

    def since(self, start: int) -> bytes:
        """The bytes that were read since the mark."""
        return self._body[start : self.at]

    def rest(self) -> bytes:
        rest = self._body[self.at :]
        self.at = len(self._body)
        return rest

    def end(self) -> None:
        """Raises ProtocolError if more bytes follow."""
        if self.at != len(self._body):
            raise ProtocolError(f"{len(self._body) - self.at} bytes more than the message has")

    def _length(self) -> int:
        length = self.integer()
        if length < 0:
            raise ProtocolError(f"a length of {length}")
        return length

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._body):
            raise ProtocolError(_TOO_SHORT)
        taken = self._body[self.at : end]
        self.at = end
        return taken

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ProtocolError("a string that is not UTF-8") from None


def change_message(body: bytes, change: Callable[[str], str]) -> bytes:
    """The body of an ERROR with its message changed (native_protocol_v4.spec, section 9)."""
    reader = Reader(body)
    code = reader.integer()
    return _INT.pack(code) + string(change(reader.string())) + reader.rest()


def string(value: str) -> bytes:
    # The protocol has two bytes for the length; the beginning of a longer message is enough.
    encoded = value.encode()[:0xFFFF].decode(errors="ignore").encode()
    return _SHORT.pack(len(encoded)) + encoded


def long_string(value: str) -> bytes:
    encoded = value.encode()
    return _INT.pack(len(encoded)) + encoded


def short(value: int) -> bytes:
    return _SHORT.pack(value)


def int_(value: int) -> bytes:
    return _INT.pack(value)


def long(value: int) -> bytes:
    return _LONG.pack(value)


def short_bytes(value: bytes) -> bytes:
    return _SHORT.pack(len(value)) + value


def bytes_(value: bytes | None) -> bytes:
    return _INT.pack(-1) if value is None else _INT.pack(len(value)) + value


def string_map(options: Mapping[str, str]) -> bytes:
    return _SHORT.pack(len(options)) + b"".join(string(text) for item in options.items() for text in item)


def string_multimap(options: Mapping[str, Sequence[str]]) -> bytes:
    parts = [_SHORT.pack(len(options))]
    for key, values in options.items():
        parts += [string(key), _SHORT.pack(len(values)), *map(string, values)]
    return b"".join(parts)
