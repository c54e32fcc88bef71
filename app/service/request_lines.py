"""Formats the access log's lines. The part of a line that depends only on route and status is encoded once."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

_json = msgspec.json.Encoder().encode


class RequestLines:
    """Makes lines of JSON. Not thread-safe."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        """clock: nanoseconds since 1970."""
        self._clock = clock
        self._second = -1
        self._date = b""
        self._middles: dict[tuple[str, str, int], bytes] = {}

    def line(
        self,
        *,
        method: str,
        route: str,
        status: int,
        seconds: float,
        size: int,
        request_id: bytes,
        client: str,
        trace_id: bytes,
        reason: str,
        shared_with: str,
    ) -> bytes:
        """One line. method, route: from small sets, since each combination stays in memory. seconds: until the answer
        was handed to the connection. size: bytes of the body. request_id, trace_id: ASCII without quotes and
        backslashes. reason: of an error. shared_with: id of the request whose read answered this request. An empty
        trace_id, reason or shared_with is left out.
        """
        second, nanoseconds = divmod(self._clock(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._date = datetime.fromtimestamp(second, UTC).strftime('{"time":"%Y-%m-%dT%H:%M:%S.').encode()
        key = (method, route, status)
        middle = self._middles.get(key) or self._middle(key)
        line = b'%b%06dZ%b%.2f,"bytes":%d,"request_id":"%b","client":%b' % (
            self._date,
            nanoseconds // 1000,
            middle,
            seconds * 1000,
            size,
            request_id,
            _json(client),
        )
        if trace_id:
            line += b',"trace_id":"%b"' % trace_id
        if reason:
            line += b',"reason":' + _json(reason)
        if shared_with:
            line += b',"shared_with":' + _json(shared_with)
        return line + b"}\n"

    def _middle(self, key: tuple[str, str, int]) -> bytes:
        method, route, status = key
        level = "INFO" if status < 500 else "ERROR"
        fields = _json({"level": level, "method": method, "route": route, "status": status})
        middle = self._middles[key] = b'",' + fields[1:-1] + b',"ms":'
        return middle
