"""Spans of requests and CQL statements, sent with OTLP over HTTP. Imported only by a task that traces.

A request's span continues the trace of its `traceparent` header (W3C Trace Context). It is OpenTelemetry's current span
while the handler runs, so `opentelemetry.propagate.inject(headers)` passes the trace on to another service.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import health
from service.options import Traces
from service.router import TEMPLATE, TRACE_ID

QUEUED_AT_MOST: Final = 2048  # spans that wait for the exporter; more are dropped
_EVERY: Final = 2.0  # seconds between two exports
_EXPORT_TIMEOUT: Final = 3.0  # seconds, with retries
_LAST_EXPORT: Final = 3.0  # seconds that an ending task waits for its last export
_log = logging.getLogger(__name__)
_propagator = TraceContextTextMapPropagator()


class RequestTracer:
    """Makes spans and sends them from a separate thread, so that no request waits for an export."""

    def __init__(self, exporter: SpanExporter, *, service: str, ratio: float) -> None:
        """ratio: sampled share of the traces that begin here; for a caller's trace, the caller's decision holds."""
        self._queue = _Queue(exporter)
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer("service")

    @property
    def dropped(self) -> int:
        """The number of lost spans: the queue was full, or the receiver did not accept them."""
        return self._queue.dropped

    def close(self) -> None:
        """Sends the remaining spans. Blocks for three seconds at most, since ECS kills a task that ends slowly."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(_LAST_EXPORT)

    def requests(self, app: ASGIApp) -> ASGIApp:
        """ASGI middleware: a server span for each request (semantic conventions, "HTTP server").

        The span has the route instead of the path, as the log does: a path may contain a secret.
        """
        tracer = self._tracer

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] in health.PATHS:
                await app(scope, receive, send)
                return
            status = 0

            async def seen(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            with tracer.start_as_current_span(
                scope["method"],
                context=_propagator.extract(_carrier(scope["headers"])),
                kind=SpanKind.SERVER,
                attributes={"http.request.method": scope["method"], "url.scheme": scope["scheme"]},
                # An exception's message may contain a value of a row.
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                scope[TRACE_ID] = b"%032x" % span.get_span_context().trace_id
                try:
                    await app(scope, receive, seen)
                except BaseException as error:
                    _fail(span, type(error).__name__)
                    raise
                finally:
                    if span.is_recording():
                        _describe(span, scope, status)

        return traced

    def statement(self, cql: Sequence[str], outcome: str, seconds: float) -> None:
        """A client span of a CQL statement that has just ended (semantic conventions, "Cassandra").

        cql: one statement, or those of a batch, without their values. outcome: `ok`, or the name of the error.
        """
        if not trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        operation = cql[0].partition(" ")[0] if len(cql) == 1 else "BATCH"
        span = self._tracer.start_span(
            operation,
            kind=SpanKind.CLIENT,
            start_time=ended - int(seconds * 1e9),
            attributes={
                "db.system.name": "cassandra",
                "db.operation.name": operation,
                "db.query.text": "; ".join(cql),
                **({"db.operation.batch.size": len(cql)} if len(cql) > 1 else {}),
            },
        )
        if outcome != "ok":
            _fail(span, outcome)
        span.end(ended)


@contextlib.contextmanager
def traced(traces: Traces, *, region: str) -> Iterator[RequestTracer]:
    """Sends spans to the endpoint within this context; leaving it sends the remaining spans."""
    session = requests.Session()
    if traces.signed:
        session.auth = _SigV4(region)
    exporter = OTLPSpanExporter(endpoint=traces.endpoint, timeout=_EXPORT_TIMEOUT, session=session)
    tracing = RequestTracer(exporter, service=traces.service, ratio=traces.ratio)
    try:
        yield tracing
    finally:
        tracing.close()


class _Queue(BatchSpanProcessor):
    """Counts dropped spans; OpenTelemetry's own processor logs them without a number."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.dropped = 0
        self._waiting = 0
        self._lock = threading.Lock()
        super().__init__(
            _Counting(exporter, self._exported),
            max_queue_size=QUEUED_AT_MOST,
            schedule_delay_millis=_EVERY * 1000,
            max_export_batch_size=512,
        )

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        with self._lock:
            if self._waiting >= QUEUED_AT_MOST:
                self.dropped += 1
                return
            self._waiting += 1
        super().on_end(span)

    def _exported(self, number: int, sent: bool) -> None:
        with self._lock:
            self._waiting -= number
            if not sent:
                self.dropped += number
            dropped = self.dropped
        if not sent:
            _log.warning("the endpoint for traces did not accept %d spans; %d were dropped so far", number, dropped)


class _Counting(SpanExporter):
    def __init__(self, exporter: SpanExporter, exported: Callable[[int, bool], None]) -> None:
        self._exporter = exporter
        self._exported = exported

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        sent = False
        try:
            result = self._exporter.export(spans)
            sent = result is SpanExportResult.SUCCESS
        finally:
            self._exported(len(spans), sent)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _SigV4(requests.auth.AuthBase):
    """Signs a request for X-Ray with the task's current credentials."""

    def __init__(self, region: str) -> None:
        self._session = boto3.Session(region_name=region)
        self._region = region

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise requests.RequestException("there are no AWS credentials in the environment")
        signed = AWSRequest(
            method=request.method,
            url=request.url,
            data=request.body,
            headers={"Content-Type": request.headers["Content-Type"]},
        )
        SigV4Auth(credentials.get_frozen_credentials(), "xray", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


def _carrier(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if name in (b"traceparent", b"tracestate"):
            text = value.decode("latin-1")
            key = name.decode("ascii")
            # W3C Trace Context: several tracestate headers are one list; more than one traceparent is malformed.
            found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _describe(span: trace.Span, scope: Scope, status: int) -> None:
    method, route = scope["method"], scope.get(TEMPLATE)
    given: dict[str, Any] = {"http.response.header.x-request-id": [scope["request_id"]]}
    if route:
        span.update_name(f"{method} {route}")
        given["http.route"] = route
    if status:
        given["http.response.status_code"] = status
    span.set_attributes(given)
    if status >= 500:
        _fail(span, str(status))


def _fail(span: trace.Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(Status(StatusCode.ERROR))
