"""The VPC the tasks run in, and the Keyspaces endpoint inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

_VPC_CIDR = "10.0.0.0/16"
_ZONES = 2
_CQL = 9142  # Keyspaces speaks CQL here, over TLS only
_HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class Network:
    """vpc_id, public_subnet_ids: for load balancers. task_subnet_ids: private, with a way out to the internet.

    keyspaces_endpoint, keyspaces_security_group: where CQL is spoken; tasks are let in one security group at a time.
    """

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[Sequence[str]]
    task_subnet_ids: pulumi.Output[Sequence[str]]
    keyspaces_endpoint: aws.ec2.VpcEndpoint
    keyspaces_security_group: aws.ec2.SecurityGroup


def create_network(name: str, *, tags: Mapping[str, str], parent: pulumi.Resource) -> Network:
    """A VPC over two zones that offer the Keyspaces endpoint, with one NAT gateway and that endpoint."""
    opts = pulumi.ResourceOptions(parent=parent)
    keyspaces = aws.ec2.get_vpc_endpoint_service(
        service="cassandra", service_type="Interface", opts=pulumi.InvokeOptions(parent=parent)
    )
    if len(keyspaces.availability_zones) < _ZONES:
        raise ValueError(
            f"{name}: {keyspaces.service_name} is offered in {len(keyspaces.availability_zones)} availability zones,"
            f" {_ZONES} are needed: choose another aws:region"
        )
    vpc = awsx.ec2.Vpc(
        name,
        cidr_block=_VPC_CIDR,
        availability_zone_names=sorted(keyspaces.availability_zones)[:_ZONES],
        subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
        subnet_specs=[
            awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PUBLIC),
            awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PRIVATE),
        ],
        nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=awsx.ec2.NatGatewayStrategy.SINGLE),
        enable_dns_hostnames=True,  # private DNS of an interface endpoint needs both
        enable_dns_support=True,
        tags=dict(tags),
        opts=opts,
    )

    # A subnet exists before its route to the internet does. What is started in a subnet must wait for the route, and
    # be gone before it on destroy; so the routes travel with the subnets' ids.
    def routed(subnet_ids: pulumi.Output[Sequence[str]]) -> pulumi.Output[Sequence[str]]:
        return pulumi.Output.all(subnet_ids, vpc.routes, vpc.route_table_associations).apply(lambda outputs: outputs[0])

    security_group = aws.ec2.SecurityGroup(
        f"{name}-keyspaces",
        description="Keyspaces endpoint: CQL from the tasks of each microservice",
        vpc_id=vpc.vpc_id,
        tags=dict(tags),
        opts=opts,
    )
    endpoint = aws.ec2.VpcEndpoint(
        f"{name}-keyspaces",
        vpc_id=vpc.vpc_id,
        service_name=keyspaces.service_name,
        vpc_endpoint_type="Interface",
        private_dns_enabled=True,
        subnet_ids=vpc.private_subnet_ids,
        security_group_ids=[security_group.id],
        tags={**tags, "Name": f"{name}-keyspaces"},
        opts=opts,
    )
    return Network(
        vpc_id=vpc.vpc_id,
        public_subnet_ids=routed(vpc.public_subnet_ids),
        task_subnet_ids=routed(vpc.private_subnet_ids),
        keyspaces_endpoint=endpoint,
        keyspaces_security_group=security_group,
    )


@dataclass(frozen=True, kw_only=True)
class TaskAccess:
    """security_group: for the tasks of one microservice; rules: what must be in place before one starts."""

    security_group: aws.ec2.SecurityGroup
    rules: Sequence[pulumi.Resource]


def create_task_access(name: str, *, network: Network, tags: Mapping[str, str], parent: pulumi.Resource) -> TaskAccess:
    """Tasks may reach the Keyspaces endpoint and, for images and logs, HTTPS; nothing may reach them."""
    opts = pulumi.ResourceOptions(parent=parent)
    security_group = aws.ec2.SecurityGroup(
        f"{name}-tasks",
        description=f"Tasks of {name}",
        vpc_id=network.vpc_id,
        tags=dict(tags),
        opts=opts,
    )
    rules = [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-keyspaces",
            security_group_id=security_group.id,
            description="CQL to the Keyspaces endpoint",
            referenced_security_group_id=network.keyspaces_security_group.id,
            ip_protocol="tcp",
            from_port=_CQL,
            to_port=_CQL,
            tags=dict(tags),
            opts=opts,
        ),
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-into-keyspaces",
            security_group_id=network.keyspaces_security_group.id,
            description=f"CQL from the tasks of {name}",
            referenced_security_group_id=security_group.id,
            ip_protocol="tcp",
            from_port=_CQL,
            to_port=_CQL,
            tags=dict(tags),
            opts=opts,
        ),
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-to-https",
            security_group_id=security_group.id,
            description="HTTPS through the NAT gateway: ECR, its layers in S3, CloudWatch Logs",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            tags=dict(tags),
            opts=opts,
        ),
    ]
    return TaskAccess(security_group=security_group, rules=[*rules, network.keyspaces_endpoint])
