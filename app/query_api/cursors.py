"""Where the next page begins, as an opaque and signed text.

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

_SECONDS: Final = 24 * 3600
_MAC_BYTES: Final = 16
_EXPIRES = struct.Struct(">I")  # seconds since 1970
LENGTH_AT_MOST: Final = 4096  # characters


class BadCursor(Exception):
    """The message says why and what to do, for the client."""


class Cursors:
    """Cursors of one query, good for a day and in every process that has the same key.

    key: None for one that only this process knows. query: what the cursor continues; one of another query is refused.
    """

    def __init__(self, key: bytes | None, *, query: str) -> None:
        self._key = hashlib.blake2b(query.encode(), key=hashlib.sha256(key or secrets.token_bytes()).digest()).digest()

    def seal(self, paging_state: bytes) -> str:
        """Letters, digits, `-` and `_`."""
        content = _EXPIRES.pack(int(time.time()) + _SECONDS) + paging_state
        return base64.urlsafe_b64encode(self._mac(content) + content).rstrip(b"=").decode()

    def open(self, cursor: str) -> bytes:
        """The paging state. Raises BadCursor."""
        try:
            sealed = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except (binascii.Error, UnicodeEncodeError) as error:
            raise BadCursor("This cursor is none of this list's; begin again without one.") from error
        mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        # b64decode drops what is not of its alphabet, so the text is compared as well: one cursor, one spelling.
        if (
            len(content) <= _EXPIRES.size
            or not hmac.compare_digest(mac, self._mac(content))
            or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != cursor
        ):
            raise BadCursor("This cursor is none of this list's; begin again without one.")
        (expires,) = _EXPIRES.unpack(content[: _EXPIRES.size])
        if expires < time.time():
            raise BadCursor("This cursor has expired; begin again without one.")
        return content[_EXPIRES.size :]

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")[:_MAC_BYTES]
