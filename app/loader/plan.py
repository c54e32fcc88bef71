"""The plan of a load, before its first write: rows, units, time, dollars, and a faster alternative."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from loader.capacity import QUOTA, TableState
from loader.convert import Ready
from loader.rows import Input

WRITE_PRICE: Final = 0.625
"""Dollars for a million on-demand write units in us-east-1, as in costs/prices.py."""
_ALL_OF: Final = 10_000  # the first rows, which are all converted; of later rows, one in _EVERY
_EVERY: Final = 20
_SENDING: Final = 3.0
"""The CPU time of a row's load, as a multiple of the time for reading and converting it: docs/loader.md, "Measured"."""
_FARGATE_CPU: Final = (256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """rows: all rows. wrong: rows of the sample that cannot be loaded. write_units, bytes: estimated from the sample.

    capacity_seconds: needed by the table's capacity. machine_seconds: needed by one processor like this one. seconds:
    of the load, the larger of the table's time and the processors' time. cpu: Fargate CPU units that are as fast as the
    table. warm_throughput: write units a second for pre-warming the table; None if this saves less than half the time.
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
            yield f"plan: {self.wrong} rows of the sample cannot be loaded; --check shows the reasons"
        yield (
            f"plan: {self.seconds:.0f} s; the table's capacity needs {self.capacity_seconds:.0f} s, a processor like "
            f"this one needs {self.machine_seconds:.0f} s"
        )
        if self.dollars is not None:
            yield f"plan: {self.dollars:.2f} dollars for the writes, on demand in us-east-1"
        else:
            yield "plan: no extra cost for the writes, since provisioned capacity is billed by the hour"
        yield f"plan: a task with {self.cpu} CPU units and 512 MiB"
        if self.warm_throughput is not None:
            yield (
                f"plan: pre-warming helps: with a warm throughput of {self.warm_throughput} write units a second the "
                f"load takes {self.warm_seconds:.0f} s"
            )
        else:
            yield "plan: pre-warming does not help"

    def facts(self) -> dict[str, object]:
        return asdict(self)


def make_plan(data: Input, table: TableState, *, processors: int) -> LoadPlan:
    """Reads the whole input, and writes nothing. processors: number that the load may use. Raises BadData."""
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
    # The goal is the speed of four processors, which a task can have.
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
