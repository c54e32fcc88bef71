"""One table as a program uses it: its columns, and the reads that are prepared on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cassandra import InvalidRequest
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from keyspaces.reads import Observer, PreparedRead
from keyspaces.results import Column
from keyspaces.target import Target

# Not prepared: Keyspaces has refused to prepare reads of system tables.
_KINDS: Final = SimpleStatement(
    "SELECT column_name, kind FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
)
_KEY_KINDS: Final = frozenset(("partition_key", "clustering"))


@dataclass(frozen=True, slots=True)
class Description:
    """name: keyspace and table. columns: in the order of `SELECT *`. key: names of the primary key's columns."""

    name: str
    columns: Sequence[Column]
    key: frozenset[str]


class Database:
    """Prepares statements on a session whose connections are on the event loop. Its methods block."""

    def __init__(
        self, session: Session, target: Target, *, observe: Observer, on_more_columns: Callable[[str], object]
    ) -> None:
        """on_more_columns: is told when the table has got more columns."""
        self._session = session
        self._target = target
        self._observe = observe
        self._on_more_columns = on_more_columns

    def describe(self) -> Description:
        """The table, which is read once. Raises the driver's errors."""
        first = self.read("LIMIT 1")
        first.check([])
        rows = self._session.execute(_KINDS, (self._target.keyspace, self._target.table))
        kinds: Mapping[str, str] = {row["column_name"]: row["kind"] for row in rows}
        key = frozenset(name for name, kind in kinds.items() if kind in _KEY_KINDS)
        if not key:
            raise InvalidRequest(f"system_schema.columns does not describe {self._target}")
        return Description(str(self._target), first.columns, key)

    def read(self, clauses: str = "") -> PreparedRead:
        """Reads rows of the table. Raises the driver's errors.

        clauses: CQL after the table's name, such as `WHERE id = ?`.
        """
        cql = f"SELECT * FROM {self._target.cql_name} {clauses}".rstrip()
        return PreparedRead(self._session, cql, observe=self._observe, on_more_columns=self._on_more_columns)
