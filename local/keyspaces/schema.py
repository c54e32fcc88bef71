"""The control plane: creates, changes and drops keyspaces, tables and types, asynchronously as Keyspaces does.

A statement returns once it is accepted. Until its delay is over, what is new cannot be used and is CREATING, and what
is dropped is DELETING and cannot be used any more.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

from cassandra import AlreadyExists, ConfigurationException, InvalidRequest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.protocol import ErrorMessage

from local.keyspaces import system_tables
from local.keyspaces.catalog import DEFAULT_PROPERTIES, Catalog, Properties, Status, Table
from local.keyspaces.frames import ErrorCode
from local.keyspaces.refusals import Refused, already_exists, invalid
from local.keyspaces.tables import TableSchema, create_statement, missing_columns, quoted

_log = logging.getLogger(__name__)


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


class Schema:
    """delay: seconds between a statement and its effect."""

    def __init__(self, session: Session, catalog: Catalog, *, delay: float) -> None:
        self._session = session
        self._delay = delay
        self._under_way: set[asyncio.Task[None]] = set()
        # One change at a time: each reads what the one before has left.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="schema")
        self._closing = asyncio.Event()
        self.catalog = catalog

    @classmethod
    @asynccontextmanager
    async def open(cls, cassandra_port: int, *, region: str, account: str, delay: float) -> AsyncIterator["Schema"]:
        def prepare(session: Session) -> Catalog:
            system_tables.create(session)
            system_tables.write_identity(session, region)
            catalog = Catalog(session, arn_prefix=f"arn:aws:cassandra:{region}:{account}:")
            catalog.load()
            return catalog

        opened = open_session(cassandra_port)
        session = await asyncio.to_thread(opened.__enter__)
        try:
            schema = cls(session, await asyncio.to_thread(prepare, session), delay=delay)
            try:
                yield schema
            finally:
                await schema._close()
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)

    # -- keyspaces

    async def create_keyspace(
        self, name: str, *, tags: Mapping[str, str] | None = None, delay: float | None = None
    ) -> None:
        """Raises Refused. `delay`: in place of the usual one."""

        def create() -> None:
            if name in self.catalog.keyspaces or name in system_tables.KEYSPACES:
                raise already_exists(f'Cannot add existing keyspace "{name}"', name)
            self._run(f"CREATE KEYSPACE {quoted(name)} WITH replication = {system_tables.REPLICATION}")
            self.catalog.keyspaces[name] = Status.CREATING
            if tags:
                self.catalog.tag(name, None, add=tags)

        await self._change(create, lambda: self.catalog.publish_keyspace(name), delay)

    async def drop_keyspace(self, name: str) -> None:
        """With its tables. Raises Refused."""

        def begin() -> None:
            self.catalog.require_keyspace(name)
            tables = self._tables_of(name)
            for table in tables:
                self._require_settled(table)
            self.catalog.keyspaces[name] = Status.DELETING
            for table in tables:
                self._begin_drop(table)

        def finish() -> None:
            self._run(f"DROP KEYSPACE {quoted(name)}")
            for table in self._tables_of(name):
                self.catalog.forget_table(name, table.name)
            self.catalog.forget_keyspace(name)

        await self._change(begin, finish)

    async def tag(self, keyspace: str, table: str | None, *, add: Mapping[str, str], drop: Mapping[str, str]) -> None:
        """Raises Refused."""

        def tag() -> None:
            if table is None:
                self.catalog.require_keyspace(keyspace)
            else:
                self.catalog.require_table(keyspace, table)
            self.catalog.tag(keyspace, table, add=add, drop=drop)

        await self._change(tag)

    # -- tables

    async def create_table(self, schema: TableSchema, *, delay: float | None = None) -> None:
        """Raises Refused. `delay`: in place of the usual one."""
        created: list[Table] = []

        def begin() -> None:
            self.catalog.require_keyspace(schema.keyspace)
            if (schema.keyspace, schema.name) in self.catalog.tables:
                raise already_exists(
                    f'Cannot add already existing table "{schema.name}" to keyspace "{schema.keyspace}"',
                    schema.keyspace,
                    schema.name,
                )
            self._run(create_statement(schema))
            table = replace(
                self.catalog.read_table(schema.keyspace, schema.name),
                properties={**DEFAULT_PROPERTIES, **schema.properties},
                status=Status.CREATING,
            )
            self.catalog.list_table(table)
            self.catalog.record(table, "CREATE TABLE")
            if schema.tags:
                self.catalog.tag(schema.keyspace, schema.name, add=schema.tags)
            created.append(table)

        await self._change(begin, lambda: self.catalog.publish_table(created[0]), delay)

    async def add_columns(self, keyspace: str, name: str, columns: Mapping[str, str], static: frozenset[str]) -> None:
        """Raises Refused."""
        added = ", ".join(
            f"{quoted(column)} {type_}{' static' if column in static else ''}" for column, type_ in columns.items()
        )

        def begin() -> None:
            table = self._settled(keyspace, name)
            for column in columns:
                if column in table.columns:
                    raise invalid(f"Column with name '{column}' already exists")
            self.catalog.set_status(table, Status.UPDATING)

        def finish() -> None:
            table = self.catalog.tables[keyspace, name]
            try:
                self._run(f"ALTER TABLE {quoted(keyspace)}.{quoted(name)} ADD ({added})")
            finally:
                changed = self.catalog.read_table(keyspace, name)
                changed = replace(changed, properties=table.properties, created=table.created)
                self.catalog.publish_table(changed)
            self.catalog.record(changed, "ALTER TABLE")

        await self._change(begin, finish)

    async def set_properties(
        self, keyspace: str, name: str, properties: Properties, default_time_to_live: int | None
    ) -> None:
        """Raises Refused."""

        def begin() -> None:
            self.catalog.set_status(self._settled(keyspace, name), Status.UPDATING)

        def finish() -> None:
            table = self.catalog.tables[keyspace, name]
            if default_time_to_live is not None:
                self._run(
                    f"ALTER TABLE {quoted(keyspace)}.{quoted(name)} WITH default_time_to_live = {default_time_to_live}"
                )
            changed = replace(table, properties={**table.properties, **properties})
            self.catalog.publish_table(changed)
            self.catalog.record(changed, "ALTER TABLE")

        await self._change(begin, finish)

    async def drop_table(self, keyspace: str, name: str) -> None:
        """Raises Refused."""

        def begin() -> None:
            self._begin_drop(self._settled(keyspace, name))

        def finish() -> None:
            self._run(f"DROP TABLE {quoted(keyspace)}.{quoted(name)}")
            self.catalog.forget_table(keyspace, name)

        await self._change(begin, finish)

    async def ensure_keyspace(self, name: str) -> None:
        """As an infrastructure tool has it made, which waits until it can be used. Raises Refused."""
        if name not in self.catalog.keyspaces:
            await self.create_keyspace(name, delay=0)

    async def ensure_table(self, schema: TableSchema) -> None:
        """Creates it or adds the columns it lacks, and returns once it can be used.

        Raises SchemaConflict where Keyspaces would need a new table, and Refused.
        """
        table = self.catalog.tables.get((schema.keyspace, schema.name))
        if table is None:
            await self.create_table(schema, delay=0)
            return
        missing = missing_columns(schema, table)

        def change() -> None:
            for column in missing:
                self._run(
                    f"ALTER TABLE {quoted(schema.keyspace)}.{quoted(schema.name)}"
                    f" ADD {quoted(column)} {schema.columns[column]}{' static' if column in schema.static else ''}"
                )
            changed = self.catalog.read_table(schema.keyspace, schema.name)
            properties = {**DEFAULT_PROPERTIES, **schema.properties}
            self.catalog.publish_table(replace(changed, properties=properties, created=table.created))

        await self._change(change)

    # -- types

    async def create_type(self, keyspace: str, name: str, fields: Mapping[str, str]) -> None:
        """Raises Refused."""

        def begin() -> None:
            self.catalog.require_keyspace(keyspace)
            if (keyspace, name) in self.catalog.types:
                raise invalid(f"A user type with name '{name}' already exists")
            columns = ", ".join(f"{quoted(field_)} {type_}" for field_, type_ in fields.items())
            self._run(f"CREATE TYPE {quoted(keyspace)}.{quoted(name)} ({columns})")
            self.catalog.types[keyspace, name] = Status.CREATING

        await self._change(begin, lambda: self.catalog.publish_type(keyspace, name))

    async def drop_type(self, keyspace: str, name: str) -> None:
        """Raises Refused, also while it is in use."""

        def drop() -> None:
            if self.catalog.types.get((keyspace, name)) is not Status.ACTIVE:
                raise invalid(f"No user type named {keyspace}.{name} exists")
            self._run(f"DROP TYPE {quoted(keyspace)}.{quoted(name)}")
            self.catalog.forget_type(keyspace, name)

        await self._change(drop)

    # --

    async def _change(
        self, begin: Callable[[], None], finish: Callable[[], None] | None = None, delay: float | None = None
    ) -> None:
        """Runs `begin` now and `finish` after the delay; both block, in a thread."""
        # Who asked may leave; what was begun must not stay half done.
        begun = self._track(self._begin(begin, finish, self._delay if delay is None else delay))
        await asyncio.shield(begun)

    async def _begin(self, begin: Callable[[], None], finish: Callable[[], None] | None, delay: float) -> None:
        await self._in_turn(begin)
        if finish is None:
            return
        if delay == 0:
            await self._in_turn(finish)
        else:
            self._track(self._finish(finish, delay))

    async def _finish(self, finish: Callable[[], None], delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), delay)
        try:
            await self._in_turn(finish)
        except Refused as error:
            _log.error("a change of the schema was accepted and then failed: %s", error)

    async def _in_turn(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _track(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        def forget(task: "asyncio.Task[None]") -> None:
            self._under_way.discard(task)
            if not task.cancelled():
                task.exception()  # whoever waits for it is told; if nobody does any more, that is no news

        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(forget)
        return task

    async def _close(self) -> None:
        """Finishes now what was to be finished later."""
        self._closing.set()
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)
        self._worker.shutdown()

    def _run(self, statement: str) -> None:
        """Raises Refused with what Cassandra says."""
        try:
            self._session.execute(statement)
        except AlreadyExists as error:
            raise already_exists(str(error), error.keyspace or "", error.table or "") from None
        except InvalidRequest as error:
            raise invalid(_message(error)) from None
        except ConfigurationException as error:
            raise Refused(ErrorCode.CONFIGURATION_ERROR, _message(error)) from None
        except ErrorMessage as error:
            raise Refused(ErrorCode(error.code), str(error.message)) from None

    def _settled(self, keyspace: str, name: str) -> Table:
        table = self.catalog.tables.get((keyspace, name)) or self.catalog.require_table(keyspace, name)
        self._require_settled(table)
        return table

    def _require_settled(self, table: Table) -> None:
        if table.status is not Status.ACTIVE:
            raise invalid(f"table {table.keyspace}.{table.name} is {table.status}; try again once that is over")

    def _begin_drop(self, table: Table) -> None:
        self.catalog.set_status(table, Status.DELETING)
        self.catalog.hide_table(table.keyspace, table.name)
        self.catalog.record(table, "DROP TABLE")

    def _tables_of(self, keyspace: str) -> list[Table]:
        return [table for table in self.catalog.tables.values() if table.keyspace == keyspace]


def _message(error: Exception) -> str:
    """Without what the driver puts before the server's own words."""
    text = str(error)
    _, found, message = text.partition('message="')
    return message.removesuffix('"') if found else text
