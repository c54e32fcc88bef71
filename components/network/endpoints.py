"""VPC endpoints: for Keyspaces, for the other services that tasks need, and for image layers in S3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import raise_for
from components.guardduty import GuardDutyAgent
from components.network.endpoint_policies import (
    ecr_policy,
    guardduty_policy,
    keyspaces_policy,
    logs_policy,
    objects_policy,
    parameters_policy,
    secrets_policy,
    sessions_policy,
    traces_policy,
)
from components.network.security_group_rules import HTTPS_PORT, let_in

KEYSPACES = "cassandra"
S3 = "s3"
GUARDDUTY = "guardduty-data"


def find_service(
    service: str, *, parent: pulumi.Resource, type_: str = "Interface"
) -> aws.ec2.GetVpcEndpointServiceResult:
    """AWS's description of a service such as `ecr.api`: its full name, its zones, and whether it supports policies.

    In China some services begin with `cn.com.amazonaws`, others with `com.amazonaws` as everywhere else; EC2 finds the
    one that exists. (VPC user guide for China; UNVERIFIED: the services' prefixes were not tried.)
    """
    opts = pulumi.InvokeOptions(parent=parent)
    region = aws.get_region(opts=opts).region
    if not region.startswith("cn-"):
        return aws.ec2.get_vpc_endpoint_service(service=service, service_type=type_, opts=opts)
    names = [f"{prefix}.{region}.{service}" for prefix in ("com.amazonaws", "cn.com.amazonaws")]
    return aws.ec2.get_vpc_endpoint_service(
        filters=[{"name": "service-name", "values": names}], service_type=type_, opts=opts
    )


def create_endpoint_group(
    name: str, description: str, *, vpc_id: pulumi.Input[str], tags: Mapping[str, str], parent: pulumi.Resource
) -> aws.ec2.SecurityGroup:
    """The security group of interface endpoints. Each microservice adds its own inbound rule."""
    return aws.ec2.SecurityGroup(
        name, description=description, vpc_id=vpc_id, tags=dict(tags), opts=pulumi.ResourceOptions(parent=parent)
    )


def create_keyspaces_endpoint(
    name: str,
    service: aws.ec2.GetVpcEndpointServiceResult,
    *,
    keyspace: str,
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    security_group: aws.ec2.SecurityGroup,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ec2.VpcEndpoint:
    return _create_interface_endpoint(
        f"{name}-keyspaces",
        service,
        policy=keyspaces_policy(account, keyspace),
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        security_group=security_group,
        tags=tags,
        parent=parent,
    )


def create_https_endpoints(
    name: str,
    *,
    sessions: bool,
    parameters: bool,
    secrets: bool,
    traces: bool,
    agent: GuardDutyAgent | None,
    zones: Sequence[str],
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    security_group: aws.ec2.SecurityGroup,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> dict[str, aws.ec2.VpcEndpoint]:
    """The endpoints of Fargate tasks without internet, by service: for image and log; with `sessions`, for Exec;
    with `parameters` and `secrets`, for secrets in Parameter Store and in Secrets Manager; with `traces`, for X-Ray,
    since this endpoint's private DNS resolves the name of X-Ray's OTLP endpoint (that it serves OTLP is UNVERIFIED).

    Sources: ECR user guide, "Amazon ECR interface VPC endpoints"; ECS developer guide, "Amazon ECS interface VPC
    endpoints": tasks on Fargate need no endpoint for ECS itself, but one for Systems Manager or Secrets Manager if they
    reference parameters or secrets.

    zones: of the subnets. Raises InvalidArguments if a service is not offered in one of them.
    """
    policies = {
        "ecr.api": ecr_policy(account, agent),
        "ecr.dkr": ecr_policy(account, agent),
        "logs": logs_policy(account),
        **({GUARDDUTY: guardduty_policy(account)} if agent else {}),
        **({"ssmmessages": sessions_policy(account)} if sessions else {}),
        **({"ssm": parameters_policy(account)} if parameters else {}),
        **({"secretsmanager": secrets_policy(account)} if secrets else {}),
        **({"xray": traces_policy(account)} if traces else {}),
    }
    services = {service: find_service(service, parent=parent) for service in policies}
    lacking = {service: sorted(set(zones) - set(found.availability_zones)) for service, found in services.items()}
    raise_for(
        name,
        {
            service: f"has no endpoint in {', '.join(where)}; use other `zones` or another `egress`" if where else None
            for service, where in lacking.items()
        },
    )
    return {
        service: _create_interface_endpoint(
            f"{name}-{service.replace('.', '-')}",
            services[service],
            policy=policy,
            vpc_id=vpc_id,
            subnet_ids=subnet_ids,
            security_group=security_group,
            tags=tags,
            parent=parent,
        )
        for service, policy in policies.items()
    }


def create_guardduty_endpoint(
    name: str,
    *,
    cidr: str,
    zones: Sequence[str],
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ec2.VpcEndpoint:
    """The endpoint of GuardDuty's agent where tasks may reach HTTPS anywhere. Its security group allows the VPC, as the
    group of an endpoint that GuardDuty creates does.

    Raises InvalidArguments if the service is not offered in one of the zones.
    """
    service = find_service(GUARDDUTY, parent=parent)
    lacking = sorted(set(zones) - set(service.availability_zones))
    raise_for(name, {"guardduty": f"has no endpoint in {', '.join(lacking)}; use other `zones`" if lacking else None})
    group = create_endpoint_group(
        f"{name}-guardduty", "GuardDuty's endpoint: HTTPS from the VPC", vpc_id=vpc_id, tags=tags, parent=parent
    )
    let_in(
        f"{name}-into-guardduty",
        "HTTPS from the VPC",
        into=group.id,
        port=HTTPS_PORT,
        cidr=cidr,
        tags=tags,
        parent=parent,
    )
    return _create_interface_endpoint(
        f"{name}-guardduty-data",
        service,
        policy=guardduty_policy(account),
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        security_group=group,
        tags=tags,
        parent=parent,
    )


def create_s3_gateway(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    route_tables: pulumi.Output[Sequence[aws.ec2.RouteTable]],
    buckets: Sequence[str],
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ec2.VpcEndpoint:
    """A gateway endpoint, free of charge: a route to S3 in all of these tables, for image layers and `buckets`."""
    route_table_ids: pulumi.Output[list[str]] = route_tables.apply(
        lambda tables: pulumi.Output.all(*(table.id for table in tables))
    )
    return aws.ec2.VpcEndpoint(
        f"{name}-s3",
        vpc_id=vpc_id,
        service_name=find_service(S3, parent=parent, type_="Gateway").service_name,
        vpc_endpoint_type="Gateway",
        route_table_ids=route_table_ids,
        policy=objects_policy(account, buckets),
        tags={**tags, "Name": f"{name}-s3"},
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _create_interface_endpoint(
    name: str,
    service: aws.ec2.GetVpcEndpointServiceResult,
    *,
    policy: pulumi.Output[str],
    vpc_id: pulumi.Input[str],
    subnet_ids: pulumi.Input[Sequence[str]],
    security_group: aws.ec2.SecurityGroup,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ec2.VpcEndpoint:
    return aws.ec2.VpcEndpoint(
        name,
        vpc_id=vpc_id,
        service_name=service.service_name,
        vpc_endpoint_type="Interface",
        private_dns_enabled=True,
        subnet_ids=subnet_ids,
        security_group_ids=[security_group.id],
        # "Not all AWS services support endpoint policies" (AWS PrivateLink guide), and it differs between regions.
        policy=policy if service.vpc_endpoint_policy_supported else None,
        tags={**tags, "Name": name},
        opts=pulumi.ResourceOptions(parent=parent),
    )
