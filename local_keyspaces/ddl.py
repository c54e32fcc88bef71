"""Statements that change keyspaces, tables and types: checks them by Keyspaces' rules, and executes them.

Source: developer guide, "DDL statements" and "Quotas".
"""

import re
from collections.abc import Iterable, Sequence

from local_keyspaces import cql, options, plans, replication, results, system_tables
from local_keyspaces.cql import Type
from local_keyspaces.iam import Principal
from local_keyspaces.options import TableOptions
from local_keyspaces.plans import LONGEST_NAME, Access, UpdatePartitioner, full_name, read_only
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import invalid
from local_keyspaces.schema import Schema
from local_keyspaces.tables import Status, TableSchema

_NAME = re.compile(rf"[a-zA-Z0-9][a-zA-Z0-9_]{{0,{LONGEST_NAME - 1}}}")
_UNSUPPORTED_TYPES = ("duration", "vector")


async def run(statement: plans.Change, *, keyspace: str | None, principal: Principal, schema: Schema) -> bytes:
    """Executes a statement, and returns the body of its RESULT. keyspace: the connection's. Raises Refused."""
    if isinstance(statement, UpdatePartitioner):
        await _update_partitioner(statement, principal, schema)
        return results.VOID
    name, table = _target(statement, keyspace)
    for access in accesses(statement, keyspace):
        access.require(principal, schema.catalog)
    match statement:
        case cql.CreateKeyspace():
            return await _create_keyspace(statement, schema)
        case cql.AlterKeyspace():
            await _alter_keyspace(statement, schema)
            return results.schema_change("UPDATED", "KEYSPACE", name)
        case cql.DropKeyspace():
            changed = await schema.drop_keyspace(name, if_exists=statement.if_exists)
            return _result(changed, "DROPPED", "KEYSPACE", name)
        case cql.CreateTable():
            return await _create_table(statement, name, schema)
        case cql.AlterTable():
            assert table is not None
            await _alter_table(statement, name, table, schema)
            return results.schema_change("UPDATED", "TABLE", name, table)
        case cql.DropTable():
            assert table is not None
            changed = await schema.drop_table(name, table, if_exists=statement.if_exists)
            return _result(changed, "DROPPED", "TABLE", name, table)
        case cql.CreateType():
            return await _create_type(statement, name, schema)
        case cql.DropType():
            type_ = statement.name.name
            changed = await schema.drop_type(name, type_, if_exists=statement.if_exists)
            return _result(changed, "DROPPED", "TYPE", name, type_)


def accesses(statement: plans.Change, keyspace: str | None) -> Sequence[Access]:
    """The permissions that a statement needs. keyspace: the connection's. Raises Refused for a system keyspace."""
    if isinstance(statement, UpdatePartitioner):
        return [Access(action="UpdatePartitioner", keyspace="system", table="local")]
    name, table = _target(statement, keyspace)
    if name in system_tables.KEYSPACES:
        raise read_only(name)
    return list(_accesses(statement, name, table))


def _result(changed: bool, change: str, target: str, *names: str) -> bytes:
    return results.schema_change(change, target, *names) if changed else results.VOID


def _target(statement: cql.SchemaChange, keyspace: str | None) -> tuple[str, str | None]:
    match statement:
        case cql.CreateKeyspace() | cql.AlterKeyspace() | cql.DropKeyspace():
            return statement.keyspace, None
        case cql.CreateType() | cql.DropType():
            Quota.TYPE_NAME.check(len(statement.name.name))
            return full_name(statement.name, keyspace)[0], None
        case _:
            return full_name(statement.table, keyspace)


