"""HTTP/1.1 with limits on the size and the duration of a request, which uvicorn's protocol does not have.

A request over a limit goes to the application's outermost middleware like any other, but marked as refused: it is
answered, counted and logged, then its connection is closed. A request with a body starts when the body has arrived.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.http.cycle import Cycle
from service.http.descriptors import DescriptorWatch
from service.http.transport import UNREAD_AT_MOST, JoinedWrites
from service.problems import (
    REFUSAL,
    BadRequest,
    ContentTooLarge,
    HeaderFieldsTooLarge,
    Problem,
    RequestTimeout,
    UriTooLong,
)

URL_AT_MOST: Final = 8_192  # bytes; the load balancer's limits are higher (16 K for request line and header)
HEADERS_AT_MOST: Final = 16_384  # bytes: all names and values, and four for each field
FIELDS_AT_MOST: Final = 100
BODY_AT_MOST: Final = 65_536  # bytes
PIPELINED_AT_MOST: Final = 50  # requests that wait for an earlier one of their connection
SECONDS_AT_MOST: Final = 10.0  # from a request's first byte to its last

# Limits for bytes that the parser buffers before it calls back, such as an unfinished header. They count from the
# second piece of a request on.
_UNSEEN_HEAD_AT_MOST: Final = 2 * (URL_AT_MOST + HEADERS_AT_MOST)
_UNSEEN_BODY_AT_MOST: Final = 4 * BODY_AT_MOST


class _TooManyPipelined(Exception):
    """Too many pipelined requests wait: the server reads no more of them, and the client has to send them again."""


_URL_TOO_LONG: Final = UriTooLong(f"The address is longer than {URL_AT_MOST} bytes.")
_HEADERS_TOO_LARGE: Final = HeaderFieldsTooLarge(
    f"Headers may have {FIELDS_AT_MOST} fields and {HEADERS_AT_MOST} bytes."
)
_BODY_TOO_LARGE: Final = ContentTooLarge(f"A body may have {BODY_AT_MOST} bytes.")
_TOO_SLOW: Final = RequestTimeout(f"The request was not complete after {SECONDS_AT_MOST:.0f} s.")
_MALFORMED: Final = BadRequest("This request is not HTTP/1.1: its method, its address or a header is malformed.")
_HOST_INVALID: Final = BadRequest("Send exactly one Host header: a name or an address, and a port if needed.")

# RFC 9110, 7.2, and RFC 3986, 3.2.2; only the form is checked.
_HOST: Final = re.compile(rb"(\[[0-9A-Fa-fv:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]{0,5})?").fullmatch


class LimitedProtocol(HttpToolsProtocol):
    transport: JoinedWrites
    _reading = False  # between a request's first byte and its last
    _in_head = False
    _header_size = 0
    _hosts: list[bytes]
    _received = b""  # the whole head of the latest request, while it is being read
    _unseen = 0
    _discards_input = False  # True when nothing more is read from this connection
    _waiting_for_body: Callable[..., Any] | None = None  # the application, if the latest request's body is incomplete
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    _descriptors: ClassVar = DescriptorWatch()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._descriptors.saw(transport.get_extra_info("socket").fileno())
        super().connection_made(JoinedWrites(transport, self.loop))
        # uvicorn never times out a connection that sends nothing.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)
        self.resume_writing()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes either
        """A client that has closed only its sending side still gets its answers. Returns True, since the protocol and
        not asyncio closes the connection."""
        if self._reading or not self._answering():
            self.transport.close()
        else:
            self.cycle.keep_alive = False
            self._discards_input = True
            self._stop_deadline()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_AT_MOST, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        if self._discards_input:
            return
        self._unset_keepalive_if_required()
        self._received = self._received + data if self._in_head else data
        scope = self.scope
        try:
            self.parser.feed_data(data)
            if self._reading and self.scope is scope:
                self._count_unseen(len(data))
        except httptools.HttpParserUpgrade:
            # Upgrades are not supported. The request is answered; the bytes after it may not be HTTP/1.1.
            self._close_after(self.cycle)
        except (httptools.HttpParserError, Problem) as error:
            reason = error if isinstance(error, Problem) else error.__context__
            if isinstance(reason, _TooManyPipelined):
                self._close_after(self.pipeline[0][0])
            else:
                self._refuse(reason if isinstance(reason, Problem) else _MALFORMED)
        if self._deadline is None and not self._discards_input and (self._reading or not self._answering()):
            self._deadline = self.loop.call_later(SECONDS_AT_MOST, self._expire)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading = self._in_head = True
        self._header_size = self._unseen = 0
        self._hosts = []

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > URL_AT_MOST:
            raise _URL_TOO_LONG

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_size += len(name) + len(value) + 4
        if self._header_size > HEADERS_AT_MOST or len(self.headers) >= FIELDS_AT_MOST:
            raise _HEADERS_TOO_LARGE
        if not self._in_head:
            return  # a trailer, which must not be merged into the headers (RFC 9110, 6.5.1)
        name = name.lower()
        if name == b"content-length" and int(value) > BODY_AT_MOST:
            raise _BODY_TOO_LARGE
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        if name == b"host":
            self._hosts.append(value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        version = self.parser.get_http_version()
        if version == "1.0":
            # The parser also accepts RTSP/1.0 and ICE/1.0, and does not tell them from HTTP/1.0.
            if b" " + self.url + b" HTTP/1.0" not in self._received:
                raise _MALFORMED
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        elif version != "1.1":
            raise _MALFORMED
        # RFC 9112, 3.2
        if len(self._hosts) != 1 and (self._hosts or version == "1.1"):
            raise _HOST_INVALID
        if self._hosts and not _HOST(self._hosts[0]):
            raise _HOST_INVALID
        if len(self.pipeline) >= PIPELINED_AT_MOST:
            raise _TooManyPipelined
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if len(self.cycle.body) + len(body) > BODY_AT_MOST:
            raise _BODY_TOO_LARGE
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._reading = False
        self._stop_deadline()
        super().on_message_complete()
        app, self._waiting_for_body = self._waiting_for_body, None
        if app is not None:
            super()._start_asgi_task(self.cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        """Called when the connection's earlier requests are answered."""
        cycle.__class__ = Cycle  # uvicorn has no setting for it
        if not cycle.more_body:
            super()._start_asgi_task(cycle, app)
            return
        self._waiting_for_body = app
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _count_unseen(self, size: int) -> None:
        self._unseen += size
        if self._in_head and self._unseen > _UNSEEN_HEAD_AT_MOST:
            raise _HEADERS_TOO_LARGE
        if self._unseen > _UNSEEN_BODY_AT_MOST:
            raise _BODY_TOO_LARGE

    def _expire(self) -> None:
        self._deadline = None
        if self.flow.read_paused:  # the server has paused reading, so the client is not the slow side
            self._deadline = self.loop.call_later(SECONDS_AT_MOST, self._expire)
        elif self._reading:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close_after(self, cycle: RequestResponseCycle) -> None:
        cycle.keep_alive = False
        self._stop_reading()

    def _stop_reading(self) -> None:
        self._discards_input = self.transport.unread = True
        self._stop_deadline()

    def _refuse(self, problem: Problem) -> None:
        self._stop_reading()
        self.flow.resume_reading()  # the bytes are discarded, so that the client finishes sending and reads its answer
        must_wait = self._answering()
        if self._waiting_for_body is not None:
            self._waiting_for_body, must_wait = None, False
        elif self._reading and self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        self.cycle = RequestResponseCycle(
            scope=self._refused_scope(problem),  # type: ignore[arg-type]  # uvicorn's type lacks REFUSAL
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        self.cycle.more_body = False
        if must_wait:
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            super()._start_asgi_task(self.cycle, self.app)

    def _refused_scope(self, problem: Problem) -> dict[str, Any]:
        known = self._reading and (bool(self.url) or not self._in_head)
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "method": self.parser.get_method().decode("ascii") if known else "",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": list(self.headers) if self._reading else [],
            "state": {},
            REFUSAL: problem,
        }
