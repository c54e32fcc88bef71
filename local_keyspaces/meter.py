"""The consumption by table, role, statement and partition, since the endpoint started."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

_MOST_SHAPES, _MOST_PARTITIONS = 2_000, 2_000
_LONGEST_TEXT = 1000
OTHERS = "other statements"
"""The common text of all statements beyond the first 2,000; a program that writes values into statements exceeds it."""

Key = tuple[bytes, ...]
"""The key of a partition: the values of its columns, as the native protocol encodes them."""


@dataclass(kw_only=True, slots=True)
class Consumed:
    """failed_conditions: conditional writes whose condition was false."""

    statements: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    failed_conditions: int = 0
    estimated: int = 0
    """Statements whose consumption could not be measured exactly (docs/keyspaces.md, "The meter")."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A statement as a role runs it on a table. text: without its values."""

    role: str
    keyspace: str
    table: str
    text: str


@dataclass(slots=True)
class Partitions:
    """The read and write units of one table's partitions; the busiest ones, if there are many."""

    units: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, key: Key, read: float, write: float) -> None:
        existing = self.units.get(key)
        if existing is not None:
            existing[0] += read
            existing[1] += write
            return
        if len(self.units) >= _MOST_PARTITIONS:
            busiest = sorted(self.units.items(), key=lambda item: -sum(item[1]))
            self.units = dict(busiest[: _MOST_PARTITIONS // 2])
        self.units[key] = [read, write]


class Meter:
    """Only the endpoint's thread may write; any thread may read the totals."""

    def __init__(self) -> None:
        self._shapes: dict[Shape, Consumed] = {}
        self._partitions: dict[tuple[str, str], Partitions] = {}

    def consumed(self, shape: Shape) -> Consumed:
        """The totals of statements of this shape. A long text is truncated."""
        if len(shape.text) > _LONGEST_TEXT:
            shape = replace(shape, text=f"{shape.text[:_LONGEST_TEXT]}...")
        existing = self._shapes.get(shape)
        if existing is None:
            if len(self._shapes) >= _MOST_SHAPES:
                shape = replace(shape, text=OTHERS)
            existing = self._shapes.setdefault(shape, Consumed())
        return existing

    def partitions(self, keyspace: str, table: str) -> Partitions:
        return self._partitions.setdefault((keyspace, table), Partitions())

    def snapshot(self) -> dict[str, Any]:
        """As JSON: `statements`, one object for each shape, and `partitions`, the ten busiest of each table."""
        statements = [{**asdict(shape), **asdict(consumed)} for shape, consumed in list(self._shapes.items())]
        partitions = [
            {"keyspace": keyspace, "table": table, "partition": shown(key), "read_units": read, "write_units": write}
            for (keyspace, table), of_table in list(self._partitions.items())
            for key, (read, write) in _busiest(list(of_table.units.items()))
        ]
        return {"statements": statements, "partitions": partitions}


def _busiest(partitions: Iterable[tuple[Key, list[float]]]) -> list[tuple[Key, list[float]]]:
    return sorted(partitions, key=lambda item: -sum(item[1]))[:10]


def shown(key: Key) -> list[str]:
    """The values of a key for display: printable text as it is, anything else in hexadecimal."""
    shown = []
    for value in key:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = ""
        shown.append(text if text.isprintable() and text else f"0x{value.hex()}")
    return shown