def _accesses(statement: cql.SchemaChange, keyspace: str, table: str | None) -> Iterable[Access]:
    """IAM has no resource for a type, so its keyspace is the resource (developer guide, "Permissions for UDTs")."""
    match statement:
        case cql.CreateKeyspace() | cql.CreateTable() | cql.CreateType():
            yield Access(action="Create", keyspace=keyspace, table=table)
            if isinstance(statement, cql.CreateKeyspace) and replication.names_regions(statement.options):
                yield Access(action="CreateMultiRegionResource", keyspace=keyspace)
            if not isinstance(statement, cql.CreateType) and "tags" in statement.options:
                yield Access(action="TagResource", keyspace=keyspace, table=table)
        case cql.AlterKeyspace() | cql.AlterTable():
            if statement.add_tags:
                yield Access(action="TagResource", keyspace=keyspace, table=table)
            if statement.drop_tags:
                yield Access(action="UntagResource", keyspace=keyspace, table=table)
            if statement.options or (isinstance(statement, cql.AlterTable) and statement.add):
                yield Access(action="Alter", keyspace=keyspace, table=table)
            if isinstance(statement, cql.AlterKeyspace) and replication.names_regions(statement.options):
                # API reference, UpdateKeyspace.
                for action in ("Alter", "Create", "Select", "Modify"):
                    yield Access(action=action, keyspace=keyspace)
                    yield Access(action=f"{action}MultiRegionResource", keyspace=keyspace)
        case _:
            yield Access(action="Drop", keyspace=keyspace, table=table)


async def _update_partitioner(statement: UpdatePartitioner, principal: Principal, schema: Schema) -> None:
    """Sets the account's partitioner, for later connections (developer guide, "How to change the partitioner")."""
    for access in accesses(statement, None):
        access.require(principal, schema.catalog)
    if statement.partitioner not in system_tables.PARTITIONERS:
        raise invalid(
            f"Unknown partitioner {statement.partitioner!r}; use one of {', '.join(system_tables.PARTITIONERS)}"
        )
    await schema.set_partitioner(statement.partitioner)


async def _create_keyspace(statement: cql.CreateKeyspace, schema: Schema) -> bytes:
    name = statement.keyspace
    _check_name("keyspace", name)
    if name.startswith("system"):
        raise invalid(f"keyspace name {name!r}: names that begin with 'system' are reserved for the service")
    replication.check_options(statement.options)
    changed = await schema.create_keyspace(
        name,
        if_not_exists=statement.if_not_exists,
        regions=replication.regions(statement.options, schema.catalog.region),
        tags=options.tags(statement.options.get("tags", {})),
    )
    return _result(changed, "CREATED", "KEYSPACE", name)


async def _alter_keyspace(statement: cql.AlterKeyspace, schema: Schema) -> None:
    name = statement.keyspace
    replication.check_options(statement.options, altered=True)
    if statement.options:
        regions = replication.regions(statement.options, schema.catalog.region)
        if not regions:
            raise invalid("ALTER KEYSPACE can only add Regions: use NetworkTopologyStrategy")
        timestamps = "client_side_timestamps" in statement.options
        await schema.add_regions(name, regions, client_side_timestamps=timestamps)
    else:
        await schema.tag(name, None, add=options.tags(statement.add_tags), drop=statement.drop_tags)


async def _create_table(statement: cql.CreateTable, keyspace: str, schema: Schema) -> bytes:
    name = statement.table.name
    _check_name("table", name)
    for column, type_ in statement.columns.items():
        _check_type(f"column {column}", type_, keyspace, schema)
    _check_key(statement)
    given = TableOptions.read(statement.options)
    properties = given.properties
    if given.time_to_live:
        properties = {"ttl": {"status": "enabled"}, **properties}
    changed = await schema.create_table(
        TableSchema(
            keyspace=keyspace,
            name=name,
            columns={column: type_.cql for column, type_ in statement.columns.items()},
            partition_key=statement.partition_key,
            clustering_key={
                column: statement.clustering_order.get(column, "ASC") for column in statement.clustering_key
            },
            static=statement.static,
            properties=properties,
            autoscaling=given.autoscaling,
            default_time_to_live=given.time_to_live or 0,
            comment=given.comment or "",
            tags=given.tags,
        ),
        if_not_exists=statement.if_not_exists,
    )
    return _result(changed, "CREATED", "TABLE", keyspace, name)


