"""Metrics of requests and statements, written to the log for CloudWatch (the embedded metric format)."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

_EVERY: Final = 60.0  # seconds; CloudWatch keeps one point a minute
# Longest array that CloudWatch takes (CloudWatch user guide, "Specification: Embedded metric format").
_VALUES_AT_MOST: Final = 100
# Latencies are counted in histogram buckets that are 5 % wide, from 10 µs to four minutes.
_SHORTEST: Final = 1e-5  # seconds
_CLASSES_BY_E: Final = 20
_CLASSES: Final = 340


class Metrics(Protocol):
    def request(self, *, route: str, status: int, seconds: float) -> None:
        """route: the template, such as `/orders/{id}`."""

    def statement(self, cql: Sequence[str], outcome: str, seconds: float) -> None:
        """cql: one statement, or the statements of a batch. outcome: `ok`, or the name of the error."""


class NoMetrics:
    def request(self, *, route: str, status: int, seconds: float) -> None: ...

    def statement(self, cql: Sequence[str], outcome: str, seconds: float) -> None: ...


class EmfMetrics:
    """Aggregates for a minute, then writes a line for each route and status class, and for each outcome of statements.

    Its memory grows with the number of routes and outcomes, not with the number of requests.
    """

    def __init__(self, namespace: str, *, write: Callable[[bytes], None]) -> None:
        """namespace: in CloudWatch, one for each service. write: receives each line."""
        self._namespace = namespace
        self._write = write
        self._requests: dict[tuple[str, int], _Latencies] = {}
        self._statements: dict[str, _Latencies] = {}

    def request(self, *, route: str, status: int, seconds: float) -> None:
        key = (route, status // 100)
        latencies = self._requests.get(key)
        if latencies is None:
            latencies = self._requests[key] = _Latencies()
        latencies.add(seconds)

    def statement(self, cql: Sequence[str], outcome: str, seconds: float) -> None:
        latencies = self._statements.get(outcome)
        if latencies is None:
            latencies = self._statements[outcome] = _Latencies()
        latencies.add(seconds)

    @contextlib.contextmanager
    def emitting(self) -> Iterator[None]:
        """Writes every minute on the running loop, and the rest on leaving."""
        emitting = asyncio.create_task(self._emit_every_minute())
        try:
            yield
        finally:
            emitting.cancel()
            self.emit()

    async def _emit_every_minute(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self.emit()

    def emit(self) -> None:
        """Writes the aggregated metrics and resets them."""
        requests, self._requests = self._requests, {}
        statements, self._statements = self._statements, {}
        for (route, hundreds), latencies in requests.items():
            self._write_line({"Route": route, "Status": f"{hundreds}xx"}, "Requests", "Latency", latencies)
        for outcome, latencies in statements.items():
            self._write_line({"Outcome": outcome}, "Statements", "StatementLatency", latencies)

    def _write_line(self, dimensions: dict[str, str], counted: str, timed: str, latencies: "_Latencies") -> None:
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": counted, "Unit": "Count"}, {"Name": timed, "Unit": "Milliseconds"}],
        }
        line: dict[str, Any] = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
            **dimensions,
            counted: latencies.count,
            timed: latencies.milliseconds(),
        }
        self._write(msgspec.json.encode(line) + b"\n")


class _Latencies:
    """A histogram of latencies."""

    __slots__ = ("_classes", "count")

    def __init__(self) -> None:
        self.count = 0
        self._classes: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        self.count += 1
        number = min(int(math.log(seconds / _SHORTEST) * _CLASSES_BY_E), _CLASSES) if seconds > _SHORTEST else 0
        self._classes[number] = self._classes.get(number, 0) + 1

    def milliseconds(self) -> list[float]:
        """All latencies; of more than 100, the shortest, the longest and 98 that are evenly spaced by rank.

        So percentiles, minimum and maximum are right in CloudWatch. CloudWatch caps the sample count at 100; use the
        count metric for numbers.
        """
        size = min(self.count, _VALUES_AT_MOST)
        ranks = range(size) if size == self.count else [round(n * (self.count - 1) / (size - 1)) for n in range(size)]
        values: list[float] = []
        below = 0
        for number, count in sorted(self._classes.items()):
            below += count
            value = round(_SHORTEST * 1000 * math.exp((number + 0.5) / _CLASSES_BY_E), 4)
            while len(values) < size and ranks[len(values)] < below:
                values.append(value)
        return values
