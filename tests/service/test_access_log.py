"""The access log: one line for each request, and the id shared by client, problem and log."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.access_log import AccessLog
from service.http import protocol, transport
from service.http.server import KEEP_ALIVE
from service.metrics import NoMetrics
from tests.keyspaces import LocalKeyspaces
from tests.processes import ROOT, free_port, get, listens, run_program, start_program, wait_until
from tests.serving.running import PROGRAM, service_environment
from tests.serving.served import Served, request, serve

FIELDS = {"time", "level", "method", "route", "status", "ms", "bytes", "request_id", "client"}
TRACE = "Root=1-67891233-abcdef012345678912345678"

SIGN_IN = ("signature=", "session_token", "access_key")  # what a driver sends to sign in


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as running:
        yield running


def test_logs_one_line_for_a_request(served: Served) -> None:
    """An operator could not find a request, or the log would cost twice as much."""
    before = len(served.lines)
    answer = served.get("/things/ab", f"X-Amzn-Trace-Id: {TRACE}")
    line = served.logged(answer.headers["x-request-id"])
    assert len(served.lines) == before + 1
    assert set(line) == FIELDS | {"trace_id"}
    assert (line["level"], line["method"], line["route"], line["status"]) == ("INFO", "GET", "/things/{id}", 200)
    assert (line["bytes"], line["client"], line["trace_id"]) == (len(answer.body), "127.0.0.1", TRACE)
    assert 0 < line["ms"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["time"])


@pytest.mark.parametrize(
    ("raw", "status", "route"),
    [
        (request("/things/ABC"), 400, "/things/{id}"),
        (request("/things/zz"), 404, "/things/{id}"),
        (request("/secret/path?key=secret"), 404, "(none)"),
        (request("/things", method="DELETE"), 405, "/things"),
        (request("/things", "Content-Length: 70000", method="POST"), 413, "(none)"),
        (request("/" + "a" * 9_000), 414, "(none)"),
        (request("/", "X: " + "a" * 20_000), 431, "(none)"),
        (request("/things/er"), 500, "/things/{id}"),
        (request("/things/un"), 503, "/things/{id}"),
    ],
)
def test_names_the_request_in_problem_header_and_log(served: Served, raw: bytes, status: int, route: str) -> None:
    """A client that reports an error could give no id, since it knows only the response."""
    answer = served.ask(raw)
    assert answer.status == status
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    line = served.logged(answer.json()["request_id"])
    assert (line["status"], line["route"]) == (status, route)
    assert line["level"] == ("ERROR" if status >= 500 else "INFO")
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("abc-DEF_1.2", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("", False),
        ("a b", False),
        ('"},{"status":200', False),
        ("\xe9", False),
    ],
)
def test_accepts_only_a_valid_request_id(served: Served, given: str, taken: bool) -> None:
    """Callers could not follow a request through several services, or could forge log lines and headers by its id."""
    answer = served.get("/things/zz", f"X-Request-ID: {given}")
    request_id = answer.headers["x-request-id"]
    assert (request_id == given) == taken
    assert taken or re.fullmatch(r"[0-9a-f]{32}", request_id)


def test_logs_an_unexpected_error_once_with_its_traceback(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """An operator would not find a defect in the log, or would take one defect for two."""
    answer = served.get("/things/er")
    served.logged(answer.headers["x-request-id"])
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("ERROR", "service.access_log")
    assert record.__dict__["request_id"] == answer.headers["x-request-id"]
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_logs_why_the_table_cannot_be_read_with_the_request(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The response would show the database's error, or an outage would double the log with a line for each request."""
    answer = served.get("/things/un")
    line = served.logged(answer.headers["x-request-id"])
    assert line["reason"].startswith("the table cannot be read: ")
    assert "10.0.1.7:9142 is down" in line["reason"]
    assert b"10.0.1.7" not in answer.body
    assert not caplog.records


