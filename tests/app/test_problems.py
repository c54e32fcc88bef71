"""Errors that come from inside, through the whole application but without a server."""

import asyncio
import contextlib
import json
from typing import Any

from query_api.app import create_app
from query_api.countries import CountriesUnavailable


class Broken:
    """Countries that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def one(self, id_: str) -> None:
        raise self._error


def answer(error: Exception) -> tuple[int, dict[str, str], Any]:
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/countries/us",
        "raw_path": b"/countries/us",
        "query_string": b"",
        "headers": [],
        "app": None,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def call() -> None:
        await create_app(Broken(error))(scope, receive, send)  # type: ignore[arg-type]

    # Starlette raises what it did not expect again for the server's log, after it has answered.
    with contextlib.suppress(ZeroDivisionError):
        asyncio.run(call())
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, json.loads(body["body"])


def test_answers_503_while_the_table_cannot_be_read() -> None:
    """Else a client cannot tell a passing fault from its own mistake, and does not try again."""
    status, headers, body = answer(CountriesUnavailable("10.0.1.7:9142 is down"))
    assert (status, headers["content-type"], headers["retry-after"]) == (503, "application/problem+json", "1")
    assert "10.0.1.7" not in json.dumps(body)


def test_answers_500_without_a_word_of_the_inside() -> None:
    """A traceback in an answer tells an attacker what to try next."""
    status, headers, body = answer(ZeroDivisionError("secret"))
    assert (status, headers["content-type"]) == (500, "application/problem+json")
    assert body == {"title": "Internal Server Error", "status": 500}