async def _alter_table(statement: cql.AlterTable, keyspace: str, name: str, schema: Schema) -> None:
    if statement.add_tags or statement.drop_tags:
        await schema.tag(keyspace, name, add=options.tags(statement.add_tags), drop=statement.drop_tags)
    elif statement.add:
        for column, type_ in statement.add.items():
            _check_type(f"column {column}", type_, keyspace, schema)
        columns = {column: type_.cql for column, type_ in statement.add.items()}
        await schema.add_columns(keyspace, name, columns, statement.static)
    else:
        await _set_options(TableOptions.read(statement.options), keyspace, name, schema)


async def _set_options(given: TableOptions, keyspace: str, name: str, schema: Schema) -> None:
    properties = given.properties
    if len(properties) + (given.time_to_live is not None) > 1:
        raise invalid("ALTER TABLE can change one custom property at a time")
    if given.tags:
        raise invalid("ALTER TABLE takes tags as ADD TAGS {...} or DROP TAGS {...}")
    table = schema.catalog.require_table(keyspace, name)
    for switch in ("ttl", "client_side_timestamps"):
        if switch in properties and table.enabled(switch) and properties[switch]["status"] != "enabled":
            raise invalid(f"{switch} cannot be disabled once it is enabled")
    changed = {}
    if given.time_to_live is not None:
        changed["default_time_to_live"] = str(given.time_to_live)
        properties = {**properties, "ttl": {"status": "enabled"}} if given.time_to_live else properties
    if given.comment is not None:
        changed["comment"] = "'{}'".format(given.comment.replace("'", "''"))
    await schema.set_options(keyspace, name, properties, changed, given.autoscaling)


async def _create_type(statement: cql.CreateType, keyspace: str, schema: Schema) -> bytes:
    name = statement.name.name
    for field, type_ in statement.fields.items():
        Quota.FIELD_NAME.check(len(field), f"field {field[:20]}...")
        _check_type(f"field {field}", type_, keyspace, schema)
    fields = {field: type_.cql for field, type_ in statement.fields.items()}
    changed = await schema.create_type(keyspace, name, fields, if_not_exists=statement.if_not_exists)
    return _result(changed, "CREATED", "TYPE", keyspace, name)


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{what} name {name!r}: use 1 to 48 letters, digits and underscores, and do not begin with an underscore"
        )


def _check_type(what: str, type_: Type, keyspace: str, schema: Schema) -> None:
    for name in sorted(type_.names):
        if name in _UNSUPPORTED_TYPES:
            raise invalid(f"{what}: type {name} is not yet supported.")
        of, _, plain = name.rpartition(".")
        type_name = (of or keyspace).strip('"'), plain.strip('"')
        known = schema.catalog.types.get(type_name)
        if known is not None and known.status is not Status.ACTIVE:
            raise invalid(f"Unknown type {'.'.join(type_name)}")
    Quota.NESTED_COLLECTIONS.check(type_.depth, what)


def _check_key(statement: cql.CreateTable) -> None:
    """Checks the parts that a TableSchema does not keep, so that Cassandra never sees them.

    Raises Refused with Cassandra's message.
    """
    if not statement.partition_key:
        raise invalid("No PRIMARY KEY specified (exactly one required)")
    key = (*statement.partition_key, *statement.clustering_key)
    for column in key:
        if key.count(column) > 1:
            raise invalid(f"Duplicate column '{column}' in PRIMARY KEY clause for table '{statement.table.name}'")
    order = tuple(statement.clustering_order)
    if order and order != statement.clustering_key:
        raise invalid("Clustering key columns must exactly match columns in CLUSTERING ORDER BY directive")
