"""Slow clients: the time they have, and the end of their connections."""

import http.client
import time
from collections.abc import Iterator

import pytest

from service.http import protocol, server
from tests.serving.served import Served, chunked, request, serve


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as running:
        yield running


def test_closes_the_connection_of_a_client_that_is_too_slow(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few thousand clients that never finish their headers would take all connections (Slowloris)."""
    monkeypatch.setattr(protocol, "SECONDS_AT_MOST", 0.2)
    for beginning in (b"GET /ping HTTP/1.1\r\nHost:", chunked("abc"), request("/ping", "Content-Length: 3")):
        with served.connect() as client:
            client.send(request("/things/ab") + beginning)
            assert client.receive().status == 200
            answer = client.receive()
            assert (answer.status, answer.headers["content-type"]) == (408, "application/problem+json")
            assert client.at_end()
    with served.connect() as client:
        client.send(b"\r\n")  # which is no request's beginning
        assert client.at_end()


def test_closes_the_connection_of_a_client_that_does_not_read(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not read would keep its responses in memory and delay the task's end."""
    monkeypatch.setattr(protocol, "UNREAD_AT_MOST", 0.2)
    with served.connect() as client:
        client.send(request("/things?limit=1000") * 30)
        time.sleep(0.5)
        with pytest.raises((OSError, http.client.HTTPException)):
            for _ in range(30):
                client.receive()


def test_sends_a_long_answer_to_a_slow_reader(served: Served) -> None:
    """A client on a slow line would never get a long response."""
    with served.connect() as client:
        client.send(request("/things?limit=1000") * 5)
        for _ in range(5):
            time.sleep(0.05)
            assert len(client.receive().body) > 1_000_000


def test_waits_for_the_next_request_of_a_connection(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load balancer's idle connections would break, since the time for a request would begin too early."""
    monkeypatch.setattr(protocol, "SECONDS_AT_MOST", 0.1)
    with served.connect() as client:
        for _ in range(2):
            client.send(request("/ping"))
            assert client.receive().status == 200
            time.sleep(0.3)
        client.send(request("/ping"))
        assert client.receive().status == 200


def test_closes_a_connection_on_which_nothing_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle clients could use up a task's connections, which cost them nothing."""
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.1)
    with serve() as impatient, impatient.connect() as client:
        assert client.at_end()
