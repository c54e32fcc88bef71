"""Security group rules for TCP on one port. Each is a resource, so that several components can add rules to a group."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

HTTPS_PORT = 443
CQL_PORT = 9142  # Keyspaces serves CQL here, over TLS only


def let_in(
    name: str,
    description: str,
    *,
    into: pulumi.Input[str],
    port: int,
    group: pulumi.Input[str] | None = None,
    cidr: str | None = None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.vpc.SecurityGroupIngressRule:
    """into: the ID of the group that gets the rule. It allows connections from a `group` or from the addresses
    `cidr`."""
    return aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=into,
        description=description,
        referenced_security_group_id=group,
        cidr_ipv4=cidr,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def let_out(
    name: str,
    description: str,
    *,
    of: pulumi.Input[str],
    port: int,
    group: pulumi.Input[str] | None = None,
    cidr: str | None = None,
    prefix_list: pulumi.Input[str] | None = None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.vpc.SecurityGroupEgressRule:
    """of: the ID of the group that gets the rule. It allows connections to a `group`, to the addresses `cidr` or to
    those of a `prefix_list`."""
    return aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=of,
        description=description,
        referenced_security_group_id=group,
        cidr_ipv4=cidr,
        prefix_list_id=prefix_list,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
