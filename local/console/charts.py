"""Latency and errors of the last 120 seconds, second by second, as an image that needs no script."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from local.console.chains import Chain

SECONDS: Final = 120
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 170, 56, 22, 10


@dataclass
class Second:
    """ms: the latency of each request that ended in this second. errors: answers with 5xx. faults: injected faults."""

    ms: list[float] = field(default_factory=list)
    errors: int = 0
    faults: set[str] = field(default_factory=set)

    def percentile(self, share: float) -> float:
        ordered = sorted(self.ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def seconds(chains: Sequence[Chain], now: float) -> list[Second]:
    """The last 120 seconds, the newest last."""
    found = [Second() for _ in range(SECONDS)]
    for chain in chains:
        place = SECONDS - 1 - int(now - chain.ended)
        if 0 <= place < SECONDS:
            found[place].ms.append(float(chain.line.data.get("ms", 0)))
            found[place].errors += int(chain.line.data.get("status", 0)) >= 500
            for each in (*chain.statements, *chain.shared):
                found[place].faults.update(each["faults"])
    return found


def latency_chart(of: Sequence[Second]) -> str:
    p50, p95 = [each.percentile(0.5) for each in of], [each.percentile(0.95) for each in of]
    top = _nice(max(p95, default=0.0))
    lines = [_line("p50", p50, of, top), _line("p95", p95, of, top)]
    title = (
        f"Latency of the last {SECONDS} seconds in ms: median and 95th percentile; at most {max(p95, default=0):g} ms"
    )
    return _chart(title, of, top, " ms", lines)


def error_chart(of: Sequence[Second]) -> str:
    count = [float(len(each.ms)) for each in of]
    top = _nice(max(count, default=0.0))
    bars = [
        _bar(place, value, top, kind)
        for place, each in enumerate(of)
        for value, kind in ((float(len(each.ms)), "request"), (float(each.errors), "failed"))
        if value
    ]
    failed = sum(each.errors for each in of)
    title = f"Requests of the last {SECONDS} seconds by second: {int(sum(count))}, {failed} of them failed"
    return _chart(title, of, top, "", bars)


def _chart(title: str, of: Sequence[Second], top: float, unit: str, drawn: Sequence[str]) -> str:
    shaded = [
        f'<rect class="fault" x="{_x(place):.1f}" y="{_TOP}" width="{_x(1) - _x(0):.1f}"'
        f' height="{_HEIGHT - _BOTTOM - _TOP}"/>'
        for place, each in enumerate(of)
        if each.faults
    ]
    axes = [
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(value, top):.1f}" y2="{_y(value, top):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(value, top) + 4:.1f}" text-anchor="end">{value:g}{unit}</text>'
        for value in (0.0, top / 2, top)
    ]
    times = [
        f'<text x="{_x(place):.1f}" y="{_HEIGHT - 5}" text-anchor="{anchor}">{text}</text>'
        for place, text, anchor in (
            (0, f"{SECONDS} s ago", "start"),
            (SECONDS / 2, f"{SECONDS // 2} s ago", "middle"),
            (SECONDS, "now", "end"),
        )
    ]
    inside = "".join((*shaded, *axes, *times, *drawn))
    return f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def _line(kind: str, values: Sequence[float], of: Sequence[Second], top: float) -> str:
    """A line with a gap for each second without a request."""
    path = ""
    for start, run in _runs(values, of):
        points = [f"{_x(start + number + 0.5):.1f} {_y(value, top):.1f}" for number, value in enumerate(run)]
        path += f"M{points[0]} " + "".join(f"L{point} " for point in points[1:] or [points[0]])
    return f'<path class="{kind}" d="{path.strip()}"/>' if path else ""


def _runs(values: Sequence[float], of: Sequence[Second]) -> Iterator[tuple[int, list[float]]]:
    run: list[float] = []
    for place, (value, second) in enumerate(zip(values, of, strict=True)):
        if second.ms:
            run.append(value)
        elif run:
            yield place - len(run), run
            run = []
    if run:
        yield len(of) - len(run), run


def _bar(place: int, value: float, top: float, kind: str) -> str:
    y = _y(value, top)
    return (
        f'<rect class="{kind}" x="{_x(place) + 0.5:.1f}" y="{y:.1f}" width="{_x(1) - _x(0) - 1:.1f}"'
        f' height="{_y(0, top) - y:.1f}"/>'
    )


def _x(place: float) -> float:
    return _LEFT + place * (_WIDTH - _LEFT) / SECONDS


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _BOTTOM - _TOP)


def _nice(most: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below `most`."""
    if most <= 1:
        return 1.0
    power = 10 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= most))
