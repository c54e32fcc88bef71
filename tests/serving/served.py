"""The server and the application on a real socket in this process, over an in-memory table."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvloop
from cassandra.cluster import NoHostAvailable
from starlette.types import ASGIApp

from keyspaces.results import Column
from service.health import Health
from service.http.server import DrainingServer
from service.metrics import Metrics
from service.options import Options
from tests.fakes.table import FakeTable
from tests.processes import free_port, wait_until
from tests.serving.application import application


def _table() -> FakeTable:
    """er is a defect of the program, un a database that is down. 1,000 rows are a megabyte."""
    errors = {"er": ZeroDivisionError("inside"), "un": NoHostAvailable("10.0.1.7:9142 is down", {})}
    rows = [("ab", "Abacus"), *((f"{number:04}", "a" * 1_000) for number in range(999))]
    return FakeTable(rows=rows, columns=(Column("id", "text"), Column("name", "text")), errors=errors)


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Served:
    port: int
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What was logged of requests."""

    @contextlib.contextmanager
    def connect(self) -> Iterator["Client"]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            yield Client(connection)

    def ask(self, raw: bytes) -> Response:
        """The first response to these bytes."""
        with self.connect() as client:
            client.send(raw)
            return client.receive()

    def get(self, path: str, *headers: str, method: str = "GET") -> Response:
        return self.ask(request(path, *headers, method=method))

    def logged(self, request_id: str) -> dict[str, Any]:
        """The log line of the request."""
        wait_until(lambda: any(line["request_id"] == request_id for line in list(self.lines)))
        (line,) = (line for line in self.lines if line["request_id"] == request_id)
        return line


class Client:
    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._file = connection.makefile("rb")

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def receive(self, method: str = "GET") -> Response:
        response = http.client.HTTPResponse(_OneFile(self._file), method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(status=response.status, headers=headers, body=body)

    def at_end(self) -> bool:
        """Waits for the end of the connection or for more bytes. Returns whether the server closed it without sending
        more."""
        return self._file.read(1) == b""


class _OneFile:
    """So that a second answer is read on from where the first ended: http.client would drop what it read ahead."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, mode: str) -> Any:
        return _Unclosed(self._file)


class _Unclosed:
    def __init__(self, file: Any) -> None:
        self.read, self.readline, self.readinto, self.flush = file.read, file.readline, file.readinto, file.flush
        self.read1 = file.read1

    def close(self) -> None:
        """A connection that stays open."""


def request(path: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: api.example.com", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def chunked(*chunks: str, path: str = "/things/ab") -> bytes:
    """A request with an incomplete body."""
    body = "".join(f"{len(chunk):x}\r\n{chunk}\r\n" for chunk in chunks)
    return request(path, "Transfer-Encoding: chunked", body=body)


class _InThread(DrainingServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # which only a main thread may do


@contextlib.contextmanager
def serve(*, metrics: Metrics | None = None, **options: Any) -> Iterator[Served]:
    lines: list[dict[str, Any]] = []
    chosen, health = Options(port=free_port(), **options), Health()
    app = application(_table(), chosen, health, metrics=metrics, write=lambda line: lines.append(json.loads(line)))
    with serve_app(app, chosen, health):
        yield Served(port=chosen.port, lines=lines)


@contextlib.contextmanager
def serve_app(app: ASGIApp, options: Options, health: Health) -> Iterator[None]:
    server = _InThread(app, options, health)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()
