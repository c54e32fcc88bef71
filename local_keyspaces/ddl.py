"""Statements that change keyspaces, tables and types: what they may ask for in Keyspaces, and what they then do.

Source: developer guide, "DDL statements" and "Quotas".
"""

import re
from collections.abc import Iterable, Mapping

from local_keyspaces import cql, results, system_tables
from local_keyspaces.cql import Option, Type
from local_keyspaces.iam import Principal
from local_keyspaces.plans import LONGEST_NAME, Access, full_name, read_only
from local_keyspaces.refusals import invalid
from local_keyspaces.schema import Schema
from local_keyspaces.tables import Properties, Status, TableSchema

_NAME = re.compile(rf"[a-zA-Z0-9][a-zA-Z0-9_]{{0,{LONGEST_NAME - 1}}}")
_DEEPEST = 8
_LONGEST_TTL = 630_720_000  # seconds
_UNSUPPORTED_TYPES = ("duration", "vector")
_SWITCHES = ("client_side_timestamps", "point_in_time_recovery", "ttl")
_PROPERTIES = (*_SWITCHES, "capacity_mode", "cdc_specification", "encryption_specification", "warm_throughput")
_IGNORED_OPTIONS = frozenset(
    "bloom_filter_fp_chance caching compaction compression crc_check_chance dclocal_read_repair_chance"
    " gc_grace_seconds max_index_interval memtable_flush_period_in_ms min_index_interval read_repair_chance"
    " speculative_retry".split()
)


async def run(statement: cql.SchemaChange, *, keyspace: str | None, principal: Principal, schema: Schema) -> bytes:
    """keyspace: of the connection. Returns the body of the RESULT. Raises Refused."""
    name, table = _target(statement, keyspace)
    if name in system_tables.KEYSPACES:
        raise read_only(name)
    for access in _accesses(statement, name, table):
        access.require(principal, schema.catalog)
    match statement:
        case cql.CreateKeyspace():
            return await _create_keyspace(statement, schema)
        case cql.AlterKeyspace():
            _check_keyspace_options(statement.options, required=False)
            if statement.add_tags or statement.drop_tags:
                await schema.tag(name, None, add=statement.add_tags, drop=statement.drop_tags)
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


def _result(changed: bool, change: str, target: str, *names: str) -> bytes:
    return results.schema_change(change, target, *names) if changed else results.VOID


def _target(statement: cql.SchemaChange, keyspace: str | None) -> tuple[str, str | None]:
    match statement:
        case cql.CreateKeyspace() | cql.AlterKeyspace() | cql.DropKeyspace():
            return statement.keyspace, None
        case cql.CreateType() | cql.DropType():
            return full_name(statement.name, keyspace)[0], None
        case _:
            return full_name(statement.table, keyspace)


def _accesses(statement: cql.SchemaChange, keyspace: str, table: str | None) -> Iterable[Access]:
    """Types are no resources of IAM: their keyspace is (developer guide, "Permissions for UDTs")."""
    match statement:
        case cql.CreateKeyspace() | cql.CreateTable() | cql.CreateType():
            yield Access(action="Create", keyspace=keyspace, table=table)
            if not isinstance(statement, cql.CreateType) and "tags" in statement.options:
                yield Access(action="TagResource", keyspace=keyspace, table=table)
        case cql.AlterKeyspace() | cql.AlterTable():
            if statement.add_tags:
                yield Access(action="TagResource", keyspace=keyspace, table=table)
            if statement.drop_tags:
                yield Access(action="UntagResource", keyspace=keyspace, table=table)
            if statement.options or (isinstance(statement, cql.AlterTable) and statement.add):
                yield Access(action="Alter", keyspace=keyspace, table=table)
        case _:
            yield Access(action="Drop", keyspace=keyspace, table=table)


async def _create_keyspace(statement: cql.CreateKeyspace, schema: Schema) -> bytes:
    name = statement.keyspace
    _check_name("keyspace", name)
    if name.startswith("system"):
        raise invalid(f"keyspace name {name!r}: names that begin with 'system' are the service's own")
    _check_keyspace_options(statement.options, required=True)
    tags = _text_map(statement.options, "tags")
    changed = await schema.create_keyspace(name, if_not_exists=statement.if_not_exists, tags=tags)
    return _result(changed, "CREATED", "KEYSPACE", name)


def _check_keyspace_options(options: Mapping[str, Option], *, required: bool) -> None:
    for option in options:
        if option not in ("replication", "durable_writes", "tags", "client_side_timestamps"):
            raise invalid(f"Unknown property '{option}'")
    if options.get("durable_writes", "true") != "true":
        raise invalid("durable_writes must be true: writes to Amazon Keyspaces are always durable")
    if "replication" not in options:
        if required:
            raise invalid("Missing mandatory replication strategy class")
        return
    strategy = _text_map(options, "replication").get("class", "").rpartition(".")[2]
    if strategy == "NetworkTopologyStrategy":
        raise invalid("This local endpoint has one Region: use {'class': 'SingleRegionStrategy'}")
    if strategy not in ("SingleRegionStrategy", "SimpleStrategy", "DefaultReplication"):
        raise invalid(f"Unknown replication strategy {strategy!r}: use {{'class': 'SingleRegionStrategy'}}")


