"""Limits on a client's requests in form, size and time; allowed requests arrive intact."""

import re
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from service.http import descriptors, protocol
from tests.serving.served import Served, chunked, request, serve


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as running:
        yield running


REFUSED = {
    "an address of 9,000 bytes": (request("/" + "a" * 9_000), 414),
    "one header of 20,000 bytes": (request("/ping", "X: " + "a" * 20_000), 431),
    "101 headers": (request("/ping", *(f"X{number}: a" for number in range(100))), 431),
    "headers of 17,000 bytes together": (request("/ping", *(f"X{number}: {'a' * 1000}" for number in range(17))), 431),
    "TLS instead of HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2.0 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0 in the form of HTTP/1.1": (b"GET /ping HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "no host": (b"GET /ping HTTP/1.1\r\n\r\n", 400),
    "two hosts": (request("/ping", "Host: other.example.com"), 400),
    "a host with a space": (b"GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "a host with a path": (b"GET /ping HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a host with a user": (b"GET /ping HTTP/1.1\r\nHost: me@a\r\n\r\n", 400),
    "a host with an invalid port": (b"GET /ping HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    "a host with half an address": (b"GET /ping HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    "a malformed host in HTTP/1.0": (b"GET /ping HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
    "an ICE SOURCE request": (b"SOURCE / ICE/1.0\r\n\r\n", 400),
    "an RTSP DESCRIBE request": (b"DESCRIBE * RTSP/1.0\r\n\r\n", 400),
    "an RTSP GET request": (b"GET /ping RTSP/1.0\r\n\r\n", 400),
    "a path that is not ASCII": (b"GET /things/\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a header without a colon": (request("/ping", "nonsense"), 400),
    "a header with a line break": (request("/ping", "X: a\nb: c\r\r"), 400),
    "a length and chunks": (
        request("/ping", "Content-Length: 3", "Transfer-Encoding: chunked", body="abc"),
        400,
    ),
    "two lengths": (request("/ping", "Content-Length: 3", "Content-Length: 4", body="abc"), 400),
    "a CONNECT request": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", 400),
    "a body announced too long": (request("/things", "Content-Length: 65537", method="POST"), 413),
    "a body too long in chunks": (chunked("a" * 40_000, "a" * 40_000), 413),
    "a chunk without a length": (request("/ping", "Transfer-Encoding: chunked", body="zz\r\n"), 400),
    "a trailer of 20,000 bytes": (chunked() + b"0\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses_with_a_problem_and_closes_the_connection(served: Served, what: str) -> None:
    """One client could take a task's memory, or would get a response in another format than the API's."""
    raw, status = REFUSED[what]
    before = len(served.lines)
    with served.connect() as client:
        client.send(raw)
        answer = client.receive()
        assert client.at_end()
    assert (answer.status, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    line = served.logged(answer.json()["request_id"])
    assert (line["status"], line["route"], line["client"]) == (status, "(none)", "127.0.0.1")
    assert len(served.lines) == before + 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request("/" + "a" * 8_191), 404),
        (request("/ping", *(f"X{number}: a" for number in range(99))), 200),
        (request("/things", "Content-Length: 65536", method="POST", body="a" * 65_536), 405),
        (request("/things/ab", "Content-Length: 3", body="abc"), 200),
        (chunked("abc", "def") + b"0\r\n\r\n", 200),
        (b"\r\n\r\n" + request("/ping"), 200),
        (request("http://api.example.com/things/ab"), 200),
    ],
)
def test_accepts_requests_within_the_limits(served: Served, raw: bytes, status: int) -> None:
    """The API would refuse a request that the documentation allows."""
    assert served.ask(raw).status == status


def test_accepts_a_request_in_single_bytes(served: Served) -> None:
    """A request that the network splits would be refused."""
    raw = request("/things/ab", "Content-Length: 3", body="abc")
    with served.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(raw)):
            client.send(raw[number : number + 1])
        assert client.receive().json()["id"] == "ab"


def test_answers_pipelined_requests_in_order(served: Served) -> None:
    """A client would take one request's response for another's."""
    paths = ["/things/ab", "/things/zz", "/nothing", "/things/ab?pretty", "/things/er", "/ping"] * 5
    with served.connect() as client:
        client.send(b"".join(map(request, paths)))
        assert [client.receive().status for _ in paths] == [200, 404, 404, 200, 500, 200] * 5
        client.send(request("/ping"))  # and goes on
        assert client.receive().status == 200


@pytest.mark.parametrize("bad", [b"nonsense\r\n\r\n", chunked("a" * 40_000, "a" * 40_000)])
def test_answers_the_requests_before_a_refused_one(served: Served, bad: bytes) -> None:
    """An error would be written into the middle of another response."""
    with served.connect() as client:
        client.send(request("/things/ab") + request("/things/zz") + bad)
        assert [client.receive().status for _ in range(3)] == [200, 404, 413 if b"chunked" in bad else 400]
        assert client.at_end()


def test_answers_the_first_of_too_many_pipelined_requests_and_closes(served: Served) -> None:
    """A connection would hold as many requests in memory as the client can send."""
    with served.connect() as client:
        client.send(request("/ping") * 5_000)
        answers = 0
        while (last := client.receive()).headers.get("connection") != "close":
            assert last.status == 200
            answers += 1
        assert client.at_end()
    assert answers <= protocol.PIPELINED_AT_MOST


def test_keeps_a_connection_and_closes_it_when_asked(served: Served) -> None:
    """A client would need a new connection for each request, which costs more than the request."""
    with served.connect() as client:
        for _ in range(3):
            client.send(request("/things/ab"))
            assert "connection" not in client.receive().headers
        client.send(request("/things/ab", "Connection: close"))
        assert client.receive().headers["connection"] == "close"
        assert client.at_end()


def test_answers_http_1_0_and_closes_the_connection(served: Served) -> None:
    """An old client would wait for the end of the connection."""
    with served.connect() as client:
        client.send(b"GET /things/ab HTTP/1.0\r\n\r\n")
        assert client.receive().status == 200
        assert client.at_end()


def test_answers_head_without_a_body(served: Served) -> None:
    """A body would be read as the next request, although the method has none."""
    with served.connect() as client:
        client.send(request("/things/ab", method="HEAD") + request("/ping"))
        head = client.receive("HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) > 10
        assert client.receive().body == b"pong\n"
    assert served.logged(head.headers["x-request-id"])["bytes"] == 0


def test_answers_expect_100_continue(served: Served) -> None:
    """curl would wait a second before it sends a larger body."""
    with served.connect() as client:
        client.send(request("/things/ab", "Content-Length: 3", "Expect: 100-continue"))
        assert client._file.readline() + client._file.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert client.receive().status == 200


@pytest.mark.parametrize("protocol_name", ["websocket", "h2c"])
def test_answers_over_http_1_1_when_an_upgrade_is_requested(served: Served, protocol_name: str) -> None:
    """The bytes after an ignored Upgrade would be taken for requests."""
    headers = ("Connection: Upgrade", f"Upgrade: {protocol_name}", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    with served.connect() as client:
        client.send(request("/things/ab", *headers) + b"\x81\x05hello")
        answer = client.receive()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.at_end()


def test_does_not_use_a_trailer_as_a_header(served: Served) -> None:
    """A trailer would pass for a header, although a proxy checks only the headers before the body."""
    answer = served.ask(chunked("abc") + b"0\r\nX-Request-ID: smuggled\r\n\r\n")
    assert answer.status == 200
    assert answer.headers["x-request-id"] != "smuggled"


def test_answers_a_client_that_sends_on(served: Served) -> None:
    """A client would see a connection reset instead of the reason, since the connection is closed at once."""
    with served.connect() as client:
        client.send(request("/things", "Content-Length: 10000000", method="POST"))
        for _ in range(40):
            client.send(b"a" * 65_536)
            time.sleep(0.001)
        assert client.receive().status == 413


@pytest.mark.parametrize(
    "beginning", [b"GET / HTTP/1.1\r\nX: ", b"GET /", chunked()[:-2] + b"\r\n1;", chunked() + b"0\r\nX:"]
)
def test_stops_reading_a_request_without_an_end(served: Served, beginning: bytes) -> None:
    """An endless line would fill the memory of the parser."""
    with served.connect() as client:
        client.send(beginning)
        with pytest.raises(OSError):
            for _ in range(1_000):  # 4 MB, which no limit allows
                client.send(b"a" * 4_096)
                client.socket.settimeout(0.001)
                try:
                    if client.socket.recv(100, socket.MSG_PEEK):
                        raise OSError("answered")
                except TimeoutError:
                    client.socket.settimeout(10)
        client.socket.settimeout(10)
        assert client.receive().status in (413, 414, 431)


def test_names_no_version_anywhere(served: Served) -> None:
    """An attacker could learn the server's version from a header."""
    for raw in (request("/ping"), request("/nothing"), b"nonsense\r\n\r\n"):
        answer = served.ask(raw)
        assert not re.search(r"uvicorn|starlette|python|httptools", f"{answer.headers} {answer.body!r}", re.IGNORECASE)


def test_answers_a_client_that_has_closed_its_side(served: Served) -> None:
    """Clients that end their side first, such as `nc -N` and some health checks, would get no response."""
    for raw, answers in ((request("/things/ab"), 1), (request("/things/ab") + request("/ping"), 2)):
        with served.connect() as client:
            client.send(raw)
            client.socket.shutdown(socket.SHUT_WR)
            for _ in range(answers):
                assert client.receive().status == 200
            assert client.at_end()
    with served.connect() as client:
        client.send(b"GET /ping HTTP/1.1\r\nHost:")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.at_end()


@pytest.mark.parametrize("host", ["", "a", "a.example.com:443", "127.0.0.1:80", "[::1]:8080", "a_b-c", "xn--a%C3%A9"])
def test_accepts_any_well_formed_host(served: Served, host: str) -> None:
    """A load balancer's health check, which sends an address as Host, or a proxy with any name would be refused."""
    answer = served.ask(f"GET /ping HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 200


def test_sends_no_100_continue_to_http_1_0(served: Served) -> None:
    """An HTTP/1.0 client would take the interim response for the final one (RFC 9110, 10.1.1)."""
    raw = b"GET /ping HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with served.connect() as client:
        client.send(raw)
        time.sleep(0.1)
        client.send(b"abc")
        assert client.receive().status == 200
        assert client.at_end()


def test_logs_one_line_when_descriptors_run_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New connections would be closed without a log line when the task has no descriptors left."""
    limits = (40, 40)
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    watch = descriptors.DescriptorWatch()
    for descriptor in range(40):
        watch.saw(descriptor)
    assert [record.getMessage() for record in caplog.records] == [
        "file descriptors run out: 32 of 40 are in use; more connections are closed"
    ]
