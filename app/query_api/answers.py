"""Answers: made once for all who share a read, with an entity tag so that who has it already is told so."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from query_api.requests import header

RawHeaders = Sequence[tuple[bytes, bytes]]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Representation:
    """A body, its strong entity tag, and what it is: `content` are the headers that only come with it."""

    body: bytes
    etag: bytes
    content: RawHeaders

    @classmethod
    def of(cls, body: bytes, media_type: str) -> "Representation":
        etag = b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
        length = str(len(body)).encode()
        return cls(body, etag, ((b"content-type", media_type.encode()), (b"content-length", length)))

    @classmethod
    def of_json(cls, text: bytes) -> "Representation":
        """Ends with a line break."""
        return cls.of(text + b"\n", JSON)

    def pretty(self) -> "Representation":
        """Of JSON, the same indented."""
        return self.of_json(msgspec.json.format(self.body, indent=2))


class RawResponse(Response):
    """A response whose headers are complete: Starlette's own would build and encode them each time."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start)
        await send(self._body)


def answer(
    request: Request, representation: Representation, *, cache_control: bytes, more: RawHeaders = ()
) -> Response:
    """200, or 304 to who has this representation (RFC 9110, 13.1.2). more: headers of both."""
    headers = [(b"etag", representation.etag), (b"cache-control", cache_control), *more]
    if _matches(header(request, b"if-none-match"), representation.etag):
        return RawResponse(304, headers, b"")
    return RawResponse(200, [*representation.content, *headers], representation.body)


def cache_control(max_age: int) -> bytes:
    """max_age: seconds for which anyone may use an answer without asking again."""
    return b"public, max-age=%d" % max_age if max_age else b"no-cache"


def _matches(if_none_match: bytes | None, etag: bytes) -> bool:
    """By the weak comparison, which this header wants."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]
