"""The figures of benchmarks.query_api as a table, and the aims that they meet."""

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.load import Load

SHARED, UNSHARED, PEER = "query-api", "query-api, SHARE_READS=false", "Express, Node.js driver"
_PING = "/ping"

Rounds = Mapping[str, Sequence[Load]]
"""The loads of each round, by path."""


def report(figures: Mapping[str, Rounds]) -> str:
    """A Markdown report. A ratio is the median of the rounds' ratios: a disturbance affects both sides of a round."""
    head = ["server", "path", "requests/s", "CPU µs", "p50 ms", "p99 ms", "CPU to /ping", "CPU to Express"]
    rows = [head, ["---", "---", *["---:"] * 6]]
    for name, rounds in figures.items():
        for path, loads in rounds.items():
            rows.append(
                [
                    name,
                    f"`{path}`",
                    f"{_median(loads, lambda load: load.rate):.0f}",
                    f"{_median(loads, lambda load: load.cpu) * 1e6:.0f}",
                    f"{_median(loads, lambda load: load.p50) * 1e3:.1f}",
                    f"{_median(loads, lambda load: load.p99) * 1e3:.1f}",
                    f"{_cpu_ratio(loads, figures[SHARED][_PING]):.2f}",
                    f"{_cpu_ratio(loads, figures[PEER][path]):.2f}" if PEER in figures else "",
                ]
            )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    return "\n".join([*lines, "", *_aims(figures)])


def _aims(figures: Mapping[str, Rounds]) -> Sequence[str]:
    lines = ["Aims:"]
    for path in ("/countries/us", "/countries"):
        ratio = _cpu_ratio(figures[SHARED][path], figures[SHARED][_PING])
        lines.append(f"- {_met(ratio <= 1.5)}: a shared {path} takes at most 1.5 times /ping's CPU: {ratio:.2f}")
    if PEER not in figures:
        return lines
    for path in ("/countries/us", "/countries"):
        ours, theirs = figures[UNSHARED][path], figures[PEER][path]
        ratio = _cpu_ratio(ours, theirs)
        lines.append(f"- {_met(ratio <= 0.6)}: an unshared {path} takes at most 0.60 of Express's CPU: {ratio:.2f}")
        ratio = _ratio(ours, theirs, lambda load: load.p99)
        lines.append(f"- {_met(ratio <= 1)}: its p99 is no worse: {ratio:.2f} of Express's")
    return lines


def _met(condition: bool) -> str:
    return "yes" if condition else "no"


def _median(loads: Sequence[Load], figure: Callable[[Load], float]) -> float:
    return statistics.median(map(figure, loads))


def _cpu_ratio(loads: Sequence[Load], others: Sequence[Load]) -> float:
    return _ratio(loads, others, lambda load: load.cpu)


def _ratio(loads: Sequence[Load], others: Sequence[Load], figure: Callable[[Load], float]) -> float:
    return statistics.median(figure(load) / figure(other) for load, other in zip(loads, others, strict=True))
