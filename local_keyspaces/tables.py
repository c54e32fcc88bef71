"""Existing tables, declared tables, the difference between the two, and their CQL."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from local_keyspaces.cql import parse_type, quoted

Properties = Mapping[str, Mapping[str, str]]
"""Keyspaces' custom_properties, such as {'ttl': {'status': 'enabled'}}."""

Autoscaling = Mapping[str, Mapping[str, str]]
"""The values of system_schema_mcs.autoscaling by column; a value is empty if auto scaling is turned off."""

# Source: developer guide, "Create table".
DEFAULT_PROPERTIES: Properties = {
    "capacity_mode": {"throughput_mode": "PAY_PER_REQUEST"},
    "client_side_timestamps": {"status": "disabled"},
    "encryption_specification": {"encryption_type": "AWS_OWNED_KMS_KEY"},
    "point_in_time_recovery": {"status": "disabled"},
    "ttl": {"status": "disabled"},
}


class Status(StrEnum):
    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    DELETING = "DELETING"


@dataclass(frozen=True, kw_only=True)
class Column:
    """kind: partition_key, clustering, static or regular. position: in its part of the key, or -1."""

    type: str
    kind: str
    position: int
    clustering_order: str


@dataclass(frozen=True, kw_only=True)
class Table:
    keyspace: str
    name: str
    columns: Mapping[str, Column]
    status: Status = Status.ACTIVE
    properties: Properties = field(default_factory=lambda: DEFAULT_PROPERTIES)
    autoscaling: Autoscaling = field(default_factory=dict)
    # Columns that were added and cannot be used yet.
    hidden: frozenset[str] = frozenset()
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    @property
    def usable(self) -> bool:
        return self.status in (Status.ACTIVE, Status.UPDATING)

    @cached_property
    def partition_key(self) -> tuple[str, ...]:
        return self._of_kind("partition_key")

    @cached_property
    def clustering_key(self) -> tuple[str, ...]:
        return self._of_kind("clustering")

    @cached_property
    def key(self) -> frozenset[str]:
        """The columns of the primary key."""
        return frozenset((*self.partition_key, *self.clustering_key))

    @cached_property
    def static(self) -> frozenset[str]:
        return frozenset(self._of_kind("static"))

    @cached_property
    def counts(self) -> bool:
        return any(column.type == "counter" for column in self.columns.values())

    def enabled(self, property_: str) -> bool:
        return self.properties.get(property_, {}).get("status", "").lower() == "enabled"

    def _of_kind(self, kind: str) -> tuple[str, ...]:
        found = [(column.position, name) for name, column in self.columns.items() if column.kind == kind]
        return tuple(name for _, name in sorted(found))


@dataclass(frozen=True, kw_only=True)
class UserType:
    """fields: CQL type by name. children: the types of its keyspace that its fields use."""

    fields: Mapping[str, str]
    status: Status = Status.ACTIVE

    @cached_property
    def children(self) -> frozenset[str]:
        return types_in(self.fields.values())


def types_in(columns: Iterable[str]) -> frozenset[str]:
    """The names of the user-defined types in these CQL types."""
    return frozenset().union(*(parse_type(type_).user_types for type_ in columns))


class SchemaConflict(Exception):
    """A table exists already, in a form that cannot be changed in place."""


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """columns: CQL type by name. clustering_key: `ASC` or `DESC` by column name. default_time_to_live: seconds."""

    keyspace: str
    name: str
    columns: Mapping[str, str]
    partition_key: Sequence[str]
    clustering_key: Mapping[str, str] = field(default_factory=dict)
    static: frozenset[str] = frozenset()
    properties: Properties = field(default_factory=dict)
    autoscaling: Autoscaling = field(default_factory=dict)
    default_time_to_live: int = 0
    comment: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def missing_columns(schema: TableSchema, table: Table) -> list[str]:
    """The declared columns that the table lacks. Raises SchemaConflict."""
    wanted = {
        column: (_as_cassandra_writes(type_), "static" if column in schema.static else "regular", -1, "none")
        for column, type_ in schema.columns.items()
    }
    for position, column in enumerate(schema.partition_key):
        wanted[column] = (wanted[column][0], "partition_key", position, "none")
    for position, (column, order) in enumerate(schema.clustering_key.items()):
        wanted[column] = (wanted[column][0], "clustering", position, order.lower())
    existing = {
        name: (column.type, column.kind, column.position, column.clustering_order)
        for name, column in table.columns.items()
    }
    for column in sorted({*existing, *wanted}):
        if column in existing and wanted.get(column) != existing[column]:
            change = "is removed" if column not in wanted else "changes its type or its place in the key"
            raise SchemaConflict(
                f"table {schema.keyspace}.{schema.name} exists and column {column!r} {change}, which Keyspaces"
                " cannot do in place"
            )
        if column not in existing and wanted[column][1] in ("partition_key", "clustering"):
            raise SchemaConflict(
                f"table {schema.keyspace}.{schema.name} exists and column {column!r} joins its key, which Keyspaces"
                " cannot do in place"
            )
    return [column for column in wanted if column not in existing]


def column_definitions(columns: Mapping[str, str], static: frozenset[str]) -> str:
    return ", ".join(
        f"{quoted(column)} {type_}{' static' if column in static else ''}" for column, type_ in columns.items()
    )


def create_statement(table: TableSchema) -> str:
    columns = column_definitions(table.columns, table.static)
    partition_key = ", ".join(map(quoted, table.partition_key))
    clustering_key = "".join(f", {quoted(column)}" for column in table.clustering_key)
    options = []
    if table.clustering_key:
        order = ", ".join(f"{quoted(column)} {direction}" for column, direction in table.clustering_key.items())
        options.append(f"CLUSTERING ORDER BY ({order})")
    if table.default_time_to_live:
        options.append(f"default_time_to_live = {table.default_time_to_live}")
    if table.comment:
        options.append("comment = '{}'".format(table.comment.replace("'", "''")))
    return (
        f"CREATE TABLE {quoted(table.keyspace)}.{quoted(table.name)}"
        f" ({columns}, PRIMARY KEY (({partition_key}){clustering_key}))"
        + (f" WITH {' AND '.join(options)}" if options else "")
    )


def _as_cassandra_writes(type_: str) -> str:
    return re.sub(r"\s*,\s*", ", ", type_.replace("varchar", "text"))
