"""JSON answers: made once for all who share a read, with an entity tag so that who has it already is told so."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from query_api.requests import header

RawHeaders = Sequence[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_encoder = msgspec.json.Encoder(enc_hook=str)  # of CQL's types, those that JSON does not know become text


@dataclass(frozen=True, slots=True)
class Representation:
    """A JSON text that ends with a line break, and its strong entity tag."""

    body: bytes
    etag: bytes

    @classmethod
    def of(cls, content: Any) -> "Representation":
        return cls._tagged(_encoder.encode(content) + b"\n")

    def pretty(self) -> "Representation":
        return self._tagged(msgspec.json.format(self.body, indent=2) + b"\n")

    @classmethod
    def _tagged(cls, body: bytes) -> "Representation":
        return cls(body, b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"')


class RawResponse(Response):
    """A response whose headers are complete: Starlette's own would build and encode them each time."""

    def __init__(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start)
        await send(self._body)


def answer(
    request: Request, representation: Representation, *, pretty: bool, cache_control: bytes, more: RawHeaders = ()
) -> Response:
    """200, or 304 to who has this representation (RFC 9110, 13.1.2). more: headers of both."""
    if pretty:
        representation = representation.pretty()
    headers = [(b"etag", representation.etag), (b"cache-control", cache_control), *more]
    if _matches(header(request, b"if-none-match"), representation.etag):
        return RawResponse(304, headers, b"")
    length = str(len(representation.body)).encode()
    return RawResponse(200, [_JSON, (b"content-length", length), *headers], representation.body)


def _matches(if_none_match: bytes | None, etag: bytes) -> bool:
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or tags == [b"*"]
