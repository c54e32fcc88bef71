"""Zones and subnets, compared with what AWS says of them before anything is created."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.arguments import raise_for
from components.network.vpc import MIN_ZONES, ExistingVpc, NewVpc


def choose_zones(name: str, options: NewVpc, service: aws.ec2.GetVpcEndpointServiceResult) -> list[str]:
    """The zones that are named, or the first two that offer `service`.

    Raises InvalidArguments for a zone that does not offer it.
    """
    offered = sorted(service.availability_zones)
    elsewhere = [zone for zone in options.zones if zone not in offered]
    raise_for(
        name,
        {
            "aws:region": f"has {len(offered)} availability zones that offer {service.service_name}, {MIN_ZONES} are"
            " needed; choose another region"
            if len(offered) < MIN_ZONES
            else None,
            "zones": f"has {', '.join(elsewhere)}, where {service.service_name} is not offered; use"
            f" {', '.join(offered)}"
            if elsewhere
            else None,
        },
    )
    return list(options.zones) or offered[:MIN_ZONES]


def require_subnets(name: str, options: ExistingVpc, *, parent: pulumi.Resource) -> None:
    """Raises InvalidArguments for subnets that are not in the VPC."""
    # Asking for a subnet that is not there fails without saying which one it is about; a search does not fail.
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


def choose_subnets(
    name: str, options: ExistingVpc, service: aws.ec2.GetVpcEndpointServiceResult, *, parent: pulumi.Resource
) -> list[str]:
    """A task subnet in each zone, for an endpoint: EC2 refuses two in the same (DuplicateSubnetsInSameZone).

    Raises InvalidArguments if `service` is not offered in one of the zones.
    """
    chosen: dict[str, str] = {}
    # By id, so that the order they are named in does not move the endpoint to another one.
    for subnet_id in sorted(options.task_subnet_ids):
        subnet = aws.ec2.get_subnet(id=subnet_id, opts=pulumi.InvokeOptions(parent=parent))
        chosen.setdefault(subnet.availability_zone, subnet_id)
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
