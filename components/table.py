"""A Keyspaces table: what a microservice declares, and the resource made from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

_NAME = re.compile(r"[a-z0-9_]{1,48}")  # what the aws provider accepts for a table
_COLUMN = re.compile(r"[a-z0-9_]{1,48}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table to create. The only place where its columns are written down.

    name: 1 to 48 of a-z, 0-9 and _; it is the table's name in AWS too.
    columns: CQL type by column name, such as `{"id": "text", "population": "int"}`.
    partition_key: the columns, in order, that decide where a row is stored.
    clustering_key: sort order by column name, for the rows of one partition.
    point_in_time_recovery: keep 35 days of continuous backups (billed by size).

    Raises ValueError for a name Keyspaces would refuse and for a key that is not a column.
    Keyspaces cannot change a key, or remove or retype a column, in place: the provider then replaces the table,
    and its rows are gone. Adding a column keeps them.
    """

    name: str
    columns: Mapping[str, str]
    partition_key: Sequence[str]
    clustering_key: Mapping[str, Literal["ASC", "DESC"]] = field(default_factory=dict)
    point_in_time_recovery: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"table name {self.name!r}: use 1 to 48 of a-z, 0-9 and _")
        for column in self.columns:
            if not _COLUMN.fullmatch(column):
                raise ValueError(f"table {self.name}: column {column!r}: use 1 to 48 of a-z, 0-9 and _")
        if not self.partition_key:
            raise ValueError(f"table {self.name}: name at least one column in partition_key")
        for column in (*self.partition_key, *self.clustering_key):
            if column not in self.columns:
                raise ValueError(f"table {self.name}: key column {column!r} is not in columns")


def create_table(
    name: str,
    table: Table,
    *,
    keyspace: aws.keyspaces.Keyspace,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.keyspaces.Table:
    """Declares `table` in `keyspace`: encrypted, on demand, and undeletable if `protect`."""
    return aws.keyspaces.Table(
        name,
        keyspace_name=keyspace.name,
        table_name=table.name,
        schema_definition={
            "columns": [{"name": column, "type": cql_type} for column, cql_type in table.columns.items()],
            "partition_keys": [{"name": column} for column in table.partition_key],
            "clustering_keys": [{"name": column, "order_by": order} for column, order in table.clustering_key.items()],
        },
        capacity_specification={"throughput_mode": "PAY_PER_REQUEST"},
        encryption_specification={"type": "AWS_OWNED_KMS_KEY"},
        point_in_time_recovery={"status": "ENABLED" if table.point_in_time_recovery else "DISABLED"},
        tags=dict(tags),
        opts=pulumi.ResourceOptions(
            parent=parent,
            protect=protect,
            # The name in AWS is fixed, so the old table must go before a new one can come.
            delete_before_replace=True,
        ),
    )
