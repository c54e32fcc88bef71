"""Traces: the content of spans, their delivery, and that requests never wait for it."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cassandra.cluster import NoHostAvailable
from opentelemetry import propagate
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.application import create_app
from service.health import Health
from service.metrics import NoMetrics
from service.options import Options, Traces
from service.schema_watch import SchemaWatch
from service.tables import Tables
from service.tracing import QUEUED_AT_MOST, RequestTracer, traced
from tests.fakes.table import FakeTable, NoBatches
from tests.fakes.things import routes
from tests.keyspaces import LocalKeyspaces
from tests.processes import ROOT, free_port, get, listens, start_program, wait_until
from tests.serving.application import ABOUT, ask
from tests.serving.running import PROGRAM, service_environment
from tests.serving.threads import in_thread

_TRACE, _PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_SAMPLED = f"00-{_TRACE}-{_PARENT}-01"


@dataclass
class _Receiver:
    """An OTLP endpoint over HTTP that accepts everything, or answers 403."""

    port: int
    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def spans(self) -> dict[str, Span]:
        """The spans by name."""
        found = {}
        for _, body in list(self.requests):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                names = {each.key: each.value.string_value for each in resource.resource.attributes}
                assert names["service.name"] == "things-api"
                found.update({span.name: span for scope in resource.scope_spans for span in scope.spans})
        return found


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = _Receiver(server.server_port)
    with in_thread(server):
        yield received


def _attributes(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_sends_a_chain_of_caller_request_and_statement(
    filled: LocalKeyspaces, receiver: _Receiver, tmp_path: Path
) -> None:
    """An operator could not follow a slow request from its caller to the slow statement, or traces would contain a
    row's value."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        **service_environment(filled),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DRAIN_SECONDS": "0",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": receiver.endpoint,
        "OTEL_SERVICE_NAME": "things-api",
        "OTEL_TRACES_SAMPLER_ARG": "0",
    }
    with log.open("wb") as stdout, start_program(PROGRAM, environment=environment, stdout=stdout) as process:
        wait_until(lambda: listens(port) or process.poll() is not None)
        url = f"http://127.0.0.1:{port}"
        get(f"{url}/things/ab", headers={"traceparent": _SAMPLED, "X-Request-ID": "r1"})
        get(f"{url}/things/cd", headers={"traceparent": _SAMPLED.replace("-01", "-00"), "X-Request-ID": "r2"})
        get(f"{url}/ping", headers={"traceparent": _SAMPLED})
        get(f"{url}/things", headers={"X-Request-ID": "r3"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    spans = receiver.spans()
    assert spans.keys() == {"GET /things/{id}", "SELECT"}
    request, statement = spans["GET /things/{id}"], spans["SELECT"]
    assert (request.kind, statement.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (_TRACE, _PARENT)
    assert (statement.trace_id, statement.parent_span_id) == (request.trace_id, request.span_id)
    assert request.start_time_unix_nano <= statement.start_time_unix_nano
    assert statement.start_time_unix_nano < statement.end_time_unix_nano <= request.end_time_unix_nano
    said = _attributes(request)
    assert (said["http.route"], said["http.request.method"]) == ("/things/{id}", "GET")
    assert said["http.response.status_code"] == 200
    said = _attributes(statement)
    assert (said["db.system.name"], said["db.operation.name"]) == ("cassandra", "SELECT")
    assert said["db.query.text"] == 'SELECT * FROM "warehouse"."things" WHERE "id" = ?'
    assert not any(b"Abacus" in body or b"/things/ab" in body for _, body in receiver.requests)
    lines = {line["request_id"]: line for line in map(json.loads, log.read_text().splitlines()) if "request_id" in line}
    assert lines["r1"]["trace_id"] == lines["r2"]["trace_id"] == _TRACE
    assert len(lines["r3"]["trace_id"]) == 32


def _spans(tracing: RequestTracer, exporter: InMemorySpanExporter) -> Sequence[ReadableSpan]:
    tracing.close()
    return exporter.get_finished_spans()


@pytest.mark.parametrize(
    ("path", "status", "error"), [("er", 500, "ZeroDivisionError"), ("un", 503, "503"), ("zz", 404, None)]
)
def test_marks_failures(path: str, status: int, error: str | None) -> None:
    """A search for failed requests would miss some, or find requests that failed by the client's fault."""
    exporter = InMemorySpanExporter()
    tracing = RequestTracer(exporter, service="things", ratio=1)
    table = FakeTable(errors={"un": NoHostAvailable("secret", {}), "er": ZeroDivisionError("secret")})
    app = create_app(
        routes(Tables(lambda _: table, NoBatches(), Options(), SchemaWatch(0))),
        about=ABOUT,
        options=Options(),
        health=Health(),
        metrics=NoMetrics(),
        write=lambda line: None,
        trace=tracing.requests,
    )
    assert asyncio.run(ask(app, f"/things/{path}")).status_code == status
    (span,) = _spans(tracing, exporter)
    assert span.attributes is not None
    assert span.attributes.get("error.type") == error
    assert span.status.is_ok is (error is None)
    assert "secret" not in span.to_json()


def _call(app: ASGIApp, *headers: tuple[bytes, bytes]) -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        """Drops it."""

    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "headers": headers, "request_id": "r"}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})


