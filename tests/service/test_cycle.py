"""Answers on the wire, also those of an ASGI application that is not made of the kit's routes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from service.health import Health
from service.options import Options
from tests.processes import free_port
from tests.serving.served import Served, request, serve_app

_Messages = Sequence[dict[str, Any]]


def _start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(text: bytes = b"", **more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, **more}


_SIX = (b"content-length", b"6")
_ANSWERS: Mapping[str, _Messages] = {
    "/whole": [_start(200, _SIX), _body(b"abcdef")],
    "/parts": [_start(200, _SIX), _body(b"abc", more_body=True), _body(b"def")],
    "/chunks": [_start(200), _body(b"abc", more_body=True), _body(b"def")],
    "/unknown-length": [_start(200), _body(b"abcdef")],
    "/nothing": [{"type": "http.response.start", "status": 204}, {"type": "http.response.body"}],
    "/unchanged": [_start(304, (b"etag", b'"1"')), _body()],
    "/bodiless-head": [_start(200, _SIX), _body()],
    "/closing": [_start(200, _SIX, (b"connection", b"close")), _body(b"abcdef")],
    "/too-long": [_start(200, _SIX), _body(b"abcdefghi")],
    "/too-short": [_start(200, _SIX), _body(b"abc")],
    "/split": [_start(200, _SIX, (b"location", b"/\r\nset-cookie: stolen")), _body(b"abcdef")],
    "/split-by-line-feed": [_start(200, _SIX, (b"location", b"/\nset-cookie: stolen")), _body(b"abcdef")],
}


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    for message in _ANSWERS[scope["path"]]:
        await send(message)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    options = Options(port=free_port())
    with serve_app(_app, options, Health()):
        yield Served(port=options.port)


@pytest.mark.parametrize("path", ["/whole", "/parts", "/chunks", "/unknown-length"])
def test_sends_an_answer_of_any_form_and_keeps_the_connection(served: Served, path: str) -> None:
    """A service that streams its answers would lose a part of them, or its connection."""
    with served.connect() as client:
        for _ in range(2):
            client.send(request(path))
            response = client.receive()
            assert (response.status, response.body) == (200, b"abcdef")


@pytest.mark.parametrize(("path", "status"), [("/nothing", 204), ("/unchanged", 304)])
def test_sends_no_length_with_an_answer_that_has_no_body(served: Served, path: str, status: int) -> None:
    """A client would wait for a body (RFC 9110, 8.6)."""
    with served.connect() as client:
        for _ in range(2):
            client.send(request(path))
            response = client.receive()
            assert (response.status, response.body) == (status, b"")
            assert not {"content-length", "transfer-encoding"} & response.headers.keys()


@pytest.mark.parametrize("path", ["/whole", "/bodiless-head"])
def test_answers_head_whether_or_not_the_application_sends_a_body(served: Served, path: str) -> None:
    """A client would take the body for the next answer."""
    with served.connect() as client:
        for _ in range(2):
            client.send(request(path, method="HEAD"))
            response = client.receive("HEAD")
            assert (response.status, response.headers["content-length"]) == (200, "6")


def test_closes_the_connection_after_an_answer_with_connection_close(served: Served) -> None:
    """The client would wait for the end of the connection."""
    with served.connect() as client:
        client.send(request("/closing"))
        assert client.receive().body == b"abcdef"
        assert client.at_end()


@pytest.mark.parametrize("path", ["/too-long", "/too-short"])
def test_closes_the_connection_if_a_body_has_another_length_than_announced(served: Served, path: str) -> None:
    """The client would read a part of this body as its next answer, or wait for the rest without end."""
    with served.connect() as client:
        client.send(request(path))
        while piece := client.socket.recv(1000):
            assert b"ghi" not in piece


@pytest.mark.parametrize("path", ["/split", "/split-by-line-feed"])
def test_sends_no_header_that_would_be_read_as_two(served: Served, path: str) -> None:
    """A value that a client controls could set a cookie in another client's browser."""
    response = served.ask(request(path))
    assert response.status == 500
    assert "set-cookie" not in response.headers