def test_answers_a_client_whose_request_is_cut_off_by_the_end_of_the_task() -> None:
    """A client would be left in doubt when a task ends, although it can try again."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    sent: list[Message] = []
    lines: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def call() -> None:
        scope: Scope = {"type": "http", "method": "GET", "scheme": "http", "headers": [], "client": None}
        request = asyncio.create_task(AccessLog(slow, metrics=NoMetrics(), write=lines.append)(scope, receive, send))
        await asyncio.sleep(0)
        request.cancel()
        await request

    asyncio.run(call())
    assert (sent[0]["status"], json.loads(lines[0])["status"]) == (503, 503)
    assert (b"retry-after", b"1") in sent[0]["headers"]


def test_does_not_log_health_checks_that_succeed(served: Served) -> None:
    """Most of the log would be health checks, which each of a load balancer's nodes sends every few seconds."""
    before = len(served.lines)
    for path in ("/ping", "/livez", "/readyz"):
        assert served.get(path).status == 200
    answer = served.get("/ping?unknown")
    assert served.logged(answer.headers["x-request-id"])["route"] == "/ping"
    assert len(served.lines) == before + 1


def test_believes_forwarded_headers_of_trusted_proxies_only(served: Served) -> None:
    """Any client could log another address, or make browsers keep to HTTPS where the service has none."""
    headers = ("X-Forwarded-For: 10.9.9.9, 203.0.113.7", "X-Forwarded-Proto: https")
    answer = served.get("/things/ab", *headers)
    assert served.logged(answer.headers["x-request-id"])["client"] == "127.0.0.1"
    assert "strict-transport-security" not in answer.headers
    with serve(trusted_proxies=("127.0.0.0/8",)) as behind_proxy:
        answer = behind_proxy.get("/things/ab", *headers)
        # The last address is the one that the proxy has seen; the first is what the client says.
        assert behind_proxy.logged(answer.headers["x-request-id"])["client"] == "203.0.113.7"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_logs_no_secret_and_nothing_but_json(filled: LocalKeyspaces, tmp_path: Path) -> None:
    """A log would show values to people who may not read them, or contain lines that are not JSON and are never
    found."""
    port, log = free_port(), tmp_path / "log"
    environment = {**service_environment(filled), "HOST": "127.0.0.1", "PORT": str(port), "METRICS_NAMESPACE": "things"}
    environment["CURSOR_KEY"] = "a-key-of-32-bytes-that-nobody-knows"
    with log.open("wb") as stdout, start_program(PROGRAM, environment=environment, stdout=stdout) as process:
        wait_until(lambda: listens(port) or process.poll() is not None)
        for path in ("/things/ab", "/things?cursor=hunter2", "/hunter2", "/things/ab?hunter2=hunter2"):
            get(f"http://127.0.0.1:{port}{path}")
        Served(port=port).get("/things/ab", "Authorization: Bearer hunter2")
        Served(port=port).ask(request("/things", "Content-Length: 7", method="POST", body="hunter2"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["status"] for line in lines if "status" in line] == [200, 400, 404, 400, 200, 405]
    assert any(line.get("Statements") for line in lines), "what was measured last is written at the end"
    secrets = ("hunter2", environment["CURSOR_KEY"], environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
    for secret in (*secrets, *SIGN_IN):
        assert secret not in text


def test_logs_no_secret_when_it_may_not_sign_in(keyspaces: LocalKeyspaces) -> None:
    """The log would show what the driver has signed, since the driver logs its errors in its own words."""
    environment = {**service_environment(keyspaces), "AWS_REGION": "eu-west-1"}
    result = run_program(PROGRAM, "--startup-timeout", "1", environment=environment)
    assert result.returncode == 1
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert any(line["logger"].startswith("cassandra") and line["level"] == "WARNING" for line in lines)
    for secret in (environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"], *SIGN_IN):
        assert secret not in result.stdout + result.stderr


def test_documents_every_field_and_limit() -> None:
    """Operators write queries and proxy settings from the documentation, and these would not match the log."""
    text = (ROOT / "docs" / "service.md").read_text()
    table = text.split("| field of a request's line | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == FIELDS | {"trace_id", "reason", "shared_with"}
    for limit in (protocol.URL_AT_MOST, protocol.HEADERS_AT_MOST, protocol.BODY_AT_MOST):
        assert f"{limit:,} bytes" in text
    assert f"{protocol.FIELDS_AT_MOST} fields" in text
    assert f"| {protocol.PIPELINED_AT_MOST} |" in text
    assert f"| {protocol.SECONDS_AT_MOST:.0f} s | 408" in text
    assert f"| {KEEP_ALIVE} s | closed" in text
    assert f"| {transport.UNREAD_AT_MOST:.0f} s | aborted" in text
