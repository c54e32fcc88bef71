"""Responses with encoded headers; Starlette's own response encodes its headers for each request."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from starlette.types import Receive, Scope, Send

RawHeaders = Sequence[tuple[bytes, bytes]]


class RawResponse:
    """An ASGI application that sends one response. headers: complete, with names in lower case."""

    __slots__ = ("_body", "_start")

    def __init__(self, status: int, headers: RawHeaders, body: bytes = b"") -> None:
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._body = {"type": "http.response.body", "body": body}

    @classmethod
    def of(
        cls, status: int, body: bytes, media_type: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> "RawResponse":
        """A response whose content headers stand before the others."""
        return cls(status, [*content_headers(body, media_type), *encoded(headers)], body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start)
        await send(self._body)


def content_headers(body: bytes, media_type: str) -> RawHeaders:
    return (b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())


def encoded(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
