"""Prepared reads."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cassandra.cluster import Session

from keyspaces.execute import encode_execute
from keyspaces.results import Column, RowPage, RowsDecoder, UnreadRows
from keyspaces.statements import Executions, KnownStatement, Observer


class PreparedRead:
    """A SELECT. Call `execute` on the event loop of the session's connections."""

    def __init__(
        self, session: Session, cql: str, *, observe: Observer, on_more_columns: Callable[[str], object]
    ) -> None:
        """Prepares the statement. Blocks. Raises the driver's errors.

        on_more_columns: called with a message when columns were added to the table.
        """
        self._session = session
        self._statement = KnownStatement(session, cql)
        self._decoder = RowsDecoder(self._statement.prepared.result_metadata, on_more_columns=on_more_columns)
        self._executions = Executions(session, encode=encode_execute, observe=observe)

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of the rows."""
        return self._decoder.columns

    def check(self, values: Sequence[Any]) -> None:
        """Reads once, at the consistency of all reads, without decoding the values. Blocks.

        Raises the driver's errors.
        """
        handler = self._session.client_protocol_handler
        self._session.client_protocol_handler = UnreadRows
        try:
            self._session.execute(self._statement.prepared.bind(values))
        finally:
            self._session.client_protocol_handler = handler

    def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> Awaitable[RowPage]:
        """One page. deadline: in the event loop's time.

        Raises DeadlineExceeded, SchemaChanged, `keyspaces.types.Unrepresentable`, `keyspaces.serialize.Unwritable` and
        the driver's errors.
        """
        statement = self._statement
        return self._run(lambda: statement.message(values, fetch_size, paging_state), deadline)

    def execute_row(self, row: bytes, *, deadline: float) -> Awaitable[RowPage]:
        """As `execute`, with serialized values. row: the values, encoded by `keyspaces.execute.encode_cell`."""
        statement = self._statement
        return self._run(lambda: statement.message.of_row(row), deadline)

    def _run(self, message: Callable[[], bytes], deadline: float) -> Awaitable[RowPage]:
        return self._executions.run((self._statement,), "read", message, self._decoder.decode, deadline=deadline)
