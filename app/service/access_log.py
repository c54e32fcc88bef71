"""The outermost middleware: gives each request an id, each answer the common headers, and writes the access log."""

import logging
import os
import re
import time
from asyncio import CancelledError
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyspaces.origin import REQUEST_ID
from service import health
from service.coalescing import SHARED_WITH
from service.metrics import Metrics
from service.problems import REFUSAL, InternalServerError, ServiceUnavailable
from service.request_lines import RequestLines
from service.router import TEMPLATE, TRACE_ID
from service.security_headers import security_headers

_ADDRESS_AT_MOST: Final = 45  # characters, of the longest IPv6 address; a proxy's header may contain any text
_NO_ROUTE: Final = "(none)"
_READS: Final = ("GET", "HEAD", "OPTIONS", "")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch
# Fields such as `Root=1-67891233-abcdef012345678912345678` with semicolons between them (Elastic Load Balancing user
# guide, "Request tracing").
_TRACE_ID: Final = re.compile(rb"[A-Za-z0-9._:=;+/-]{1,256}").fullmatch
_log = logging.getLogger(__name__)


class AccessLog:
    """ASGI middleware. It lets no exception pass, since the server would log the exception a second time."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, write: Callable[[bytes], object]) -> None:
        """write: receives each line of the log."""
        self._app = app
        self._metrics = metrics
        self._write = write
        self._line = RequestLines().line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        given_id = trace_id = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID(value):
                given_id = value
            elif name == b"x-amzn-trace-id" and _TRACE_ID(value):
                trace_id = value
        request_id = given_id.decode("ascii") if given_id else os.urandom(16).hex()
        scope["request_id"] = request_id
        REQUEST_ID.set(request_id)
        SHARED_WITH.set("")
        id_header = (b"x-request-id", given_id or request_id.encode())
        https = scope["scheme"] == "https"
        status = size = 0

        async def logged_send(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                headers = [*headers, *security_headers(headers, https=https), id_header]
                message = {"type": "http.response.start", "status": status, "headers": headers}
            await send(message)

        try:
            if REFUSAL in scope:
                await scope[REFUSAL].response(request_id)(scope, receive, logged_send)
            else:
                await self._app(scope, receive, logged_send)
        except CancelledError:  # only the server cancels, at the end of its graceful shutdown
            if not status:
                ending = ServiceUnavailable("This task is stopping; try again.")
                await ending.response(request_id)(scope, receive, logged_send)
        except Exception:
            _log.exception("an unexpected error", extra={"request_id": request_id})
            if not status:
                await InternalServerError().response(request_id)(scope, receive, logged_send)

        # The log has the route's template, never the path: an unknown path is untrusted text of any length, and may
        # contain a secret by mistake. Each path would also become a separate metric.
        route = scope.get(TEMPLATE, _NO_ROUTE)
        if route in health.PATHS and status < 400:
            return
        seconds = time.perf_counter() - started
        client = scope["client"]
        # Writes take longer than reads, so they have a metric of their own. A method that no route has adds no metric.
        method = scope["method"]
        changes = method not in _READS and status != 405
        self._metrics.request(route=f"{method} {route}" if changes else route, status=status, seconds=seconds)
        self._write(
            self._line(
                method=method,
                route=route,
                status=status,
                seconds=seconds,
                size=size if method != "HEAD" else 0,
                request_id=id_header[1],
                client=client[0][:_ADDRESS_AT_MOST] if client else "",
                trace_id=scope.get(TRACE_ID, trace_id),
                reason=scope.get("reason", ""),
                shared_with=SHARED_WITH.get(),
            )
        )
