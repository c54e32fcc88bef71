"""HTTP/1.1 with limits: uvicorn's protocol has none of its own for what a client may send, or how slowly.

A request over a limit goes through the application's outermost layer like any other, marked as refused, so that it is
answered, counted and logged as all are; then its connection ends. A request with a body starts when the body is there.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from query_api.observe import REFUSAL
from query_api.transport import UNREAD_AT_MOST, JoinedWrites

URL_AT_MOST: Final = 8_192  # bytes, as the load balancer's own limits are higher (16 K for request line and header)
HEADERS_AT_MOST: Final = 16_384  # bytes, all names and values with four for each field
FIELDS_AT_MOST: Final = 100
BODY_AT_MOST: Final = 65_536  # bytes
PIPELINED_AT_MOST: Final = 50  # requests that wait for an earlier one of their connection
SECONDS_AT_MOST: Final = 10.0  # from a request's first byte to its last

# What the parser holds without saying so, such as an unfinished header, in later pieces than a request's first.
_UNSEEN_HEAD_AT_MOST: Final = 2 * (URL_AT_MOST + HEADERS_AT_MOST)
_UNSEEN_BODY_AT_MOST: Final = 4 * BODY_AT_MOST


class _Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class _Enough(Exception):
    """The rest is not read; who sent it sends it again."""


_URL_TOO_LONG = _Refused(414, f"The address is longer than {URL_AT_MOST} bytes.")
_HEADERS_TOO_LARGE = _Refused(431, f"Headers may have {FIELDS_AT_MOST} fields and {HEADERS_AT_MOST} bytes.")
_BODY_TOO_LARGE = _Refused(413, f"A body may have {BODY_AT_MOST} bytes; nothing here needs one.")
_TOO_SLOW = _Refused(408, f"The request was not complete after {SECONDS_AT_MOST:.0f} s.")
_MALFORMED = _Refused(400, "This cannot be read as HTTP/1.1: its method, its address or a header is malformed.")
_HOST_UNCLEAR = _Refused(400, "A request of HTTP/1.1 has one Host header, and no more.")


class LimitedProtocol(HttpToolsProtocol):
    transport: JoinedWrites
    _reading = False  # between a request's first byte and its last
    _in_head = False
    _header_size = 0
    _hosts = 0
    _unseen = 0
    _deaf = False  # nothing more is read of this connection
    _waiting_for_body: Callable[..., Any] | None = None  # the application, for the latest request
    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(JoinedWrites(transport, self.loop))
        # uvicorn lets who never sends anything stay for ever.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)
        self.resume_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_AT_MOST, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        scope = self.scope
        try:
            self.parser.feed_data(data)
            if self._reading and self.scope is scope:
                self._count_unseen(len(data))
        except httptools.HttpParserUpgrade:
            # Nothing else is spoken here. The request is answered; what follows need not be HTTP/1.1 any more.
            self._close_after(self.cycle)
        except (httptools.HttpParserError, _Refused) as error:
            reason = error if isinstance(error, _Refused) else error.__context__
            if isinstance(reason, _Enough):
                self._close_after(self.pipeline[0][0])
            else:
                self._refuse(reason if isinstance(reason, _Refused) else _MALFORMED)
        if self._deadline is None and not self._deaf and (self._reading or not self._answering()):
            self._deadline = self.loop.call_later(SECONDS_AT_MOST, self._expire)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading = self._in_head = True
        self._header_size = self._hosts = self._unseen = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > URL_AT_MOST:
            raise _URL_TOO_LONG

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_size += len(name) + len(value) + 4
        if self._header_size > HEADERS_AT_MOST or len(self.headers) >= FIELDS_AT_MOST:
            raise _HEADERS_TOO_LARGE
        if not self._in_head:
            return  # a trailer, which must not pass for a header (RFC 9110, 6.5.1)
        name = name.lower()
        if name == b"content-length" and int(value) > BODY_AT_MOST:
            raise _BODY_TOO_LARGE
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        if name == b"host":
            self._hosts += 1
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):  # the parser knows more
            raise _MALFORMED
        if self._hosts > 1 or (not self._hosts and version == "1.1"):  # RFC 9112, 3.2
            raise _HOST_UNCLEAR
        if len(self.pipeline) >= PIPELINED_AT_MOST:
            raise _Enough
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
        """Called when it is this request's turn to be answered."""
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
        if self.flow.read_paused:  # it is not the client who is slow
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
        self._deaf = self.transport.unread = True
        self._stop_deadline()

    def _refuse(self, refused: _Refused) -> None:
        self._stop_reading()
        self.flow.resume_reading()  # and forgets, so that the client comes to read its answer
        must_wait = self._answering()
        if self._waiting_for_body is not None:
            self._waiting_for_body, must_wait = None, False
        elif self._reading and self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        self.cycle = RequestResponseCycle(
            scope=self._refused_scope(refused),  # type: ignore[arg-type]  # a refusal is our own
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

    def _refused_scope(self, refused: _Refused) -> dict[str, Any]:
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
            REFUSAL: (refused.status, refused.detail),
        }
