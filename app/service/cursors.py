"""Cursors: opaque, signed texts that say where the next page begins.

A paging state is the database's own and is not checked there: a made-up one could read elsewhere, and makes the driver
close its connection (DataStax, "Paging large queries": a paging state must not come from an untrusted source unsigned).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
import time
from typing import Final

SECONDS: Final = 24 * 3600
LENGTH_AT_MOST: Final = 4096  # characters
KEY_LENGTH: Final = 32  # bytes of a key, at least: with one cursor, a shorter one could be found by trying
_MAC_BYTES: Final = 16
_EXPIRES = struct.Struct(">I")  # seconds since 1970


class BadCursor(Exception):
    """The message says why and what to do, for the client."""


class Cursors:
    """Cursors of one query, good for a day and in every process that has the same key.

    key: None for one that only this process knows. query: what the cursor continues; one of another query is refused.
    cached: seconds for which an answer with a cursor may be kept before it is read, added to the day.
    """

    def __init__(self, key: bytes | None, *, query: str, cached: int = 0) -> None:
        # Hashed, as blake2b takes 64 bytes at most.
        secret = hashlib.sha256(key or secrets.token_bytes()).digest()
        self._key = hashlib.blake2b(query.encode(), key=secret).digest()
        self._seconds = SECONDS + cached

    def seal(self, paging_state: bytes, context: bytes = b"") -> str:
        """Letters, digits, `-` and `_`. context: the query's values; with others, the cursor is refused."""
        content = _EXPIRES.pack(int(time.time()) + self._seconds) + paging_state
        return _spelled(self._mac(content, context) + content)

    def open(self, cursor: str, context: bytes = b"") -> bytes:
        """The paging state. Raises BadCursor."""
        content = self._content(cursor, context)
        (expires,) = _EXPIRES.unpack(content[: _EXPIRES.size])
        if expires < time.time():
            raise BadCursor("This cursor has expired; begin again without one.")
        return content[_EXPIRES.size :]

    def _content(self, cursor: str, context: bytes) -> bytes:
        if len(cursor) <= LENGTH_AT_MOST:
            try:
                sealed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            except (binascii.Error, UnicodeEncodeError):
                sealed = b""
            mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
            # Decoding drops what is not of the alphabet, so the text is compared as well: one cursor, one spelling.
            if hmac.compare_digest(mac, self._mac(content, context)) and _spelled(sealed) == cursor:
                return content
        raise BadCursor("This is no cursor of this list; begin again without one.")

    def _mac(self, content: bytes, context: bytes) -> bytes:
        # Both are hashed, so that no byte can pass from one to the other.
        return hmac.digest(self._key, hashlib.sha256(context).digest() + content, "sha256")[:_MAC_BYTES]


def _spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
