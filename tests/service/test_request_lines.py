"""The log line of a request, as bytes."""

import json

import pytest

from service.request_lines import RequestLines

_NOW = 1_770_091_506_000_007_999  # 2026-02-03T04:05:06.000007999Z


def _line(**fields: object) -> dict[str, object]:
    given = {
        "method": "GET",
        "route": "/things/{id}",
        "status": 200,
        "seconds": 0.0123,
        "size": 5,
        "request_id": b"r1",
        "client": "127.0.0.1",
        "trace_id": b"",
        "reason": "",
        "shared_with": "",
        **fields,
    }
    line = RequestLines(lambda: _NOW).line(**given)  # type: ignore[arg-type]
    assert line.endswith(b"}\n")
    decoded: dict[str, object] = json.loads(line)
    return decoded


def test_writes_every_field() -> None:
    """A missing or renamed field would break the queries that operators keep in CloudWatch."""
    assert _line(trace_id=b"Root=1-2", reason="it broke", status=503, shared_with="r0") == {
        "time": "2026-02-03T04:05:06.000007Z",
        "level": "ERROR",
        "method": "GET",
        "route": "/things/{id}",
        "status": 503,
        "ms": 12.3,
        "bytes": 5,
        "request_id": "r1",
        "client": "127.0.0.1",
        "trace_id": "Root=1-2",
        "reason": "it broke",
        "shared_with": "r0",
    }


@pytest.mark.parametrize("field", ["client", "reason", "route"])
def test_escapes_text_of_strangers(field: str) -> None:
    """A client could write fields or lines of its own into the log."""
    text = '","status":200}\n{"\\\u2028é'
    assert _line(**{field: text})[field] == text


def test_leaves_no_second_behind_when_the_clock_moves() -> None:
    """Lines would carry the time of an earlier request."""
    times = iter([1_500_000_000, 1_750_000_000, 2_250_000_000, 1_000_000_000])
    lines = RequestLines(lambda: next(times))
    given = {"method": "GET", "route": "/", "status": 200, "seconds": 0.0, "size": 0, "request_id": b"r"}
    found = [
        json.loads(lines.line(**given, client="", trace_id=b"", reason="", shared_with=""))["time"][17:]  # type: ignore[arg-type]
        for _ in range(4)
    ]
    assert found == ["01.500000Z", "01.750000Z", "02.250000Z", "01.000000Z"]
