"""Zones and subnets, checked against AWS's own data before anything is created."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pulumi
import pulumi_aws as aws

from components.arguments import raise_for
from components.network.vpc import MIN_ZONES, ExistingVpc, NewVpc

# The regions in which Fargate runs Linux containers in some zones only, and the IDs of these zones (ECS developer
# guide, "Supported Regions for Amazon ECS on AWS Fargate", as of November 2026). No API returns them, so newer zones
# and exceptions are not known here (UNVERIFIED).
_FARGATE_ZONES: Mapping[str, Collection[str]] = {
    "ap-northeast-1": {"apne1-az1", "apne1-az2", "apne1-az4"},
    "cn-north-1": {"cnn1-az1", "cnn1-az2"},
    "us-west-1": {"usw1-az1", "usw1-az3"},
}


def choose_zones(
    name: str, options: NewVpc, service: aws.ec2.GetVpcEndpointServiceResult, *, parent: pulumi.Resource
) -> list[str]:
    """The zones that are named, or the first two that offer `service` and Fargate.

    Raises InvalidArguments for a zone that does not offer them.
    """
    offered = sorted(set(service.availability_zones) - _zones_without_fargate(parent))
    elsewhere = [zone for zone in options.zones if zone not in offered]
    both = f"{service.service_name} and Fargate"
    raise_for(
        name,
        {
            "aws:region": f"has {len(offered)} availability zones that offer {both}, {MIN_ZONES} are needed; choose"
            " another region"
            if len(offered) < MIN_ZONES
            else None,
            "zones": f"has {', '.join(elsewhere)}, which does not offer {both}; use {', '.join(offered)}"
            if elsewhere
            else None,
        },
    )
    return list(options.zones) or offered[:MIN_ZONES]


def _zones_without_fargate(parent: pulumi.Resource) -> set[str]:
    """The names of these zones. A name means another zone in each account, so the zones are looked up by ID."""
    opts = pulumi.InvokeOptions(parent=parent)
    ids = _FARGATE_ZONES.get(aws.get_region(opts=opts).region)
    if ids is None:
        return set()
    zones = aws.get_availability_zones(opts=opts)
    return {zone for zone, id_ in zip(zones.names, zones.zone_ids, strict=True) if id_ not in ids}


def require_subnets(name: str, options: ExistingVpc, *, parent: pulumi.Resource) -> None:
    """Raises InvalidArguments for subnets that are not in the VPC, and for task subnets where Fargate runs no tasks."""
    # A look-up of a missing subnet fails without naming the subnet; a search does not fail.
    named = {"public_subnet_ids": options.public_subnet_ids, "task_subnet_ids": options.task_subnet_ids}
    found = aws.ec2.get_subnets(
        filters=[
            {"name": "vpc-id", "values": [options.vpc_id]},
            {"name": "subnet-id", "values": sorted({id_ for ids in named.values() for id_ in ids})},
        ],
        opts=pulumi.InvokeOptions(parent=parent),
    ).ids
    missing = {argument: [id_ for id_ in ids if id_ not in found] for argument, ids in named.items()}
    raise_for(
        name,
        {
            argument: f"has {', '.join(ids)}, not found in {options.vpc_id}; use subnets of that VPC" if ids else None
            for argument, ids in missing.items()
        },
    )
    without = _zones_without_fargate(parent)
    unfit = {
        f"{id_} in {zone}"
        for id_ in (options.task_subnet_ids if without else ())
        if (zone := _zone_of(id_, parent=parent)) in without
    }
    raise_for(
        name,
        {
            "task_subnet_ids": f"has {', '.join(sorted(unfit))}, where Fargate runs no tasks; use subnets in other"
            " zones"
            if unfit
            else None
        },
    )


def _zone_of(subnet_id: str, *, parent: pulumi.Resource) -> str:
    return aws.ec2.get_subnet(id=subnet_id, opts=pulumi.InvokeOptions(parent=parent)).availability_zone


def choose_subnets(
    name: str, options: ExistingVpc, service: aws.ec2.GetVpcEndpointServiceResult, *, parent: pulumi.Resource
) -> list[str]:
    """One task subnet for each zone, for an endpoint: EC2 refuses two in one zone (DuplicateSubnetsInSameZone).

    Raises InvalidArguments if `service` is not offered in one of the zones.
    """
    chosen: dict[str, str] = {}
    # Sorted by ID, so that another order of the argument does not move the endpoint to another subnet.
    for subnet_id in sorted(options.task_subnet_ids):
        chosen.setdefault(_zone_of(subnet_id, parent=parent), subnet_id)
    elsewhere = sorted(chosen.keys() - set(service.availability_zones))
    raise_for(
        name,
        {
            "task_subnet_ids": f"are in {', '.join(elsewhere)}, where {service.service_name} is not offered; use"
            f" subnets in {', '.join(sorted(service.availability_zones))}, or name the keyspaces_security_group_id of"
            " an endpoint the VPC has"
            if elsewhere
            else None
        },
    )
    return list(chosen.values())
