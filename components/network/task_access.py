"""The security group of one microservice's tasks: its inbound and outbound rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network.endpoints import S3
from components.network.network import Network
from components.network.security_group_rules import CQL_PORT, HTTPS_PORT, let_in, let_out


@dataclass(frozen=True, kw_only=True)
class TaskAccess:
    """security_group: for the tasks of one microservice.

    rules: the resources that must exist before a task starts and until the last task has stopped: the security group
    rules, and the network's endpoints. They include the S3 endpoint even if another route to S3 exists, since its
    creation cuts open connections to S3 (ECR user guide, "Considerations for Amazon ECR VPC endpoints"), such as the
    pull of an image.
    """

    security_group: aws.ec2.SecurityGroup
    rules: Sequence[pulumi.Resource]


def create_task_access(name: str, *, network: Network, tags: Mapping[str, str], parent: pulumi.Resource) -> TaskAccess:
    """Tasks may reach the Keyspaces endpoint and, for images, logs and secrets, HTTPS; nothing may reach them.

    The provider removes the rule by which EC2 lets a new security group reach everything (aws.ec2.SecurityGroup,
    "NOTE on Egress rules").
    """
    security_group = aws.ec2.SecurityGroup(
        f"{name}-tasks",
        description=f"Tasks of {name}",
        vpc_id=network.vpc_id,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    rules = _to_endpoint(
        name,
        "keyspaces",
        "CQL",
        CQL_PORT,
        security_group,
        network.keyspaces_security_group_id,
        tags=tags,
        parent=parent,
    )
    if network.https_security_group is None:
        rules.append(
            let_out(
                f"{name}-to-https",
                "HTTPS: ECR, its layers in S3, CloudWatch Logs, secrets",
                of=security_group.id,
                port=HTTPS_PORT,
                cidr="0.0.0.0/0",
                tags=tags,
                parent=parent,
            )
        )
    else:
        rules += _to_endpoint(
            name,
            "endpoints",
            "HTTPS",
            HTTPS_PORT,
            security_group,
            network.https_security_group.id,
            tags=tags,
            parent=parent,
        )
        rules.append(
            let_out(
                f"{name}-to-s3",
                "HTTPS to S3 through its gateway endpoint: the layers of images",
                of=security_group.id,
                port=HTTPS_PORT,
                prefix_list=network.endpoints[S3].prefix_list_id,
                tags=tags,
                parent=parent,
            )
        )
    return TaskAccess(security_group=security_group, rules=[*rules, *network.endpoints.values()])


def _to_endpoint(
    name: str,
    endpoint: str,
    protocol: str,
    port: int,
    tasks: aws.ec2.SecurityGroup,
    endpoint_group_id: pulumi.Output[str],
    *,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> list[pulumi.Resource]:
    """The two rules by which tasks reach an endpoint: out of their group, and into the endpoint's."""
    return [
        let_out(
            f"{name}-to-{endpoint}",
            f"{protocol} to the {endpoint}",
            of=tasks.id,
            port=port,
            group=endpoint_group_id,
            tags=tags,
            parent=parent,
        ),
        let_in(
            f"{name}-into-{endpoint}",
            f"{protocol} from the tasks of {name}",
            into=endpoint_group_id,
            port=port,
            group=tasks.id,
            tags=tags,
            parent=parent,
        ),
    ]
