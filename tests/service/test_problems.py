"""Errors inside the application, without a server."""

import asyncio

import httpx
import pytest
from cassandra.cluster import NoHostAvailable

from keyspaces.statements import DeadlineExceeded
from tests.fakes.table import FakeTable
from tests.serving.application import application, ask


def answer(error: Exception, path: str = "/things/ab") -> httpx.Response:
    return asyncio.run(ask(application(FakeTable(error=error)), path))


@pytest.mark.parametrize("path", ["/things/ab", "/things"])
def test_answers_503_while_the_table_cannot_be_read(path: str) -> None:
    """A client could not tell a temporary fault from its own mistake, and would not try again."""
    response = answer(NoHostAvailable("10.0.1.7:9142 is down", {}), path)
    assert (response.status_code, response.json()["status"]) == (503, 503)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    assert b"10.0.1.7" not in response.content


@pytest.mark.parametrize("path", ["/things/ab", "/things"])
def test_answers_504_when_the_deadline_has_passed(path: str) -> None:
    """An operator could not tell a slow table from one that is unavailable."""
    response = answer(DeadlineExceeded("the last attempt: ReadTimeout"), path)
    assert (response.status_code, response.json()["status"]) == (504, 504)
    assert response.headers["content-type"] == "application/problem+json"
    assert b"ReadTimeout" not in response.content


def test_answers_500_without_a_word_of_the_inside() -> None:
    """A traceback in a response would help an attacker."""
    response = answer(ZeroDivisionError("secret"))
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert response.json() == {
        "title": "Internal Server Error",
        "status": 500,
        "request_id": response.headers["x-request-id"],
    }


@pytest.mark.parametrize("status", [503, 504, 500])
def test_does_not_cache_errors(status: int) -> None:
    """A cache that keeps a 503 would make a temporary fault last."""
    errors: dict[int, Exception] = {503: NoHostAvailable("down", {}), 504: DeadlineExceeded(), 500: ZeroDivisionError()}
    assert answer(errors[status]).headers["cache-control"] == "no-store"
