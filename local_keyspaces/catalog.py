"""The keyspaces, tables and types there are: in memory for each statement, in the system tables for clients.

What Cassandra has is the truth about columns; the system tables add what only Keyspaces knows. A table is listed in
system_schema once it can be used, in system_schema_mcs from the start, with its status.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cassandra.cluster import Session

from local_keyspaces import system_tables
from local_keyspaces.cql import quoted
from local_keyspaces.refusals import invalid, no_such_table
from local_keyspaces.tables import Column, Status, Table

# What the developer guide's "Create a keyspace" shows of one with SingleRegionStrategy; drivers know no other class.
_REPLICATION = {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "3"}


class Catalog:
    """Methods that write block; those that read take what is in memory."""

    def __init__(self, session: Session, *, arn_prefix: str) -> None:
        """arn_prefix: of all ARNs of Keyspaces here, up to and including the account and its colon."""
        self._session = session
        self._arn_prefix = arn_prefix
        self._inserts: dict[str, tuple[Any, list[str]]] = {}
        self.keyspaces: dict[str, Status] = {}
        self.tables: dict[tuple[str, str], Table] = {}
        self.types: dict[tuple[str, str], Status] = {}

    # -- reading

    def arn(self, keyspace: str, table: str | None = None) -> str:
        """Source: service authorization reference; the slash at the end of a keyspace's is part of it."""
        return f"{self._arn_prefix}/keyspace/{keyspace}/" + (f"table/{table}" if table is not None else "")

    def require_keyspace(self, name: str) -> None:
        """Raises Refused, as the developer guide's "Troubleshooting CQL" words it."""
        if name not in system_tables.KEYSPACES and self.keyspaces.get(name) is not Status.ACTIVE:
            raise invalid(f"unconfigured keyspace {name}")

    def require_table(self, keyspace: str, name: str) -> Table:
        """A table that can be used. Raises Refused."""
        self.require_keyspace(keyspace)
        table = self.tables.get((keyspace, name))
        if table is None or not table.usable:
            raise no_such_table(keyspace, name)
        return table

    # -- loading

    def load(self) -> None:
        """Takes over what Cassandra has, and finishes what was under way if it was killed."""
        for (name,) in self._names(system_tables.DROPPED_KEYSPACES, "keyspace_name"):
            self._session.execute(f"DROP KEYSPACE IF EXISTS {quoted(name)}")
            self.forget_keyspace(name)
        for (name,) in self._names("system_schema.keyspaces", "keyspace_name"):
            self.publish_keyspace(name)
        for (name,) in self._names('"_system_schema_mcs".keyspaces', "keyspace_name"):
            if name not in self.keyspaces and name not in system_tables.KEYSPACES:
                self.forget_keyspace(name)
        for keyspace, name in self._names("system_schema.types", "keyspace_name", "type_name"):
            self.publish_type(keyspace, name)
        for keyspace, name in self._names('"_system_schema_mcs".types', "keyspace_name", "type_name"):
            if (keyspace, name) not in self.types:
                self.forget_type(keyspace, name)
        listed = {
            (row.keyspace_name, row.table_name): row
            for row in self._session.execute(
                "SELECT keyspace_name, table_name, status, custom_properties, creation_time"
                ' FROM "_system_schema_mcs".tables'
            )
        }
        for keyspace, name in self._names("system_schema.tables", "keyspace_name", "table_name"):
            known = listed.pop(system_tables.public_name((keyspace, name)), None)
            if known is not None and known.status == Status.DELETING:
                self._session.execute(f"DROP TABLE {quoted(keyspace)}.{quoted(name)}")
                self.forget_table(keyspace, name)
            elif known is None or keyspace in self.keyspaces:  # system tables do not change
                table = Table(keyspace=keyspace, name=name, columns=self.read_columns(keyspace, name))
                if known is not None and known.custom_properties:
                    properties = {key: dict(value) for key, value in known.custom_properties.items()}
                    table = replace(table, properties=properties, created=known.creation_time)
                self.publish_table(table)
        for keyspace, name in listed:
            self.forget_table(keyspace, name)

    def read_columns(self, keyspace: str, name: str) -> dict[str, Column]:
        """As Cassandra has them; none if it has no such table."""
        rows = self._session.execute(
            "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns"
            " WHERE keyspace_name = %s AND table_name = %s",
            (keyspace, name),
        )
        return {
            row.column_name: Column(
                type=row.type, kind=row.kind, position=row.position, clustering_order=row.clustering_order
            )
            for row in rows
        }

    # -- writing

    def publish_keyspace(self, name: str) -> None:
        public, _ = system_tables.public_name((name, ""))
        if public == name:
            self.keyspaces[name] = Status.ACTIVE
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._insert(
                f'"{schema}".keyspaces',
                {
                    "keyspace_name": public,
                    "durable_writes": True,
                    "replication": _REPLICATION,
                },
            )

    def begin_keyspace_drop(self, name: str) -> None:
        """From now on it is dropped, also if the endpoint is killed first."""
        self._insert(system_tables.DROPPED_KEYSPACES, {"keyspace_name": name})
        self.keyspaces[name] = Status.DELETING

    def forget_keyspace(self, name: str) -> None:
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._session.execute(f'DELETE FROM "{schema}".keyspaces WHERE keyspace_name = %s', (name,))
        self._session.execute('DELETE FROM "_system_schema_mcs".tags WHERE keyspace_name = %s', (name,))
        for keyspace, type_ in list(self.types):
            if keyspace == name:
                self.forget_type(keyspace, type_)
        self._session.execute(f"DELETE FROM {system_tables.DROPPED_KEYSPACES} WHERE keyspace_name = %s", (name,))
        self.keyspaces.pop(name, None)  # last: this may fail, and is tried again

    def list_table(self, table: Table) -> None:
        """In system_schema_mcs only, with its status."""
        # In memory first: who sees that it is ACTIVE may use it at once.
        if system_tables.public_name((table.keyspace, table.name))[0] == table.keyspace:
            self.tables[table.keyspace, table.name] = table
        self._write_table("_system_schema_mcs", table)

    def publish_table(self, table: Table) -> None:
        """As ACTIVE, with what Cassandra has."""
        table = replace(table, status=Status.ACTIVE)
        if system_tables.is_hidden(table.keyspace, table.name):
            return
        self._write_table("_system_schema", table)
        public, _ = system_tables.public_name((table.keyspace, table.name))
        columns = [
            {**row, "keyspace_name": public} for row in self._rows("system_schema.columns", table.keyspace, table.name)
        ]
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._insert(f'"{schema}".columns', *columns)
        # Last: who sees that it is ACTIVE may also look for its columns.
        self.list_table(table)

    def set_status(self, table: Table, status: Status) -> None:
        self._session.execute(
            'UPDATE "_system_schema_mcs".tables SET status = %s WHERE keyspace_name = %s AND table_name = %s',
            (str(status), table.keyspace, table.name),
        )
        self.tables[table.keyspace, table.name] = replace(table, status=status)

    def hide_table(self, keyspace: str, name: str) -> None:
        """From system_schema; system_schema_mcs goes on listing it."""
        for table in ("tables", "columns"):
            self._session.execute(
                f'DELETE FROM "_system_schema".{table} WHERE keyspace_name = %s AND table_name = %s', (keyspace, name)
            )

    def forget_table(self, keyspace: str, name: str) -> None:
        self.hide_table(keyspace, name)
        for table, key in (("tables", "table_name"), ("columns", "table_name"), ("tags", "resource_name")):
            self._session.execute(
                f'DELETE FROM "_system_schema_mcs".{table} WHERE keyspace_name = %s AND {key} = %s', (keyspace, name)
            )
        self.tables.pop((keyspace, name), None)  # last: this may fail, and is tried again

    def publish_type(self, keyspace: str, name: str) -> None:
        """With what Cassandra has; forgets it if it has none."""
        rows = self._rows("system_schema.types", keyspace, name, key="type_name")
        if not rows:
            self.forget_type(keyspace, name)
            return
        self._insert('"_system_schema".types', *rows)
        self.types[keyspace, name] = Status.ACTIVE
        self._insert('"_system_schema_mcs".types', *({**row, "status": "ACTIVE"} for row in rows))

    def forget_type(self, keyspace: str, name: str) -> None:
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._session.execute(
                f'DELETE FROM "{schema}".types WHERE keyspace_name = %s AND type_name = %s', (keyspace, name)
            )
        self.types.pop((keyspace, name), None)

    def record(self, table: Table, event: str) -> None:
        """In tables_history."""
        self._insert(
            '"_system_schema_mcs".tables_history',
            {
                "keyspace_name": table.keyspace,
                "table_name": table.name,
                "event_time": datetime.datetime.now(datetime.UTC),
                "creation_time": table.created,
                "custom_properties": table.properties,
                "event": event,
            },
        )

    def tag(self, keyspace: str, table: str | None, *, add: Mapping[str, str], drop: Iterable[str] = ()) -> None:
        resource = table if table is not None else keyspace
        row = self._session.execute(
            'SELECT tags FROM "_system_schema_mcs".tags WHERE keyspace_name = %s AND resource_name = %s',
            (keyspace, resource),
        ).one()
        tags = {**(row.tags if row and row.tags else {}), **add}
        for key in drop:
            tags.pop(key, None)
        self._insert(
            '"_system_schema_mcs".tags',
            {
                "resource_id": self.arn(keyspace, table),
                "keyspace_name": keyspace,
                "resource_name": resource,
                "resource_type": "table" if table is not None else "keyspace",
                "tags": tags,
            },
        )

    def _write_table(self, schema: str, table: Table) -> None:
        """With Cassandra's options, once it has the table."""
        public, _ = system_tables.public_name((table.keyspace, table.name))
        row: dict[str, Any] = {"table_name": table.name}
        for options in self._rows("system_schema.tables", table.keyspace, table.name):
            row |= options
        row["keyspace_name"] = public
        if schema == "_system_schema_mcs":
            row |= {
                "creation_time": table.created,
                "custom_properties": table.properties,
                "status": str(table.status),
            }
        self._insert(f'"{schema}".tables', row)

    def _rows(self, table: str, keyspace: str, name: str, key: str = "table_name") -> list[dict[str, Any]]:
        rows = self._session.execute(f"SELECT * FROM {table} WHERE keyspace_name = %s AND {key} = %s", (keyspace, name))
        return [row._asdict() for row in rows]

    def _names(self, table: str, *columns: str) -> list[tuple[str, ...]]:
        """Of what is not Cassandra's own."""
        rows = self._session.execute(f"SELECT {', '.join(columns)} FROM {table}")
        return [tuple(row) for row in rows if row.keyspace_name not in system_tables.CASSANDRAS_OWN]

    def _insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Of each row, the columns that `table` has."""
        if table not in self._inserts:
            columns = [column[2] for column in self._session.prepare(f"SELECT * FROM {table}").result_metadata]
            marks = ", ".join("?" for _ in columns)
            insert = self._session.prepare(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})")
            self._inserts[table] = insert, columns
        insert, columns = self._inserts[table]
        for pending in [self._session.execute_async(insert, [row.get(name) for name in columns]) for row in rows]:
            pending.result()
