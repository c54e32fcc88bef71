"""What Keyspaces' control plane does: keyspaces and tables, made in Cassandra and listed in system_schema_mcs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy

_REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}"

# Column types are those of Cassandra 3.11; Keyspaces documents the names only.
_SYSTEM_SCHEMA_MCS = (
    f"CREATE KEYSPACE IF NOT EXISTS system_schema_mcs WITH replication = {_REPLICATION}",
    """CREATE TABLE IF NOT EXISTS system_schema_mcs.keyspaces (
        keyspace_name text PRIMARY KEY, durable_writes boolean, replication frozen<map<text, text>>)""",
    """CREATE TABLE IF NOT EXISTS system_schema_mcs.tables (
        keyspace_name text, table_name text, creation_time timestamp, status text,
        PRIMARY KEY (keyspace_name, table_name))""",
)


class SchemaConflict(Exception):
    """A table is there already, in a form that cannot be changed in place."""


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """columns: CQL type by name. clustering_key: `ASC` or `DESC` by column name."""

    keyspace: str
    name: str
    columns: Mapping[str, str]
    partition_key: Sequence[str]
    clustering_key: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_session(port: int) -> Iterator[Session]:
    """With Cassandra itself, on 127.0.0.1, which asks nobody to sign in. Blocks."""
    cluster = Cluster(
        ["127.0.0.1"],
        port=port,
        protocol_version=4,
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=30.0)
        },
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        connect_timeout=30.0,
        control_connection_timeout=30.0,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@contextmanager
def connect(port: int) -> Iterator["Tables"]:
    """Blocks."""
    with open_session(port) as session:
        yield Tables(session)


class Tables:
    def __init__(self, session: Session) -> None:
        self._session = session

    def create_system_schema(self) -> None:
        for statement in _SYSTEM_SCHEMA_MCS:
            self._session.execute(statement)

    def create_keyspace(self, name: str) -> None:
        self._session.execute(f'CREATE KEYSPACE IF NOT EXISTS "{name}" WITH replication = {_REPLICATION}')
        self._session.execute(
            "INSERT INTO system_schema_mcs.keyspaces (keyspace_name, durable_writes, replication)"
            " VALUES (%s, true, {'class': 'SingleRegionStrategy'})",
            (name,),
        )

    def create_table(self, table: TableSchema) -> None:
        """Creates it or adds the columns it lacks. Raises SchemaConflict where Keyspaces would need a new table."""
        there = self._columns(table)
        if not there:
            self._session.execute(_create_statement(table))
        else:
            self._add_columns(table, there)
        self._session.execute(
            "INSERT INTO system_schema_mcs.tables (keyspace_name, table_name, creation_time, status)"
            " VALUES (%s, %s, toTimestamp(now()), 'ACTIVE')",
            (table.keyspace, table.name),
        )

    def _columns(self, table: TableSchema) -> dict[str, tuple[str, str, int, str]]:
        rows = self._session.execute(
            "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns"
            " WHERE keyspace_name = %s AND table_name = %s",
            (table.keyspace, table.name),
        )
        return {row.column_name: (row.type, row.kind, row.position, row.clustering_order) for row in rows}

    def _add_columns(self, table: TableSchema, there: Mapping[str, tuple[str, str, int, str]]) -> None:
        wanted = {column: (type_, "regular", -1, "none") for column, type_ in table.columns.items()}
        for position, column in enumerate(table.partition_key):
            wanted[column] = (table.columns[column], "partition_key", position, "none")
        for position, (column, order) in enumerate(table.clustering_key.items()):
            wanted[column] = (table.columns[column], "clustering", position, order.lower())
        for column in sorted({*there, *wanted}):
            if column in there and wanted.get(column) != there[column]:
                change = "is removed" if column not in wanted else "changes its type or its place in the key"
                raise SchemaConflict(
                    f"table {table.keyspace}.{table.name} exists and column {column!r} {change}, which Keyspaces"
                    " cannot do in place"
                )
            if column not in there and wanted[column][1] != "regular":
                raise SchemaConflict(
                    f"table {table.keyspace}.{table.name} exists and column {column!r} joins its key, which Keyspaces"
                    " cannot do in place"
                )
        for column in wanted.keys() - there.keys():
            self._session.execute(
                f'ALTER TABLE "{table.keyspace}"."{table.name}" ADD "{column}" {table.columns[column]}'
            )


def _create_statement(table: TableSchema) -> str:
    columns = ", ".join(f'"{column}" {type_}' for column, type_ in table.columns.items())
    partition_key = ", ".join(f'"{column}"' for column in table.partition_key)
    clustering_key = "".join(f', "{column}"' for column in table.clustering_key)
    order = ", ".join(f'"{column}" {direction}' for column, direction in table.clustering_key.items())
    return (
        f'CREATE TABLE "{table.keyspace}"."{table.name}" ({columns}, PRIMARY KEY (({partition_key}){clustering_key}))'
        + (f" WITH CLUSTERING ORDER BY ({order})" if order else "")
    )
