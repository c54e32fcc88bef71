"""A table's writes for routes, single or in a batch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cassandra.query import UNSET_VALUE
from msgspec import UNSET

from keyspaces.execute import BatchKind
from keyspaces.statements import Effect
from keyspaces.writes import Applied
from service.database_use import DatabaseUse


class Write(Protocol):
    """The interface of `keyspaces.writes.PreparedWrite`."""

    @property
    def effect(self) -> Effect: ...

    async def execute(self, values: Sequence[Any], *, deadline: float) -> Applied: ...


class WriteBatches(Protocol):
    """The interface of `keyspaces.writes.Batches`."""

    async def execute(
        self, writes: Sequence[tuple[Any, Sequence[Any]]], kind: BatchKind, *, deadline: float
    ) -> Applied: ...


@dataclass(frozen=True, slots=True)
class BoundWrite:
    """A write with its values, for `Tables.together`. written: called after the write, to drop older cached reads."""

    write: Write
    values: Sequence[Any]
    written: Callable[[], None]


class RowWrite:
    """A prepared write, called with values by name: columns by their names, values of a condition by `if_` and the
    column's name, and the time to live as `ttl`, in seconds.

    None writes a null. `msgspec.UNSET` leaves a column as it is, for example one that a request's body leaves out.
    """

    def __init__(self, use: DatabaseUse, write: Write, names: Sequence[str], *, written: Callable[[], None]) -> None:
        self._use = use
        self._write = write
        self._names = names
        self._written = written

    async def __call__(self, **values: Any) -> Applied:
        """Writes. The result is false, with the row, if a condition did not hold.

        Raises Problem, and TypeError for a name that is missing or unknown.
        """
        bound = self.of(**values)
        try:
            return await self._use.write(lambda deadline: self._write.execute(bound.values, deadline=deadline))
        finally:
            self._written()

    def of(self, **values: Any) -> BoundWrite:
        """The write with its values, for `Tables.together`. Raises TypeError for a name that is missing or unknown."""
        if values.keys() != set(self._names):
            wanted, given = ", ".join(self._names), ", ".join(values)
            raise TypeError(f"this write takes the values {wanted}; it was given {given or 'none'}")
        return BoundWrite(self._write, _in_order(values, self._names), self._written)


async def write_together(
    use: DatabaseUse, batches: WriteBatches, writes: Sequence[BoundWrite], kind: BatchKind
) -> Applied:
    """Raises Problem, and ValueError for more writes than Keyspaces takes in one batch."""
    parts = [(each.write, each.values) for each in writes]
    try:
        return await use.write(lambda deadline: batches.execute(parts, kind, deadline=deadline))
    finally:
        for each in writes:
            each.written()


def _in_order(values: Mapping[str, Any], names: Sequence[str]) -> Sequence[Any]:
    return [UNSET_VALUE if values[name] is UNSET else values[name] for name in names]
