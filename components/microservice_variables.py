"""The environment variables of a container: the endpoint, keyspace and tables that it uses, and its port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.network.network import Network
from components.network.security_group_rules import CQL_PORT
from components.service.service import Service

OWN_VARIABLES: Final = frozenset(
    {"AWS_REGION", "KEYSPACES_ENDPOINT", "KEYSPACES_KEYSPACE", "PORT", "TRUSTED_PROXIES"},
)
"""The variables below except those of `variable_of`. They are reserved even where a microservice does not get them."""


def variable_of(table: str) -> str:
    """The variable with the name of a table in AWS. table: the program's name for it."""
    return f"KEYSPACES_TABLE_{table.upper()}"


def connection_variables(
    account: Account, keyspace: aws.keyspaces.Keyspace, tables: Mapping[str, aws.keyspaces.Table]
) -> dict[str, pulumi.Input[str]]:
    """tables: by the program's name for each."""
    return {
        "AWS_REGION": account.region,
        # This form is the same in every partition (Keyspaces developer guide, "Service endpoints for Amazon
        # Keyspaces").
        "KEYSPACES_ENDPOINT": pulumi.Output.format(
            "cassandra.{0}.{1}:{2}", account.region, account.dns_suffix, CQL_PORT
        ),
        "KEYSPACES_KEYSPACE": keyspace.name,
        **{variable_of(name): table.table_name for name, table in tables.items()},
    }


def service_variables(run: Service, network: Network) -> dict[str, pulumi.Input[str]]:
    return {"PORT": str(run.port), "TRUSTED_PROXIES": network.cidr_blocks.apply(",".join)}
