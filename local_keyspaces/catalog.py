"""The existing keyspaces, tables and types: in memory to check statements, in the system tables for clients.

Cassandra's schema is authoritative for columns; the system tables add the properties that only Keyspaces has. A table
is listed in system_schema once it can be used, and in system_schema_mcs from the start, with its status.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from cassandra.cluster import Session

from local_keyspaces import system_tables
from local_keyspaces.cql import quoted
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import invalid, no_such_table
from local_keyspaces.replication import Regions, as_shown
from local_keyspaces.tables import Column, Status, Table, UserType, types_in


class Catalog:
    """Methods that write are blocking; methods that read use the memory only."""

    def __init__(self, session: Session, *, region: str, account: str) -> None:
        self._session = session
        self._arn_prefix = f"arn:aws:cassandra:{region}:{account}:"
        self._inserts: dict[str, tuple[Any, list[str]]] = {}
        self.region = region
        self.keyspaces: dict[str, Status] = {}
        # Multi-Region keyspaces only.
        self.regions: dict[str, Regions] = {}
        self.tables: dict[tuple[str, str], Table] = {}
        self.types: dict[tuple[str, str], UserType] = {}

    # -- reading

    def arn(self, keyspace: str, table: str | None = None) -> str:
        """The ARN; a keyspace's ends with a slash. Source: service authorization reference."""
        return f"{self._arn_prefix}/keyspace/{keyspace}/" + (f"table/{table}" if table is not None else "")

    def require_keyspace(self, name: str) -> None:
        """Raises Refused, with the message in the developer guide's "Troubleshooting CQL", unless it can be used."""
        if name not in system_tables.KEYSPACES and self.keyspaces.get(name) is not Status.ACTIVE:
            creating = self.keyspaces.get(name) is Status.CREATING
            rule = ServiceRule.DDL_NOT_WAITED_FOR if creating else ServiceRule.NO_SUCH_TABLE
            raise invalid(f"unconfigured keyspace {name}", rule)

    def require_table(self, keyspace: str, name: str) -> Table:
        """Returns the table. Raises Refused unless it can be used."""
        self.require_keyspace(keyspace)
        table = self.tables.get((keyspace, name))
        if table is None or not table.usable:
            creating = table is not None and table.status is Status.CREATING
            raise no_such_table(
                keyspace, name, ServiceRule.DDL_NOT_WAITED_FOR if creating else ServiceRule.NO_SUCH_TABLE
            )
        return table

    # -- loading

    def load(self) -> None:
        """Loads Cassandra's schema, and finishes the changes that were under way when the endpoint was killed."""
        for (name,) in self._names(system_tables.DROPPED_KEYSPACES, "keyspace_name"):
            self._session.execute(f"DROP KEYSPACE IF EXISTS {quoted(name)}")
            self.forget_keyspace(name)
        replicas: dict[str, list[str]] = {}
        for name, region in self._names('"_system_multiregion_info".keyspaces', "keyspace_name", "region"):
            replicas.setdefault(name, []).append(region)
        self.regions = {name: tuple(sorted(regions)) for name, regions in replicas.items()}
        for (name,) in self._names("system_schema.keyspaces", "keyspace_name"):
            self.publish_keyspace(name)
        for (name,) in self._names('"_system_schema_mcs".keyspaces', "keyspace_name"):
            if name not in self.keyspaces and name not in system_tables.KEYSPACES:
                self.forget_keyspace(name)
        types = self._names("system_schema.types", "keyspace_name", "type_name")
        for keyspace, name in types:  # all of them first: types refer to each other
            self.types[keyspace, name] = self._read_type(keyspace, name)
        for keyspace, name in types:
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
        autoscaling = {
            (row.keyspace_name, row.table_name): row._asdict()
            for row in self._session.execute('SELECT * FROM "_system_schema_mcs".autoscaling')
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
                    settings = {
                        column: dict(value)
                        for column, value in autoscaling.get((keyspace, name), {}).items()
                        if column.endswith("_update") and value
                    }
                    table = replace(table, properties=properties, autoscaling=settings, created=known.creation_time)
                self.publish_table(table)
        for keyspace, name in listed:
            self.forget_table(keyspace, name)

    def read_columns(self, keyspace: str, name: str) -> dict[str, Column]:
        """The table's columns in Cassandra; empty if Cassandra has no such table."""
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
        regions = self.regions.get(name, ())
        self.write_regions(name, regions, Status.ACTIVE)
        if public == name:
            self.keyspaces[name] = Status.ACTIVE
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._insert(
                f'"{schema}".keyspaces',
                {
                    "keyspace_name": public,
                    "durable_writes": True,
                    "replication": as_shown(regions),
                },
            )

    def write_regions(self, name: str, regions: Regions, status: Status) -> None:
        """Sets the keyspace's Regions, and writes them to system_multiregion_info."""
        if regions:
            self.regions[name] = regions
        self._insert(
            '"_system_multiregion_info".keyspaces',
            *({"keyspace_name": name, "region": region, "status": str(status)} for region in regions),
        )

    def begin_keyspace_drop(self, name: str) -> None:
        """Marks the keyspace as dropped; `load` finishes the drop if the endpoint is killed."""
        self._insert(system_tables.DROPPED_KEYSPACES, {"keyspace_name": name})
        self.keyspaces[name] = Status.DELETING

    def forget_keyspace(self, name: str) -> None:
        for schema in ("_system_schema", "_system_schema_mcs", "_system_multiregion_info"):
            self._session.execute(f'DELETE FROM "{schema}".keyspaces WHERE keyspace_name = %s', (name,))
        self._session.execute('DELETE FROM "_system_schema_mcs".tags WHERE keyspace_name = %s', (name,))
        for keyspace, type_ in list(self.types):
            if keyspace == name:
                self.forget_type(keyspace, type_)
        self._session.execute(f"DELETE FROM {system_tables.DROPPED_KEYSPACES} WHERE keyspace_name = %s", (name,))
        self.regions.pop(name, None)
        self.keyspaces.pop(name, None)  # last: the steps above may fail, and are then repeated

    def list_table(self, table: Table) -> None:
        """Lists the table with its status, in system_schema_mcs only."""
        # In memory first: a client that sees ACTIVE may use the table at once.
        if system_tables.public_name((table.keyspace, table.name))[0] == table.keyspace:
            self.tables[table.keyspace, table.name] = table
        self._write_replicas(table)
        key = {"keyspace_name": table.keyspace, "table_name": table.name}
        if table.autoscaling:
            self._insert(
                '"_system_schema_mcs".autoscaling',
                {**key, **{name: settings or None for name, settings in table.autoscaling.items()}},
            )
        self._write_table("_system_schema_mcs", table)

    def publish_table(self, table: Table) -> None:
        """Lists the table as ACTIVE, with its columns and options from Cassandra."""
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
        existing = self.tables.get((table.keyspace, table.name))
        if existing is not None:
            self.tables[table.keyspace, table.name] = replace(table, status=existing.status)
        self._write_references(table.keyspace, table.columns)
        # Last: a client that sees ACTIVE may also look for the columns.
        self.list_table(table)

    def set_status(self, table: Table, status: Status) -> None:
        self._session.execute(
            'UPDATE "_system_schema_mcs".tables SET status = %s WHERE keyspace_name = %s AND table_name = %s',
            (str(status), table.keyspace, table.name),
        )
        self.tables[table.keyspace, table.name] = replace(table, status=status)
        self._write_replicas(self.tables[table.keyspace, table.name])

    def hide_table(self, keyspace: str, name: str) -> None:
        """Removes the table from system_schema; system_schema_mcs still lists it."""
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
        for schema in ('"_system_schema_mcs".autoscaling', '"_system_multiregion_info".tables'):
            self._session.execute(
                f"DELETE FROM {schema} WHERE keyspace_name = %s AND table_name = %s", (keyspace, name)
            )
        forgotten = self.tables.pop((keyspace, name), None)  # late: the steps above may fail, and are then repeated
        if forgotten is not None:
            self._write_references(keyspace, forgotten.columns)

    def publish_type(self, keyspace: str, name: str) -> None:
        """Lists the type as Cassandra has it; forgets it if Cassandra does not have it."""
        rows = self._rows("system_schema.types", keyspace, name, key="type_name")
        if not rows:
            self.forget_type(keyspace, name)
            return
        self._insert('"_system_schema".types', *rows)
        self.types[keyspace, name] = type_ = self._read_type(keyspace, name)
        for child in sorted(type_.children & self._types_of(keyspace)):
            self._write_type(keyspace, child)
        self._write_type(keyspace, name)

    def forget_type(self, keyspace: str, name: str) -> None:
        for schema in ("_system_schema", "_system_schema_mcs"):
            self._session.execute(
                f'DELETE FROM "{schema}".types WHERE keyspace_name = %s AND type_name = %s', (keyspace, name)
            )
        self._session.execute(
            'DELETE FROM "_system_multiregion_info".types WHERE keyspace_name = %s AND type_name = %s', (keyspace, name)
        )
        forgotten = self.types.pop((keyspace, name), None)
        if forgotten is not None:
            for child in sorted(forgotten.children & self._types_of(keyspace)):
                self._write_type(keyspace, child)

    def nesting(self, keyspace: str, children: Iterable[str]) -> int:
        """The depth of nested user-defined types, if a type has these children. Unknown types are left out."""
        known = [self.types[keyspace, child] for child in children if (keyspace, child) in self.types]
        return max((1 + self.nesting(keyspace, child.children) for child in known), default=0)

    def tables_with(self, keyspace: str, type_: str) -> list[str]:
        """The tables whose columns name this type, in alphabetical order."""
        return sorted(
            table.name
            for table in self.tables.values()
            if table.keyspace == keyspace and type_ in types_in(column.type for column in table.columns.values())
        )

    def parents(self, keyspace: str, type_: str) -> list[str]:
        """The types that name this one, in alphabetical order."""
        return sorted(name for (of, name), other in self.types.items() if of == keyspace and type_ in other.children)

    def record(self, table: Table, event: str) -> None:
        """Adds an event to tables_history."""
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
        Quota.TAGS.check(len(tags))
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
        """Writes the table's row, with Cassandra's options if Cassandra has the table."""
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

    def _read_type(self, keyspace: str, name: str) -> UserType:
        (row,) = self._rows("system_schema.types", keyspace, name, key="type_name")
        return UserType(fields=dict(zip(row["field_names"], row["field_types"], strict=True)))

    def _write_replicas(self, table: Table) -> None:
        self._insert(
            '"_system_multiregion_info".tables',
            *(
                {
                    "keyspace_name": table.keyspace,
                    "table_name": table.name,
                    "region": region,
                    "status": str(table.status),
                }
                for region in self.regions.get(table.keyspace, ())
            ),
        )

    def _types_of(self, keyspace: str) -> frozenset[str]:
        return frozenset(name for of, name in self.types if of == keyspace)

    def _write_references(self, keyspace: str, columns: Mapping[str, Column]) -> None:
        """Writes the rows of the types that these columns use: each row lists the tables that refer to the type."""
        if known := self._types_of(keyspace):
            for name in sorted(types_in(column.type for column in columns.values()) & known):
                self._write_type(keyspace, name)

    def _write_type(self, keyspace: str, name: str) -> None:
        type_ = self.types[keyspace, name]
        row = {
            "keyspace_name": keyspace,
            "type_name": name,
            "field_names": list(type_.fields),
            "field_types": list(type_.fields.values()),
            "status": str(type_.status),
            "max_nesting_depth": self.nesting(keyspace, type_.children),
            "last_modified_timestamp": datetime.datetime.now(datetime.UTC),
            "direct_referring_tables": self.tables_with(keyspace, name),
            "direct_parent_types": self.parents(keyspace, name),
        }
        self._insert('"_system_schema_mcs".types', row)
        self._insert(
            '"_system_multiregion_info".types',
            *({**row, "region": region} for region in self.regions.get(keyspace, ())),
        )

    def _rows(self, table: str, keyspace: str, name: str, key: str = "table_name") -> list[dict[str, Any]]:
        rows = self._session.execute(f"SELECT * FROM {table} WHERE keyspace_name = %s AND {key} = %s", (keyspace, name))
        return [row._asdict() for row in rows]

    def _names(self, table: str, *columns: str) -> list[tuple[str, ...]]:
        """The names in a table, without Cassandra's own keyspaces."""
        rows = self._session.execute(f"SELECT {', '.join(columns)} FROM {table}")
        return [tuple(row) for row in rows if row.keyspace_name not in system_tables.CASSANDRAS_OWN]

    def _insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Inserts the rows; ignores keys that are not columns of `table`."""
        if table not in self._inserts:
            columns = [column[2] for column in self._session.prepare(f"SELECT * FROM {table}").result_metadata]
            marks = ", ".join("?" for _ in columns)
            insert = self._session.prepare(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})")
            self._inserts[table] = insert, columns
        insert, columns = self._inserts[table]
        for pending in [self._session.execute_async(insert, [row.get(name) for name in columns]) for row in rows]:
            pending.result()