async def _create_table(statement: cql.CreateTable, keyspace: str, schema: Schema) -> bytes:
    name = statement.table.name
    _check_name("table", name)
    for column, type_ in statement.columns.items():
        _check_type(f"column {column}", type_, keyspace, schema)
    _check_table_options(statement.options)
    properties = _properties(statement.options)
    time_to_live = _time_to_live(statement.options)
    if time_to_live:
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
            default_time_to_live=time_to_live or 0,
            comment=str(statement.options.get("comment", "")),
            tags=_text_map(statement.options, "tags"),
        ),
        if_not_exists=statement.if_not_exists,
    )
    return _result(changed, "CREATED", "TABLE", keyspace, name)


async def _alter_table(statement: cql.AlterTable, keyspace: str, name: str, schema: Schema) -> None:
    if statement.add_tags or statement.drop_tags:
        await schema.tag(keyspace, name, add=statement.add_tags, drop=statement.drop_tags)
    elif statement.add:
        for column, type_ in statement.add.items():
            _check_type(f"column {column}", type_, keyspace, schema)
        columns = {column: type_.cql for column, type_ in statement.add.items()}
        await schema.add_columns(keyspace, name, columns, statement.static)
    else:
        _check_table_options(statement.options)
        properties, time_to_live = _properties(statement.options), _time_to_live(statement.options)
        if len(properties) + (time_to_live is not None) > 1:
            raise invalid("ALTER TABLE can change one custom property at a time")
        table = schema.catalog.require_table(keyspace, name)
        for switch in ("ttl", "client_side_timestamps"):
            if switch in properties and table.enabled(switch) and properties[switch].get("status") != "enabled":
                raise invalid(f"{switch} cannot be disabled once it is enabled")
        options = {}
        if time_to_live is not None:
            options["default_time_to_live"] = str(time_to_live)
            properties = {**properties, "ttl": {"status": "enabled"}} if time_to_live else properties
        if "comment" in statement.options:
            options["comment"] = "'{}'".format(str(statement.options["comment"]).replace("'", "''"))
        await schema.set_options(keyspace, name, properties, options)


async def _create_type(statement: cql.CreateType, keyspace: str, schema: Schema) -> bytes:
    name = statement.name.name
    for field, type_ in statement.fields.items():
        _check_type(f"field {field}", type_, keyspace, schema)
    fields = {field: type_.cql for field, type_ in statement.fields.items()}
    changed = await schema.create_type(keyspace, name, fields, if_not_exists=statement.if_not_exists)
    return _result(changed, "CREATED", "TYPE", keyspace, name)


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{what} name {name!r}: use 1 to 48 letters, digits and underscores, and begin with no underscore"
        )


def _check_type(what: str, type_: Type, keyspace: str, schema: Schema) -> None:
    for name in sorted(type_.names):
        if name in _UNSUPPORTED_TYPES:
            raise invalid(f"{what}: type {name} is not yet supported.")
        of, _, plain = name.rpartition(".")
        type_name = (of or keyspace).strip('"'), plain.strip('"')
        if schema.catalog.types.get(type_name, Status.ACTIVE) is not Status.ACTIVE:
            raise invalid(f"Unknown type {'.'.join(type_name)}")
    if type_.frozen_depth > _DEEPEST:
        raise invalid(f"{what}: {type_.frozen_depth} levels of nesting; at most {_DEEPEST} are supported")


def _check_table_options(options: Mapping[str, Option]) -> None:
    for option in options:
        if option in ("custom_properties", "default_time_to_live", "comment", "tags") or option in _IGNORED_OPTIONS:
            continue
        if option in ("autoscaling_settings", "cdc"):
            raise invalid(f"{option} is not modelled by this local endpoint")
        raise invalid(f"Unknown property '{option}'")


def _properties(options: Mapping[str, Option]) -> Properties:
    properties: dict[str, Mapping[str, str]] = {}
    given = options.get("custom_properties", {})
    if not isinstance(given, Mapping):
        raise invalid("custom_properties must be a map")
    for key in given:
        name = key.lower()
        if name not in _PROPERTIES:
            raise invalid(f"Unknown custom property '{key}'; there are {', '.join(sorted(_PROPERTIES))}")
        values = _text_map(given, key)
        if name in _SWITCHES:
            if set(values) != {"status"} or values["status"].lower() not in ("enabled", "disabled"):
                raise invalid(f"custom property {name} must be {{'status': 'enabled'}} or {{'status': 'disabled'}}")
            values = {"status": values["status"].lower()}
        elif name == "capacity_mode":
            _check_capacity(values)
        properties[name] = values
    return properties


def _check_capacity(values: Mapping[str, str]) -> None:
    mode, units = values.get("throughput_mode"), {"read_capacity_units", "write_capacity_units"}
    if mode == "PAY_PER_REQUEST" and not values.keys() & units:
        return
    if mode != "PROVISIONED" or not values.keys() >= units:
        raise invalid(
            "capacity_mode must be {'throughput_mode': 'PAY_PER_REQUEST'}, or 'PROVISIONED' with read_capacity_units"
            " and write_capacity_units"
        )


def _time_to_live(options: Mapping[str, Option]) -> int | None:
    text = options.get("default_time_to_live")
    if text is None:
        return None
    if not isinstance(text, str) or not text.isdigit() or int(text) > _LONGEST_TTL:
        raise invalid(f"default_time_to_live must be between 0 and {_LONGEST_TTL}")
    return int(text)


def _text_map(options: Mapping[str, Option], name: str) -> Mapping[str, str]:
    """Raises Refused unless it is a map of text, or absent."""
    value = options.get(name, {})
    if not isinstance(value, Mapping):
        raise invalid(f"{name} must be a map")
    texts = {key: text for key, text in value.items() if isinstance(text, str)}
    if len(texts) != len(value):
        raise invalid(f"{name} must be a map of text")
    return texts
