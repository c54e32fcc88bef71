"""Frames of CQL's native protocol, version 4, as far as signing in needs them.

Source: Apache Cassandra, doc/native_protocol_v4.spec.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

VERSION = 4
_RESPONSE = 0x80
_HEADER = struct.Struct(">BBhBI")
# Nothing a client sends before it is signed in is larger.
_SMALL = 64 * 1024


class Opcode(IntEnum):
    ERROR = 0x00
    STARTUP = 0x01
    READY = 0x02
    AUTHENTICATE = 0x03
    OPTIONS = 0x05
    SUPPORTED = 0x06
    AUTH_CHALLENGE = 0x0E
    AUTH_RESPONSE = 0x0F
    AUTH_SUCCESS = 0x10


class ErrorCode(IntEnum):
    PROTOCOL_ERROR = 0x000A
    BAD_CREDENTIALS = 0x0100


class ProtocolError(Exception):
    """A frame that cannot be answered as it is."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    version: int
    flags: int = 0
    stream: int
    opcode: int
    body: bytes = b""

    def encode(self) -> bytes:
        return _HEADER.pack(self.version, self.flags, self.stream, self.opcode, len(self.body)) + self.body

    def reply(self, opcode: Opcode, body: bytes = b"") -> "Frame":
        return Frame(version=VERSION | _RESPONSE, stream=self.stream, opcode=opcode, body=body)

    def reply_error(self, code: ErrorCode, message: str) -> "Frame":
        return self.reply(Opcode.ERROR, struct.pack(">i", code) + _string(message))


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Raises asyncio.IncompleteReadError at the end of the stream and ProtocolError for an oversized frame."""
    version, flags, stream, opcode, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if length > _SMALL:
        raise ProtocolError(f"a frame of {length} bytes before signing in; {_SMALL} are allowed")
    return Frame(version=version, flags=flags, stream=stream, opcode=opcode, body=await reader.readexactly(length))


def authenticate(class_name: str) -> bytes:
    return _string(class_name)


def supported(options: Mapping[str, Sequence[str]]) -> bytes:
    parts = [struct.pack(">H", len(options))]
    for key, values in options.items():
        parts += [_string(key), struct.pack(">H", len(values)), *map(_string, values)]
    return b"".join(parts)


def encode_bytes(value: bytes | None) -> bytes:
    return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value


def decode_bytes(body: bytes) -> bytes:
    """The [bytes] that make up a whole body. Raises ProtocolError."""
    if len(body) < 4 or struct.unpack_from(">i", body)[0] != len(body) - 4:
        raise ProtocolError("malformed [bytes]")
    return body[4:]


def decode_string_map(body: bytes) -> dict[str, str]:
    """Raises ProtocolError."""
    try:
        (count,), at, result = struct.unpack_from(">H", body), 2, {}
        for _ in range(count):
            key, at = _decode_string(body, at)
            result[key], at = _decode_string(body, at)
        return result
    except (struct.error, UnicodeDecodeError):
        raise ProtocolError("malformed [string map]") from None


def _decode_string(body: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", body, at)
    end = at + 2 + length
    if end > len(body):
        raise ProtocolError("a [string] longer than its frame")
    return body[at + 2 : end].decode(), end


def _string(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
