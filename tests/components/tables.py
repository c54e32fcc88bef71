"""A table declared in a component of its own."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.tables.table import KeyspacesTable, Table, create_table
from declared.program import Program, Resource
from tests.evaluation import declare, one

THINGS: dict[str, Any] = {
    "name": "things",
    "columns": {"id": "text", "year": "int", "size": "bigint"},
    "partition_key": ["id"],
}
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EVERY_OPTION: dict[str, Any] = {
    "clustering_key": {"year": "DESC"},
    "static": ["size"],
    "point_in_time_recovery": True,
    "kms_key_arn": KEY,
    "time_to_live": 3600,
    "client_side_timestamps": True,
    "allow_replacement": True,
}


def declare_table(*, computed: bool = True, **options: Any) -> Program:
    """Declares the table `things` with `options`, in a keyspace and a component of its own."""

    def run() -> KeyspacesTable:
        owner = pulumi.ComponentResource("test:index:Owner", "store")
        return create_table(
            "store",
            Table(**{**THINGS, **options}),
            keyspace=aws.keyspaces.Keyspace("store", name="shop"),
            account=Account.of(owner),
            protect=True,
            tags={"Stack": "dev"},
            parent=owner,
        )

    return declare(run, computed=computed)


def table_of(program: Program) -> Resource:
    return one(program, "aws:keyspaces/table:Table", "store")
