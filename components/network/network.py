"""The network the tasks run in: a VPC, new or existing, with the endpoints in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.account import Account
from components.guardduty import GuardDutyAgent
from components.network.endpoints import (
    GUARDDUTY,
    KEYSPACES,
    S3,
    create_endpoint_group,
    create_guardduty_endpoint,
    create_https_endpoints,
    create_keyspaces_endpoint,
    create_s3_gateway,
    find_service,
)
from components.network.layout import NetworkLayout
from components.network.vpc import Egress, ExistingVpc, NewVpc
from components.network.zones import choose_subnets, choose_zones, require_subnets

_NAT_GATEWAYS: Mapping[Egress, awsx.ec2.NatGatewayStrategy] = {
    "nat": awsx.ec2.NatGatewayStrategy.SINGLE,
    "nat-per-zone": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
    "endpoints": awsx.ec2.NatGatewayStrategy.NONE,
    "public": awsx.ec2.NatGatewayStrategy.NONE,
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """vpc_id, public_subnet_ids: for load balancers. cidr_blocks: the VPC's IPv4 addresses, from which the load
    balancers have theirs.

    task_subnet_ids: the subnets of tasks; those of a new VPC are known once their routes exist. assign_public_ip:
    whether tasks need a public address there.
    keyspaces_security_group_id: of the Keyspaces endpoint; each microservice's security group gets a rule in it.
    sessions: whether ECS Exec can reach the tasks. parameters, secrets: whether ECS can fetch secrets from Parameter
    Store and Secrets Manager for the tasks. traces: whether the tasks can reach X-Ray. All four are assumed to be True
    in an existing VPC, whose owner is responsible for them.
    buckets: the S3 buckets that tasks can read; None, for unknown, in an existing VPC.
    vpc, layout, keyspaces_security_group: None if the stack does not create them. layout: refuses changes that need new
    subnets.
    https_security_group: of the endpoints by which tasks reach ECR, CloudWatch Logs and secrets. None: tasks reach
    HTTPS anywhere.
    endpoints: the created ones, by service: `cassandra`, `s3`, `ecr.api`, `ecr.dkr`, `logs`, `ssmmessages`, `ssm`,
    `guardduty-data`, `secretsmanager`, `xray`.
    """

    vpc_id: pulumi.Output[str]
    cidr_blocks: pulumi.Output[Sequence[str]]
    public_subnet_ids: pulumi.Output[Sequence[str]]
    task_subnet_ids: pulumi.Output[Sequence[str]]
    assign_public_ip: bool
    keyspaces_security_group_id: pulumi.Output[str]
    sessions: bool
    parameters: bool
    secrets: bool
    traces: bool
    buckets: Sequence[str] | None
    vpc: awsx.ec2.Vpc | None
    layout: NetworkLayout | None
    keyspaces_security_group: aws.ec2.SecurityGroup | None
    https_security_group: aws.ec2.SecurityGroup | None
    endpoints: Mapping[str, aws.ec2.VpcEndpoint]


def create_network(
    name: str,
    options: NewVpc | ExistingVpc,
    *,
    account: Account,
    keyspace: str,
    agent: GuardDutyAgent | None = None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Network:
    """keyspace: the keyspace whose tables can be reached through the Keyspaces endpoint.

    Raises InvalidArguments for zones and subnets that AWS would refuse.
    """
    if isinstance(options, NewVpc):
        return _in_new_vpc(name, options, account=account, keyspace=keyspace, agent=agent, tags=tags, parent=parent)
    return _in_existing_vpc(name, options, account=account, keyspace=keyspace, tags=tags, parent=parent)


def _in_new_vpc(
    name: str,
    options: NewVpc,
    *,
    account: Account,
    keyspace: str,
    agent: GuardDutyAgent | None,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Network:
    service = find_service(KEYSPACES, parent=parent)
    zones = choose_zones(name, options, service, parent=parent)
    layout = NetworkLayout(name, cidr=options.cidr, zones=zones, opts=pulumi.ResourceOptions(parent=parent))
    vpc = awsx.ec2.Vpc(
        name,
        cidr_block=options.cidr,
        availability_zone_names=zones,
        subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
        # The same subnets for every egress, since AWS cannot delete a subnet that is still in use.
        subnet_specs=[
            awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PUBLIC),
            awsx.ec2.SubnetSpecArgs(type=awsx.ec2.SubnetType.PRIVATE),
        ],
        nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=_NAT_GATEWAYS[options.egress]),
        enable_dns_hostnames=True,  # private DNS of an interface endpoint needs both
        enable_dns_support=True,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[layout]),
    )

    # A subnet exists before its route to the internet does. A task in a subnet must wait for the route, and
    # be deleted before it on destroy; so the subnets' IDs wait for the routes.
    def routed(subnet_ids: pulumi.Output[Sequence[str]]) -> pulumi.Output[Sequence[str]]:
        return pulumi.Output.all(subnet_ids, vpc.routes, vpc.route_table_associations).apply(lambda outputs: outputs[0])

    keyspaces_group = _create_keyspaces_group(name, vpc.vpc_id, tags=tags, parent=parent)
    endpoints = {
        KEYSPACES: create_keyspaces_endpoint(
            name,
            service,
            keyspace=keyspace,
            vpc_id=vpc.vpc_id,
            subnet_ids=vpc.private_subnet_ids,
            security_group=keyspaces_group,
            account=account,
            tags=tags,
            parent=parent,
        ),
        S3: create_s3_gateway(
            name,
            vpc_id=vpc.vpc_id,
            route_tables=vpc.route_tables,
            buckets=options.buckets,
            account=account,
            tags=tags,
            parent=parent,
        ),
    }
    https_group = None
    if options.egress == "endpoints":
        https_group = create_endpoint_group(
            f"{name}-https",
            "Endpoints beside the one for Keyspaces: HTTPS from the tasks of each microservice",
            vpc_id=vpc.vpc_id,
            tags=tags,
            parent=parent,
        )
        endpoints |= create_https_endpoints(
            name,
            sessions=options.session_endpoint,
            parameters=options.parameter_endpoint,
            secrets=options.secret_endpoint,
            traces=options.trace_endpoint,
            agent=agent,
            zones=zones,
            vpc_id=vpc.vpc_id,
            subnet_ids=vpc.private_subnet_ids,
            security_group=https_group,
            account=account,
            tags=tags,
            parent=parent,
        )
    elif agent:
        endpoints[GUARDDUTY] = create_guardduty_endpoint(
            name,
            cidr=options.cidr,
            zones=zones,
            vpc_id=vpc.vpc_id,
            subnet_ids=vpc.private_subnet_ids,
            account=account,
            tags=tags,
            parent=parent,
        )
    public = options.egress == "public"
    return Network(
        vpc_id=vpc.vpc_id,
        cidr_blocks=pulumi.Output.from_input([options.cidr]),
        public_subnet_ids=routed(vpc.public_subnet_ids),
        task_subnet_ids=routed(vpc.public_subnet_ids if public else vpc.private_subnet_ids),
        assign_public_ip=public,
        keyspaces_security_group_id=keyspaces_group.id,
        sessions=options.egress != "endpoints" or options.session_endpoint,
        parameters=options.egress != "endpoints" or options.parameter_endpoint,
        secrets=options.egress != "endpoints" or options.secret_endpoint,
        traces=options.egress != "endpoints" or options.trace_endpoint,
        buckets=options.buckets,
        vpc=vpc,
        layout=layout,
        keyspaces_security_group=keyspaces_group,
        https_security_group=https_group,
        endpoints=endpoints,
    )


def _in_existing_vpc(
    name: str,
    options: ExistingVpc,
    *,
    account: Account,
    keyspace: str,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Network:
    require_subnets(name, options, parent=parent)
    group, endpoints = None, {}
    if options.keyspaces_security_group_id is None:
        service = find_service(KEYSPACES, parent=parent)
        subnet_ids = choose_subnets(name, options, service, parent=parent)
        group = _create_keyspaces_group(name, options.vpc_id, tags=tags, parent=parent)
        endpoints[KEYSPACES] = create_keyspaces_endpoint(
            name,
            service,
            keyspace=keyspace,
            vpc_id=options.vpc_id,
            subnet_ids=subnet_ids,
            security_group=group,
            account=account,
            tags=tags,
            parent=parent,
        )
    return Network(
        vpc_id=pulumi.Output.from_input(options.vpc_id),
        cidr_blocks=_cidr_blocks(options.vpc_id, parent=parent),
        public_subnet_ids=pulumi.Output.from_input(list(options.public_subnet_ids)),
        task_subnet_ids=pulumi.Output.from_input(list(options.task_subnet_ids)),
        assign_public_ip=options.assign_public_ip,
        keyspaces_security_group_id=group.id
        if group is not None
        else pulumi.Output.from_input(str(options.keyspaces_security_group_id)),
        sessions=True,
        parameters=True,
        secrets=True,
        traces=True,
        buckets=None,
        vpc=None,
        layout=None,
        keyspaces_security_group=group,
        https_security_group=None,
        endpoints=endpoints,
    )


def _cidr_blocks(vpc_id: str, *, parent: pulumi.Resource) -> pulumi.Output[Sequence[str]]:
    """The VPC's first block and the associated ones, without those that are being removed."""
    vpc = aws.ec2.get_vpc_output(id=vpc_id, opts=pulumi.InvokeOutputOptions(parent=parent))
    return vpc.apply(
        lambda found: sorted(
            {found.cidr_block}
            | {each.cidr_block for each in found.cidr_block_associations if each.state == "associated"}
        )
    )


def _create_keyspaces_group(
    name: str, vpc_id: pulumi.Input[str], *, tags: Mapping[str, str], parent: pulumi.Resource
) -> aws.ec2.SecurityGroup:
    return create_endpoint_group(
        f"{name}-keyspaces",
        "Keyspaces endpoint: CQL from the tasks of each microservice",
        vpc_id=vpc_id,
        tags=tags,
        parent=parent,
    )
