"""A Keyspaces table: the declaration in a program, and the resources created from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, raise_for
from components.arns import KMS_KEY
from components.tables.capacity import (
    Capacity,
    Dimension,
    OnDemand,
    TableScaling,
    capacity_specification,
    changes_left_to_scaling,
    create_scaling,
)
from components.tables.columns import NAME, column_mistakes
from components.tables.schema import Scaling, TableSchema

TIME_TO_LIVE_MAX = 630_720_000  # 20 years; Keyspaces API reference, UpdateTable


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table to create. The only place that lists its columns.

    name: 1 to 48 of a-z, 0-9 and _; it is the table's name in AWS too.
    columns: CQL type by column name, such as `{"id": "text", "population": "int", "names": "map<text, text>"}`.
    partition_key: the columns, in order, that decide where a row is stored.
    clustering_key: sort order by column name, in order, for the rows of one partition.
    static: columns that have one value for all rows of a partition.
    capacity: `OnDemand` or `Provisioned`.
    point_in_time_recovery: keep 35 days of continuous backups (billed by size).
    kms_key_arn: encrypt with this customer managed key, of the stack's region, instead of one that AWS owns. The key
    policy or IAM must allow the principal that runs `pulumi up`, where `kms:ViaService` is `cassandra.*.amazonaws.com`,
    to kms:Encrypt, kms:Decrypt, kms:ReEncrypt*, kms:GenerateDataKey*, kms:DescribeKey and kms:CreateGrant (Keyspaces
    developer guide, "How to use customer managed keys"); whether the tasks' roles need kms:Decrypt too is UNVERIFIED.
    Keyspaces deletes a table whose key cannot be used for seven days ("Encryption at rest: How it works").
    time_to_live: None: rows do not expire. 0: only rows that are written with a TTL expire. n: all other rows expire,
    too, n seconds after they are written. At most 20 years. Once on, TTL can never be turned off ("Update the default
    Time to Live value"). An existing table needs two updates, from None to 0 and then to n: the aws provider sets the
    default before it turns TTL on, and `TableSchema` refuses both in one update (whether Keyspaces would accept that
    order is UNVERIFIED).
    client_side_timestamps: allow `USING TIMESTAMP` and `WRITETIME`. They can never be turned off (API reference,
    UpdateTable).
    allow_replacement: let a change that Keyspaces cannot make in place replace the table, which loses its rows. Without
    it such a change is refused, in `pulumi preview` too; see `TableSchemaProvider`. Adding a column keeps the rows.

    This check does not protect the rows in two cases: when the microservice is deleted, and when the keyspace gets
    another name with `pulumi up --skip-preview`, since Pulumi then deletes the tables before it runs the check.
    `Environment(protect=True)` prevents both.
    To rename the microservice that owns the table, give it `opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name=
    <the old name>)])`; without the alias, Pulumi tries to create the table again before it deletes the old one, and the
    update fails because the name exists.

    Raises InvalidArguments for what Keyspaces or the aws provider would refuse.
    """

    name: str
    columns: Mapping[str, str]
    partition_key: Sequence[str]
    clustering_key: Mapping[str, Literal["ASC", "DESC"]] = field(default_factory=dict)
    static: Sequence[str] = ()
    capacity: Capacity = field(default_factory=OnDemand)
    point_in_time_recovery: bool = False
    kms_key_arn: pulumi.Input[str] | None = None
    time_to_live: int | None = None
    client_side_timestamps: bool = False
    allow_replacement: bool = False

    def __post_init__(self) -> None:
        raise_for(
            f"Table {self.name!r}",
            {
                "name": None if NAME.fullmatch(self.name) else "is no table name; use 1 to 48 of a-z, 0-9 and _",
                **column_mistakes(self.columns, self.partition_key, self.clustering_key, self.static),
                "kms_key_arn": KMS_KEY.mistake(self.kms_key_arn),
                "time_to_live": outside(self.time_to_live or 0, 0, TIME_TO_LIVE_MAX, "seconds, or None"),
            },
        )


@dataclass(frozen=True, kw_only=True)
class KeyspacesTable:
    """A table that a microservice uses. name: the program's name for it.

    schema: refuses changes that would lose the rows; None for an existing table. scaling: of `read` and `write`, if
    they have a range.
    """

    name: str
    table: aws.keyspaces.Table
    schema: TableSchema | None = None
    scaling: Mapping[Dimension, TableScaling] = field(default_factory=dict)


def create_table(
    name: str,
    table: Table,
    *,
    keyspace: aws.keyspaces.Keyspace,
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> KeyspacesTable:
    """Declares `table` in `keyspace`: encrypted, with a schema guard, and protected from deletion if `protect`.

    The aws provider waits until the table is ACTIVE, so resources that depend on it can use it.
    """
    schema = TableSchema(
        name,
        keyspace=keyspace.name,
        table=table.name,
        columns=table.columns,
        partition_key=table.partition_key,
        clustering_key=table.clustering_key,
        static=table.static,
        time_to_live=table.time_to_live,
        client_side_timestamps=table.client_side_timestamps,
        capacity=_scaling_of(table.capacity),
        allow_replacement=table.allow_replacement,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    created = aws.keyspaces.Table(
        name,
        keyspace_name=keyspace.name,
        table_name=table.name,
        schema_definition=_schema_definition(table),
        capacity_specification=capacity_specification(table.capacity),
        encryption_specification=(
            {"type": "AWS_OWNED_KMS_KEY"}
            if table.kms_key_arn is None
            else {
                "type": "CUSTOMER_MANAGED_KMS_KEY",
                "kms_key_identifier": KMS_KEY.in_region("Table", "kms_key_arn", table.kms_key_arn, account),
            }
        ),
        point_in_time_recovery={"status": "ENABLED" if table.point_in_time_recovery else "DISABLED"},
        # TTL and timestamps know only ENABLED, so off is None. The provider takes no default of 0, so 0 is None, too.
        ttl=None if table.time_to_live is None else {"status": "ENABLED"},
        default_time_to_live=table.time_to_live or None,
        client_side_timestamps={"status": "ENABLED"} if table.client_side_timestamps else None,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[schema],
            protect=protect or None,  # None keeps the parent's own protection
            # The name in AWS is fixed, so the old table must be deleted before the new one is created.
            delete_before_replace=True,
            ignore_changes=changes_left_to_scaling(table.capacity),
        ),
    )
    return KeyspacesTable(
        name=table.name,
        table=created,
        schema=schema,
        scaling=create_scaling(name, table.capacity, table=created, tags=tags, parent=parent),
    )


def _schema_definition(table: Table) -> aws.keyspaces.TableSchemaDefinitionArgsDict:
    definition: aws.keyspaces.TableSchemaDefinitionArgsDict = {
        "columns": [{"name": column, "type": cql_type} for column, cql_type in table.columns.items()],
        "partition_keys": [{"name": column} for column in table.partition_key],
        "clustering_keys": [{"name": column, "order_by": order} for column, order in table.clustering_key.items()],
    }
    if table.static:
        definition["static_columns"] = [{"name": column} for column in table.static]
    return definition


def _scaling_of(capacity: Capacity) -> Scaling:
    if isinstance(capacity, OnDemand):
        return "on demand"
    return "scaled" if changes_left_to_scaling(capacity) else "fixed"
