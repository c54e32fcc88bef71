"""What the tasks of one microservice may reach, and what may reach them: their security group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network.endpoints import S3
from components.network.network import Network

_CQL = 9142  # Keyspaces speaks CQL here, over TLS only
_HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class TaskAccess:
    """security_group: for the tasks of one microservice.

    rules: what must be in place before a task starts and until the last one is gone: the rules of the security groups,
    and the network's endpoints. The one for S3 even where there is another way to it: adding it cuts the connections to
    S3 there are (ECR user guide, "Considerations for Amazon ECR VPC endpoints"), such as the pulling of an image.
    """

    security_group: aws.ec2.SecurityGroup
    rules: Sequence[pulumi.Resource]


def create_task_access(name: str, *, network: Network, tags: Mapping[str, str], parent: pulumi.Resource) -> TaskAccess:
    """Tasks may reach the Keyspaces endpoint and, for images and logs, HTTPS; nothing may reach them.

    The provider takes away the rule by which EC2 lets a new security group reach everything (aws.ec2.SecurityGroup,
    "NOTE on Egress rules"). Rules are resources of their own, so that others can add some: a group with rules in line
    would remove them.
    """
    security_group = aws.ec2.SecurityGroup(
        f"{name}-tasks",
        description=f"Tasks of {name}",
        vpc_id=network.vpc_id,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    rules = _to_endpoint(
        name, "keyspaces", "CQL", _CQL, security_group, network.keyspaces_security_group_id, tags=tags, parent=parent
    )
    if network.https_security_group is None:
        rules.append(
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-to-https",
                security_group_id=security_group.id,
                description="HTTPS: ECR, its layers in S3, CloudWatch Logs",
                cidr_ipv4="0.0.0.0/0",
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                tags=dict(tags),
                opts=pulumi.ResourceOptions(parent=parent),
            )
        )
    else:
        rules += _to_endpoint(
            name,
            "endpoints",
            "HTTPS",
            _HTTPS,
            security_group,
            network.https_security_group.id,
            tags=tags,
            parent=parent,
        )
        rules.append(
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-to-s3",
                security_group_id=security_group.id,
                description="HTTPS to S3 through its gateway endpoint: the layers of images",
                prefix_list_id=network.endpoints[S3].prefix_list_id,
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                tags=dict(tags),
                opts=pulumi.ResourceOptions(parent=parent),
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
    opts = pulumi.ResourceOptions(parent=parent)
    return [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-{endpoint}",
            security_group_id=tasks.id,
            description=f"{protocol} to the {endpoint}",
            referenced_security_group_id=endpoint_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=dict(tags),
            opts=opts,
        ),
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-into-{endpoint}",
            security_group_id=endpoint_group_id,
            description=f"{protocol} from the tasks of {name}",
            referenced_security_group_id=tasks.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=dict(tags),
            opts=opts,
        ),
    ]
