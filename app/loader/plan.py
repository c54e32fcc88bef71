"""The plan of a load, before its first write: rows, units, time, dollars; and how to make it faster."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from loader.capacity import QUOTA, TableState
from loader.convert import Ready
from loader.rows import Input

WRITE_PRICE: Final = 0.625
"""Dollars for a million on-demand write units in us-east-1, as in costs/prices.py."""
_ALL_OF: Final = 10_000  # rows that are converted, each; of those after them, one in _EVERY
_EVERY: Final = 20
_SENDING: Final = 3.0
"""The processor's time for a row, in times of that for reading and converting it: docs/loader.md, "Measured"."""
_FARGATE_CPU: Final = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """rows: counted. wrong: that cannot be loaded, of those looked at. write_units, bytes: from a sample of the rows.

    capacity_seconds: that the table needs. machine_seconds: that one processor like this one needs. seconds: of the
    load, the table's or those of all its processors. cpu: units of Fargate that keep up with the table.
    warm_throughput: write units a second to pre-warm the table to; None where that saves less than half of the time.
    """

    rows: int
    wrong: int
    bytes: int
    write_units: int
    capacity_seconds: float
    machine_seconds: float
    seconds: float
    dollars: float | None
    cpu: int
    warm_throughput: int | None
    warm_seconds: float

    def lines(self) -> Iterator[str]:
        yield f"plan: {self.rows} rows of {self.bytes / max(self.rows, 1):.0f} bytes, {self.write_units} write units"
        if self.wrong:
            yield f"plan: {self.wrong} of the rows that were looked at cannot be loaded; --check says why"
        yield (
            f"plan: {self.seconds:.0f} s: the table's capacity takes {self.capacity_seconds:.0f} s, a processor like "
            f"this one {self.machine_seconds:.0f} s"
        )
        if self.dollars is not None:
            yield f"plan: {self.dollars:.2f} dollars for the writes, on demand in us-east-1"
        else:
            yield "plan: no dollars for the writes: provisioned capacity is billed by the hour"
        yield f"plan: a task of {self.cpu} CPU units and 512 MiB"
        if self.warm_throughput is not None:
            yield (
                f"plan: pre-warming pays: a warm throughput of {self.warm_throughput} write units a second makes it "
                f"{self.warm_seconds:.0f} s"
            )
        else:
            yield "plan: pre-warming does not pay"

    def facts(self) -> dict[str, object]:
        return asdict(self)


def make_plan(data: Input, table: TableState, *, processors: int) -> LoadPlan:
    """processors: that the load may use. Reads all of the input, and writes nothing. Raises BadData."""
    rows = wrong = 0
    units = size = 0.0
    started, spent = time.perf_counter(), None
    for rows, outcome in enumerate(data.sample(lambda at: at < _ALL_OF or at % _EVERY == 0), 1):
        if outcome is not None:
            weight = 1 if rows <= _ALL_OF else _EVERY
            if isinstance(outcome, Ready):
                units += weight * outcome.units
                size += weight * sum(len(cell) for cell in outcome.cells if cell is not None)
            else:
                wrong += 1
        if rows == _ALL_OF:
            spent = time.perf_counter() - started
    if spent is None:
        spent = time.perf_counter() - started
    machine = spent / max(min(rows, _ALL_OF), 1) * rows * _SENDING
    capacity = table.seconds_for(units)
    # As fast as four processors, since a task can have them.
    goal = min(QUOTA, round(4 * units / machine)) if machine else QUOTA
    warm = TableState(status="", warm=goal).seconds_for(units)
    pays = table.provisioned is None and goal > table.warm and warm < capacity / 2 and capacity > 60
    return LoadPlan(
        rows=rows,
        wrong=wrong,
        bytes=round(size),
        write_units=round(units),
        capacity_seconds=round(capacity, 1),
        machine_seconds=round(machine, 1),
        seconds=round(max(capacity, machine / processors), 1),
        dollars=round(units * WRITE_PRICE / 1_000_000, 4) if table.provisioned is None else None,
        cpu=next((cpu for cpu in _FARGATE_CPU if capacity * cpu >= machine * 1024), _FARGATE_CPU[-1]),
        warm_throughput=goal if pays else None,
        warm_seconds=round(warm, 1),
    )
