"""The control plane: creates, changes and drops keyspaces, tables and types, asynchronously as Keyspaces does.

A statement returns when it is accepted. Until its delay is over, a new resource is CREATING, a dropped one is DELETING,
and neither can be used.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from cassandra.cluster import Session

from local_keyspaces import system_tables
from local_keyspaces.cassandra_session import Upstream, open_session, run
from local_keyspaces.catalog import Catalog
from local_keyspaces.changes import Changes
from local_keyspaces.cql import quoted
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import Refused, already_exists, invalid
from local_keyspaces.replication import Regions
from local_keyspaces.tables import (
    DEFAULT_PROPERTIES,
    Autoscaling,
    Properties,
    Status,
    Table,
    TableSchema,
    UserType,
    column_definitions,
    create_statement,
    missing_columns,
    types_in,
)

_TIMESTAMPS: Properties = {"client_side_timestamps": {"status": "enabled"}}


class Schema:
    """delay: seconds between a statement and its effect."""

    def __init__(self, session: Session, catalog: Catalog, *, delay: float) -> None:
        self._session = session
        self._changes = Changes(delay=delay)
        self.catalog = catalog

    @classmethod
    @asynccontextmanager
    async def open(cls, cassandra: Upstream, *, region: str, account: str, delay: float) -> AsyncIterator["Schema"]:
        def prepare(session: Session) -> Catalog:
            system_tables.create(session)
            system_tables.write_identity(session, region)
            catalog = Catalog(session, region=region, account=account)
            catalog.load()
            return catalog

        opened = open_session(cassandra)
        session = await asyncio.to_thread(opened.__enter__)
        try:
            schema = cls(session, await asyncio.to_thread(prepare, session), delay=delay)
            try:
                yield schema
            finally:
                await schema._changes.close()
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)

    # Each of these methods raises Refused, and returns False if there is nothing to change.

    async def create_keyspace(
        self,
        name: str,
        *,
        if_not_exists: bool = False,
        regions: Regions = (),
        tags: Mapping[str, str] | None = None,
        delay: float | None = None,
    ) -> bool:
        """regions: of a multi-Region keyspace. delay: replaces the usual delay."""
        create = f"CREATE KEYSPACE IF NOT EXISTS {quoted(name)} WITH replication = {system_tables.REPLICATION}"

        def begin() -> bool:
            if name in self.catalog.keyspaces:
                if self.catalog.keyspaces[name] is Status.DELETING:
                    raise _not_now(f"keyspace {name}", Status.DELETING)
                if if_not_exists:
                    return False
                raise already_exists(f'Cannot add existing keyspace "{name}"', name)
            Quota.KEYSPACES.check(len(self.catalog.keyspaces) + 1)
            self._run(create)
            self.catalog.write_regions(name, regions, Status.CREATING)
            self.catalog.keyspaces[name] = Status.CREATING
            if tags:
                self.catalog.tag(name, None, add=tags)
            return True

        def finish() -> None:
            self._run(create)
            self.catalog.publish_keyspace(name)

        return await self._changes.make(begin, finish, delay)

    async def add_regions(self, name: str, regions: Regions, *, client_side_timestamps: bool) -> bool:
        """regions: the present and the new Regions. Each table gets client-side timestamps: replication needs them."""

        def begin() -> bool:
            self.catalog.require_keyspace(name)
            existing = self.catalog.regions.get(name, ())
            new = tuple(region for region in regions if region not in existing)
            if not new:
                return False
            if missing := set(existing or (self.catalog.region,)) - set(regions):
                raise invalid(
                    f"replication must keep the Region {', '.join(sorted(missing))}: Regions can only be added"
                )
            if existing and len(new) > 1:
                raise invalid(f"replication adds {', '.join(new)}: add one Region at a time")
            tables = self._tables_of(name)
            for table in tables:
                _require_settled(table)
                if not client_side_timestamps and not table.enabled("client_side_timestamps"):
                    raise invalid(
                        f"table {name}.{table.name} has no client-side timestamps, which replication needs: add"
                        " AND CLIENT_SIDE_TIMESTAMPS = {'status': 'ENABLED'}"
                    )
            self.catalog.write_regions(name, new, Status.CREATING)
            self.catalog.regions[name] = regions
            for table in tables:
                self.catalog.list_table(replace(table, properties={**table.properties, **_TIMESTAMPS}))
            return True

        return await self._changes.make(begin, lambda: self.catalog.publish_keyspace(name))

    async def set_partitioner(self, partitioner: str) -> bool:
        """Sets the partitioner in system.local; the tokens are still those of Cassandra's Murmur3Partitioner."""

        def finish() -> None:
            system_tables.write_partitioner(self._session, partitioner)

        return await self._changes.make(lambda: True, finish)

    async def drop_keyspace(self, name: str, *, if_exists: bool = False) -> bool:
        """Drops the keyspace with its tables."""

        def begin() -> bool:
            status = self.catalog.keyspaces.get(name)
            if status is Status.DELETING or (status is None and if_exists):
                return False
            self.catalog.require_keyspace(name)
            tables = self._tables_of(name)
            for table in tables:
                if table.status is not Status.DELETING:
                    _require_settled(table)
            self.catalog.begin_keyspace_drop(name)
            for table in tables:
                self._begin_drop(table)
            return True

        def finish() -> None:
            self._run(f"DROP KEYSPACE IF EXISTS {quoted(name)}")
            for table in self._tables_of(name):
                self.catalog.forget_table(name, table.name)
            self.catalog.forget_keyspace(name)

        return await self._changes.make(begin, finish)

    async def tag(self, keyspace: str, table: str | None, *, add: Mapping[str, str], drop: Mapping[str, str]) -> bool:
        def tag() -> bool:
            if table is None:
                self.catalog.require_keyspace(keyspace)
            else:
                self.catalog.require_table(keyspace, table)
            self.catalog.tag(keyspace, table, add=add, drop=drop)
            return True

        return await self._changes.make(tag)

    async def create_table(
        self, schema: TableSchema, *, if_not_exists: bool = False, delay: float | None = None
    ) -> bool:
        """delay: replaces the usual delay."""
        empty = Table(
            keyspace=schema.keyspace,
            name=schema.name,
            columns={},
            status=Status.CREATING,
            properties={**DEFAULT_PROPERTIES, **schema.properties},
            autoscaling=schema.autoscaling,
        )
        create = create_statement(schema)

        def begin() -> bool:
            self.catalog.require_keyspace(schema.keyspace)
            existing = self.catalog.tables.get((schema.keyspace, schema.name))
            if existing is not None:
                if existing.status is Status.DELETING:
                    _require_settled(existing)
                if if_not_exists:
                    return False
                raise already_exists(
                    f'Cannot add already existing table "{schema.name}" to keyspace "{schema.keyspace}"',
                    schema.keyspace,
                    schema.name,
                )
            Quota.TABLES.check(sum(keyspace in self.catalog.keyspaces for keyspace, _ in self.catalog.tables) + 1)
            Quota.TABLE_SCHEMA.check(len(create.encode()))
            self._check_types(schema.keyspace, schema.name, schema.columns.values())
            self._check_capacity(empty)
            listed = empty
            if schema.keyspace in self.catalog.regions:
                # Replication needs timestamps (developer guide, "How multi-Region replication works").
                listed = replace(empty, properties={**empty.properties, **_TIMESTAMPS})
            # Listed first, so that its properties are known if this process is killed before the next step.
            self.catalog.list_table(listed)
            try:
                self._run(create)
            except Refused:
                self.catalog.forget_table(schema.keyspace, schema.name)
                raise
            self.catalog.record(listed, "CREATE TABLE")
            if schema.tags:
                self.catalog.tag(schema.keyspace, schema.name, add=schema.tags)
            return True

        def finish() -> None:
            self._settle(self.catalog.tables.get((schema.keyspace, schema.name), empty))

        return await self._changes.make(begin, finish, delay)

    async def add_columns(self, keyspace: str, name: str, columns: Mapping[str, str], static: frozenset[str]) -> bool:
        """Adds columns. Cassandra has them at once; statements that name them are refused until the delay is over."""

        def begin() -> bool:
            table = self._require_settled(keyspace, name)
            for column in columns:
                if column in table.columns:
                    raise invalid(f"Column with name '{column}' already exists")
            existing = {column: known.type for column, known in table.columns.items()}
            self._check_types(keyspace, name, {**existing, **columns}.values())
            Quota.TABLE_SCHEMA.check(
                len(f"CREATE TABLE {keyspace}.{name} ({column_definitions({**existing, **columns}, static)})".encode())
            )
            updating = replace(table, status=Status.UPDATING, hidden=frozenset(columns))
            self._alter(table, updating, f"ADD ({column_definitions(columns, static)})")
            return True

        return await self._changes.make(begin, lambda: self._finish_alter(keyspace, name))

    async def set_options(
        self,
        keyspace: str,
        name: str,
        properties: Properties,
        options: Mapping[str, str],
        autoscaling: Autoscaling | None = None,
    ) -> bool:
        """options: Cassandra's options, in CQL's notation."""

        def begin() -> bool:
            table = self._require_settled(keyspace, name)
            merged = {**table.properties, **properties}
            if "warm_throughput" in properties:  # a statement may set only read or only write units
                merged["warm_throughput"] = {**table.properties.get("warm_throughput", {}), **merged["warm_throughput"]}
            updating = replace(
                table,
                status=Status.UPDATING,
                properties=merged,
                autoscaling={**table.autoscaling, **(autoscaling or {})},
            )
            self._check_capacity(updating)
            given = " AND ".join(f"{option} = {value}" for option, value in options.items())
            self._alter(table, updating, f"WITH {given}" if given else "")
            return True

        return await self._changes.make(begin, lambda: self._finish_alter(keyspace, name))

    async def drop_table(self, keyspace: str, name: str, *, if_exists: bool = False) -> bool:
        def begin() -> bool:
            table = self.catalog.tables.get((keyspace, name))
            if (table is None and if_exists) or (table is not None and table.status is Status.DELETING):
                return False
            self._begin_drop(self._require_settled(keyspace, name))
            return True

        def finish() -> None:
            self._run(f"DROP TABLE IF EXISTS {quoted(keyspace)}.{quoted(name)}")
            self.catalog.forget_table(keyspace, name)

        return await self._changes.make(begin, finish)

    async def create_type(
        self, keyspace: str, name: str, fields: Mapping[str, str], *, if_not_exists: bool = False
    ) -> bool:
        def begin() -> bool:
            self.catalog.require_keyspace(keyspace)
            if (keyspace, name) in self.catalog.types:
                if if_not_exists:
                    return False
                raise invalid(f"A user type with name '{name}' already exists")
            columns = ", ".join(f"{quoted(field)} {type_}" for field, type_ in fields.items())
            create = f"CREATE TYPE {quoted(keyspace)}.{quoted(name)} ({columns})"
            type_ = UserType(fields=fields, status=Status.CREATING)
            Quota.TYPES.check(len(self.catalog.types) + 1)
            Quota.TYPE_SCHEMA.check(len(create.encode()))
            Quota.CHILD_TYPES.check(len(type_.children))
            Quota.TYPE_NESTING.check(1 + self.catalog.nesting(keyspace, type_.children))
            for child in sorted(type_.children):
                Quota.PARENT_TYPES.check(len(self.catalog.parents(keyspace, child)) + 1, f"type {child}")
            self._run(create)
            self.catalog.types[keyspace, name] = type_
            return True

        return await self._changes.make(begin, lambda: self.catalog.publish_type(keyspace, name))

    async def drop_type(self, keyspace: str, name: str, *, if_exists: bool = False) -> bool:
        """Drops a type. Raises Refused also if the type is in use."""

        def drop() -> bool:
            type_ = self.catalog.types.get((keyspace, name))
            if type_ is None and if_exists:
                return False
            if type_ is None or type_.status is not Status.ACTIVE:
                raise invalid(f"No user type named {keyspace}.{name} exists")
            self._run(f"DROP TYPE IF EXISTS {quoted(keyspace)}.{quoted(name)}")
            self.catalog.forget_type(keyspace, name)
            return True

        return await self._changes.make(drop)

    # For an infrastructure tool, which waits until a resource can be used.

    async def ensure_keyspace(self, name: str) -> None:
        """Raises Refused."""
        await self.create_keyspace(name, if_not_exists=True, delay=0)

    async def ensure_table(self, schema: TableSchema) -> None:
        """Creates the table, or adds its missing columns.

        Raises SchemaConflict if Keyspaces would need a new table, and Refused.
        """
        table = self.catalog.tables.get((schema.keyspace, schema.name))
        if table is None:
            await self.create_table(schema, delay=0)
            return
        missing = {column: schema.columns[column] for column in missing_columns(schema, table)}

        def change() -> bool:
            if missing:
                added = column_definitions(missing, schema.static)
                self._run(f"ALTER TABLE {quoted(schema.keyspace)}.{quoted(schema.name)} ADD ({added})")
            self._settle(replace(table, properties={**DEFAULT_PROPERTIES, **schema.properties}))
            return True

        await self._changes.make(change)

    # --

    def _alter(self, table: Table, updating: Table, change: str) -> None:
        # Listed first, so that the new state is known if this step fails and is finished later.
        self.catalog.list_table(updating)
        try:
            if change:
                self._run(f"ALTER TABLE {quoted(table.keyspace)}.{quoted(table.name)} {change}")
        except Refused:
            self.catalog.list_table(table)
            raise
        self.catalog.record(updating, "ALTER TABLE")

    def _finish_alter(self, keyspace: str, name: str) -> None:
        table = self.catalog.tables.get((keyspace, name))
        if table is not None and table.status is Status.UPDATING:
            self._settle(table)

    def _check_types(self, keyspace: str, table: str, columns: Iterable[str]) -> None:
        """Raises Refused if these columns of a table name too many user-defined types, or types in too many tables."""
        types = types_in(columns)
        Quota.TYPES_OF_A_TABLE.check(len(types))
        for type_ in sorted(types):
            tables = {*self.catalog.tables_with(keyspace, type_), table}
            Quota.TABLES_OF_A_TYPE.check(len(tables), f"type {type_}")

    def _check_capacity(self, table: Table) -> None:
        """Checks the capacity that the table will have. Raises Refused."""
        capacity = table.properties["capacity_mode"]
        if capacity["throughput_mode"] != "PROVISIONED":
            if any(table.autoscaling.values()):
                raise invalid("autoscaling_settings are for tables whose throughput_mode is PROVISIONED")
            return
        tables = {**self.catalog.tables, (table.keyspace, table.name): table}.values()
        for units, quota in (
            ("read_capacity_units", Quota.ACCOUNT_READ_CAPACITY),
            ("write_capacity_units", Quota.ACCOUNT_WRITE_CAPACITY),
        ):
            quota.check(sum(int(each.properties.get("capacity_mode", {}).get(units, 0)) for each in tables))

    def _settle(self, table: Table) -> None:
        """Publishes the table with its columns in Cassandra; forgets it if Cassandra has no such table."""
        columns = self.catalog.read_columns(table.keyspace, table.name)
        if columns:
            self.catalog.publish_table(replace(table, columns=columns, hidden=frozenset()))
        else:
            self.catalog.forget_table(table.keyspace, table.name)

    def _run(self, statement: str) -> None:
        run(self._session, statement)

    def _require_settled(self, keyspace: str, name: str) -> Table:
        table = self.catalog.tables.get((keyspace, name)) or self.catalog.require_table(keyspace, name)
        _require_settled(table)
        return table

    def _begin_drop(self, table: Table) -> None:
        self.catalog.set_status(table, Status.DELETING)
        self.catalog.hide_table(table.keyspace, table.name)
        self.catalog.record(table, "DROP TABLE")

    def _tables_of(self, keyspace: str) -> list[Table]:
        return [table for table in self.catalog.tables.values() if table.keyspace == keyspace]


def _require_settled(table: Table) -> None:
    if table.status is not Status.ACTIVE:
        raise _not_now(f"table {table.keyspace}.{table.name}", table.status)


def _not_now(what: str, status: Status) -> Refused:
    return invalid(f"{what} is {status}; try again when this change has ended", ServiceRule.DDL_NOT_WAITED_FOR)
