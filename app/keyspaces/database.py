"""One table as a program uses it: its columns, and the statements that are prepared on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cassandra import InvalidRequest
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from keyspaces.reads import PreparedRead
from keyspaces.results import Column
from keyspaces.statements import Effect, Observer
from keyspaces.target import QualifiedName
from keyspaces.writes import PreparedWrite

# Not prepared: Keyspaces has refused to prepare reads of system tables. UNVERIFIED: Keyspaces describes columns in
# system_schema as Cassandra does.
_KINDS: Final = SimpleStatement(
    "SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
)
_KEY_KINDS: Final = ("partition_key", "clustering")


@dataclass(frozen=True, slots=True)
class Description:
    """name: keyspace and table. columns: in the order of `SELECT *`. key: the primary key's columns, in order.

    kinds: partition_key, clustering, static or regular, by column.
    """

    name: str
    columns: Sequence[Column]
    key: Sequence[str]
    kinds: Mapping[str, str]


class Database:
    """Prepares statements for one table, on a session whose connections are on the event loop. Its methods block."""

    def __init__(
        self, session: Session, table: QualifiedName, *, observe: Observer, on_more_columns: Callable[[str], object]
    ) -> None:
        """on_more_columns: called with a message when columns were added to the table."""
        self._session = session
        self._table = table
        self._observe = observe
        self._on_more_columns = on_more_columns

    def describe(self) -> Description:
        """Reads the table's description, and one row. Raises the driver's errors."""
        first = self.read("LIMIT 1")
        first.check([])
        rows = self._session.execute(_KINDS, (self._table.keyspace, self._table.name)).all()
        places: Mapping[tuple[int, int], str] = {
            (_KEY_KINDS.index(row["kind"]), row["position"]): row["column_name"]
            for row in rows
            if row["kind"] in _KEY_KINDS
        }
        if not places:
            raise InvalidRequest(f"system_schema.columns does not describe {self._table}")
        key = [name for _, name in sorted(places.items())]
        return Description(str(self._table), first.columns, key, {row["column_name"]: row["kind"] for row in rows})

    def read(self, clauses: str = "") -> PreparedRead:
        """Reads rows of the table. Raises the driver's errors.

        clauses: CQL after the table's name, such as `WHERE id = ?`.
        """
        cql = f"SELECT * FROM {self._table.in_cql} {clauses}".rstrip()
        return PreparedRead(self._session, cql, observe=self._observe, on_more_columns=self._on_more_columns)

    def write(self, before: str, after: str, *, effect: Effect) -> PreparedWrite:
        """Writes a row of the table. Raises the driver's errors.

        before, after: CQL around the table's name, such as `UPDATE` and `SET name = ? WHERE id = ?`.
        """
        cql = f"{before} {self._table.in_cql} {after}"
        return PreparedWrite(self._session, cql, effect=effect, observe=self._observe)