def test_passes_the_trace_on() -> None:
    """Services that this one calls would begin traces of their own, and the chain would end here."""
    exporter = InMemorySpanExporter()
    tracing = RequestTracer(exporter, service="things", ratio=0)
    passed: dict[str, str] = {}

    async def calls_another(scope: Scope, receive: Receive, send: Send) -> None:
        propagate.inject(passed)
        await _answer(scope, receive, send)

    _call(tracing.requests(calls_another), (b"traceparent", _SAMPLED.encode()), (b"tracestate", b"vendor=x"))
    (span,) = _spans(tracing, exporter)
    assert span.context is not None
    assert passed == {"traceparent": f"00-{_TRACE}-{span.context.span_id:016x}-01", "tracestate": "vendor=x"}


@pytest.mark.parametrize("token", [None, "the-session-token"])
def test_signs_for_x_ray(receiver: _Receiver, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    """X-Ray would refuse every span with 403."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", token) if token else monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    traces = Traces(endpoint=receiver.endpoint, service="things-api", ratio=1, signed=True)
    with traced(traces, region="eu-west-1") as tracing:
        _call(tracing.requests(_answer))
    ((headers, body),) = receiver.requests
    assert receiver.spans().keys() == {"GET"}
    assert headers.get("x-amz-security-token") == token
    assert headers["content-type"] == "application/x-protobuf"
    again = AWSRequest(method="POST", url=receiver.endpoint, data=body)
    again.headers["Content-Type"] = headers["content-type"]
    at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: at.replace(tzinfo=None))
    SigV4Auth(Credentials("AKIDEXAMPLE", "the-secret", token), "xray", "eu-west-1").add_auth(again)
    assert headers["authorization"] == again.headers["Authorization"]
    assert "/eu-west-1/xray/aws4_request" in headers["authorization"]


def test_does_not_sign_for_others(receiver: _Receiver) -> None:
    """Another collector would receive the task's session token."""
    traces = Traces(endpoint=receiver.endpoint, service="things-api", ratio=1, signed=False)
    with traced(traces, region="eu-west-1") as tracing:
        _call(tracing.requests(_answer))
    ((headers, _),) = receiver.requests
    assert not {"authorization", "x-amz-security-token"} & headers.keys()


class _Stuck(SpanExporter):
    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.sent = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may_go_on.wait()
        self.sent += len(spans)
        return SpanExportResult.SUCCESS


def test_drops_spans_beyond_the_queue_and_counts_them() -> None:
    """A hanging receiver would fill the task's memory, or delay its requests."""
    exporter = _Stuck()
    tracing = RequestTracer(exporter, service="things", ratio=1)
    app = tracing.requests(_answer)

    async def many() -> None:
        for _ in range(QUEUED_AT_MOST + 10):
            scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "headers": [], "request_id": "r"}
            await app(scope, None, lambda _: asyncio.sleep(0))  # type: ignore[arg-type]

    asyncio.run(many())
    assert tracing.dropped == 10
    exporter.may_go_on.set()
    wait_until(lambda: exporter.sent == QUEUED_AT_MOST)
    tracing.close()
    assert tracing.dropped == 10


def test_counts_spans_that_the_receiver_refuses(receiver: _Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Traces would be missing without a message."""
    receiver.status = 403
    traces = Traces(endpoint=receiver.endpoint, service="things-api", ratio=1, signed=False)
    with traced(traces, region="eu-west-1") as tracing:
        _call(tracing.requests(_answer))
    assert tracing.dropped == 1
    assert "the endpoint for traces did not accept 1 spans; 1 were dropped so far" in caplog.text


def test_marks_a_statement_that_failed() -> None:
    """A search for failed statements would find none."""
    exporter = InMemorySpanExporter()
    tracing = RequestTracer(exporter, service="things", ratio=1)

    async def writes(scope: Scope, receive: Receive, send: Send) -> None:
        tracing.statement(["INSERT ?", "UPDATE ?"], "WriteTimeout", 0.5)
        await _answer(scope, receive, send)

    _call(tracing.requests(writes))
    batch, _ = _spans(tracing, exporter)
    assert batch.attributes is not None
    assert (batch.name, batch.attributes["db.operation.batch.size"]) == ("BATCH", 2)
    assert (batch.attributes["error.type"], batch.status.is_ok) == ("WriteTimeout", False)


def test_loads_nothing_where_no_traces_are_sent() -> None:
    """Every task would spend memory and start time on tracing, also without traces."""
    code = "import service, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "app").returncode == 0
