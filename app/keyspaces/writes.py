"""Prepared writes: one row, or several in a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cassandra.cluster import Session

from keyspaces.execute import BatchKind, batch_message, encode_batch, encode_execute
from keyspaces.results import decode_rows
from keyspaces.statements import Effect, Executions, KnownStatement, Observer

STATEMENTS_AT_MOST: Final[Mapping[BatchKind, int]] = {"LOGGED": 100, "UNLOGGED": 30}
"""Most statements of a batch (Keyspaces developer guide, "Batch statements", "Quotas"). With static columns, a LOGGED
batch may have 50."""

_APPLIED: Final = "[applied]"


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a conditional write, which is true if the write was applied.

    row: the row that kept the write from being applied: all columns after IF NOT EXISTS, otherwise the condition's
    columns (Apache Cassandra; UNVERIFIED on Keyspaces). None if all of these are null, or if there is no row.
    """

    applied: bool
    row: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        return self.applied


class PreparedWrite:
    """An INSERT, UPDATE or DELETE. Call `execute` on the event loop of the session's connections."""

    def __init__(self, session: Session, cql: str, *, effect: Effect, observe: Observer) -> None:
        """Prepares the statement. Blocks. Raises the driver's errors."""
        self.effect: Effect = effect
        self.statement = KnownStatement(session, cql)
        self._executions = Executions(session, encode=encode_execute, observe=observe)

    @property
    def types(self) -> Mapping[str, Any]:
        """The driver's types of the values, by name."""
        return {column.name: column.type for column in self.statement.prepared.column_metadata}

    async def execute(self, values: Sequence[Any], *, deadline: float) -> Applied:
        """values: one for each bind marker. deadline: in the event loop's time.

        A write without a condition is always applied.

        Raises DeadlineExceeded, OutcomeUnknown, SchemaChanged, `keyspaces.serialize.Unwritable` and the driver's
        errors.
        """
        return await self._executions.run(
            (self.statement,), self.effect, lambda: self.statement.message(values), _applied, deadline=deadline
        )


class Batches:
    """Executes several writes of one session in a batch."""

    def __init__(self, session: Session, *, observe: Observer) -> None:
        self._executions = Executions(session, encode=encode_batch, observe=observe)

    async def execute(
        self, writes: Sequence[tuple[PreparedWrite, Sequence[Any]]], kind: BatchKind, *, deadline: float
    ) -> Applied:
        """writes: statements and their values. kind: in a LOGGED batch, all writes happen or none.

        Raises the errors of `PreparedWrite.execute`, and ValueError for more writes than Keyspaces takes.
        """
        if not 1 <= len(writes) <= STATEMENTS_AT_MOST[kind]:
            raise ValueError(f"a {kind} batch has 1 to {STATEMENTS_AT_MOST[kind]} statements, not {len(writes)}")
        once = any(write.effect == "write once" for write, _ in writes)
        return await self._executions.run(
            [write.statement for write, _ in writes],
            "write once" if once else "idempotent write",
            lambda: batch_message(kind, [write.statement.message.in_batch(values) for write, values in writes]),
            _applied,
            deadline=deadline,
        )


class SerializedRows:
    """Writes of one statement with serialized values, so that a retry does not convert the values again."""

    def __init__(self, session: Session, write: PreparedWrite, *, observe: Observer) -> None:
        self._write = write
        self._single = Executions(session, encode=encode_execute, observe=observe)
        self._batch = Executions(session, encode=encode_batch, observe=observe)

    async def execute(self, rows: Sequence[bytes], *, deadline: float) -> None:
        """Sends several rows as an UNLOGGED batch. rows: values encoded by `keyspaces.execute.encode_cell`.

        Raises the errors of `PreparedWrite.execute`.
        """
        statement, effect = self._write.statement, self._write.effect
        if len(rows) == 1:
            await self._single.run(
                (statement,), effect, lambda: statement.message.of_row(rows[0]), _applied, deadline=deadline
            )
            return
        await self._batch.run(
            (statement,),
            effect,
            lambda: batch_message("UNLOGGED", [statement.message.of_row_in_batch(row) for row in rows]),
            _applied,
            deadline=deadline,
        )


def _applied(response: Any) -> Applied:
    if not isinstance(response, bytes):  # a result without rows
        return Applied(True)
    rows = decode_rows(response)
    if all(row.get(_APPLIED) is not False for row in rows):
        return Applied(True)
    found = {name: value for name, value in rows[0].items() if name != _APPLIED}
    return Applied(False, found if any(value is not None for value in found.values()) else None)
