"""The answers of routes: a body and its entity tag, made once for all requests that share the answer."""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from service.responses import RawHeaders, content_headers

JSON: Final = "application/json"


class Representation(NamedTuple):
    """A body, its strong entity tag, and the headers that describe the body.

    content: the media type and the length. tagged: the same with the entity tag.
    """

    body: bytes
    etag: bytes
    content: RawHeaders
    tagged: RawHeaders

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Representation":
        etag = b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
        content = content_headers(body, media_type)
        return cls(body, etag, content, (*content, (b"etag", etag)))

    @classmethod
    def of_json(cls, text: bytes) -> "Representation":
        """The representation of a JSON text, with a line break at the end."""
        return cls.of(text + b"\n", JSON)

    def pretty(self) -> "Representation":
        """The same JSON, indented."""
        return self.of_json(msgspec.json.format(self.body, indent=2))

    def matches(self, if_none_match: bytes | None) -> bool:
        """Whether the header names this entity tag, by the weak comparison (RFC 9110, 13.1.2)."""
        if if_none_match is None:
            return False
        tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
        return self.etag in tags or tags == [b"*"]


class Listing(NamedTuple):
    """One page of a list. next_cursor: where the next page begins; None on the last page."""

    representation: Representation
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Created:
    """The representation of a new resource, and its address."""

    representation: Representation
    location: str
