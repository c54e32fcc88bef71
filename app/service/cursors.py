"""Cursors: opaque, signed strings that contain the paging state of the next page.

The database does not check a paging state: a forged one could read other rows, and makes the driver close its
connection (DataStax, "Paging large queries": a paging state must not come from an untrusted source unsigned).
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
KEY_LENGTH: Final = 32  # least bytes of a key: a much shorter key could be found by brute force, given one cursor
_MAC_BYTES: Final = 16
_EXPIRES = struct.Struct(">I")  # seconds since 1970


class BadCursor(Exception):
    """A cursor is invalid or has expired; the message tells the client what to do."""


class Cursors:
    """Makes and reads cursors of one query. They are valid for a day, in every process with the same key.

    key: None for a random key of this process. query: identifies the query; cursors of other queries are rejected.
    cached: seconds for which an answer with a cursor may stay in a cache; they are added to the day.
    """

    def __init__(self, key: bytes | None, *, query: str, cached: int = 0) -> None:
        # The key is hashed, since blake2b takes keys of 64 bytes at most.
        secret = hashlib.sha256(key or secrets.token_bytes()).digest()
        self._key = hashlib.blake2b(query.encode(), key=secret).digest()
        self._seconds = SECONDS + cached

    def seal(self, paging_state: bytes, context: bytes = b"") -> str:
        """A cursor of letters, digits, `-` and `_`. context: the query's values, which `open` must get, too."""
        content = _EXPIRES.pack(int(time.time()) + self._seconds) + paging_state
        return _spelled(self._mac(content, context) + content)

    def open(self, cursor: str, context: bytes = b"") -> bytes:
        """The paging state. Raises BadCursor."""
        content = self._content(cursor, context)
        (expires,) = _EXPIRES.unpack(content[: _EXPIRES.size])
        if expires < time.time():
            raise BadCursor("This cursor has expired; begin again without a cursor.")
        return content[_EXPIRES.size :]

    def _content(self, cursor: str, context: bytes) -> bytes:
        if len(cursor) <= LENGTH_AT_MOST:
            try:
                sealed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            except (binascii.Error, UnicodeEncodeError):
                sealed = b""
            mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
            # Base64 decoding skips invalid characters, so the text is compared, too: each cursor has one spelling.
            if hmac.compare_digest(mac, self._mac(content, context)) and _spelled(sealed) == cursor:
                return content
        raise BadCursor("This cursor is not one of this list; begin again without a cursor.")

    def _mac(self, content: bytes, context: bytes) -> bytes:
        # The context's hash has a fixed length, so that context and content cannot be shifted against each other.
        return hmac.digest(self._key, hashlib.sha256(context).digest() + content, "sha256")[:_MAC_BYTES]


def _spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
