"""What a table is to look like, in the words of CQL, and how far an existing one is from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.keyspaces.catalog import Properties, Table
from local.keyspaces.cql import quoted


class SchemaConflict(Exception):
    """A table is there already, in a form that cannot be changed in place."""


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
    default_time_to_live: int = 0
    comment: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def missing_columns(schema: TableSchema, table: Table) -> list[str]:
    """Raises SchemaConflict."""
    wanted = {
        column: (_as_cassandra_writes(type_), "static" if column in schema.static else "regular", -1, "none")
        for column, type_ in schema.columns.items()
    }
    for position, column in enumerate(schema.partition_key):
        wanted[column] = (wanted[column][0], "partition_key", position, "none")
    for position, (column, order) in enumerate(schema.clustering_key.items()):
        wanted[column] = (wanted[column][0], "clustering", position, order.lower())
    there = {
        name: (column.type, column.kind, column.position, column.clustering_order)
        for name, column in table.columns.items()
    }
    for column in sorted({*there, *wanted}):
        if column in there and wanted.get(column) != there[column]:
            change = "is removed" if column not in wanted else "changes its type or its place in the key"
            raise SchemaConflict(
                f"table {schema.keyspace}.{schema.name} exists and column {column!r} {change}, which Keyspaces"
                " cannot do in place"
            )
        if column not in there and wanted[column][1] in ("partition_key", "clustering"):
            raise SchemaConflict(
                f"table {schema.keyspace}.{schema.name} exists and column {column!r} joins its key, which Keyspaces"
                " cannot do in place"
            )
    return [column for column in wanted if column not in there]


def create_statement(table: TableSchema) -> str:
    columns = ", ".join(
        f"{quoted(column)} {type_}{' static' if column in table.static else ''}"
        for column, type_ in table.columns.items()
    )
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
