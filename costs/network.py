"""VPC, endpoints, load balancers: what they cost by the hour, and what leaves the tasks' subnets by the GB."""

from collections.abc import Iterator

from costs.assumptions import Assumptions
from costs.items import Item, number, unclear
from costs.prices import (
    ENDPOINT_TRAFFIC,
    INTERFACE_ENDPOINT,
    LOAD_BALANCER,
    NAT_GATEWAY,
    NAT_TRAFFIC,
    PUBLIC_IPV4,
    Price,
)
from declared.program import Program, Resource

VPC = "awsx:ec2:Vpc"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
_AWSX_ZONES = 3  # unless the VPC names its zones or their number (awsx, `Vpc`)


def vpc_items(vpc: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    if vpc.inputs.get("vpcEndpointSpecs"):
        raise unclear(vpc, "vpcEndpointSpecs are not priced; declare each endpoint as an aws.ec2.VpcEndpoint")
    count = _nat_gateways(vpc)
    if count:
        yield Item(what="NAT gateways", count=count, price=NAT_GATEWAY)
        yield Item(what="NAT gateways: public IPv4 addresses", count=count, price=PUBLIC_IPV4)


def _nat_gateways(vpc: Resource) -> float:
    zones = vpc.inputs.get("availabilityZoneNames")
    zone_count = len(zones) if zones else number(vpc, "numberOfAvailabilityZones", vpc.inputs, _AWSX_ZONES)
    subnets = {spec.get("type", "").lower() for spec in vpc.inputs.get("subnetSpecs") or ()} or {"public", "private"}
    # The default is awsx's own ("Configuration for NAT Gateways").
    default = "OnePerAz" if {"public", "private"} <= subnets else "None"
    strategy = (vpc.inputs.get("natGateways") or {}).get("strategy", default)
    counts = {"None": 0, "Single": 1, "OnePerAz": zone_count}
    if strategy not in counts:
        raise unclear(vpc, f"natGateways.strategy is {strategy!r}; known are {', '.join(counts)}")
    return counts[strategy]


def endpoint_items(endpoint: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    if _kind(endpoint) == "Gateway":
        return  # free
    if _kind(endpoint) != "Interface":
        raise unclear(endpoint, f"vpcEndpointType is {_kind(endpoint)!r}; known are Gateway, Interface")
    subnets = endpoint.inputs.get("subnetIds")
    if not isinstance(subnets, list) or not subnets:
        raise unclear(endpoint, "it names no subnetIds, and is billed for each")
    yield Item(what=f"Endpoint for {_service(endpoint)}, by zone", count=len(subnets), price=INTERFACE_ENDPOINT)


def _kind(endpoint: Resource) -> str:
    return str(endpoint.inputs.get("vpcEndpointType") or "Gateway")


def _service(endpoint: Resource) -> str:
    """Such as `cassandra`, `ecr.api` or `s3`, of `com.amazonaws.us-east-1.ecr.api`."""
    return str(endpoint.inputs.get("serviceName")).split(".", 3)[-1]


def balancer_items(balancer: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    kind = balancer.inputs.get("loadBalancerType") or "application"
    if kind != "application":
        raise unclear(balancer, f"loadBalancerType is {kind!r}; only application load balancers are priced")
    yield Item(what="Load balancer", count=1, price=LOAD_BALANCER)
    if is_public(balancer) and balancer.inputs.get("ipAddressType") != "dualstack-without-public-ipv4":
        yield Item(what="Load balancer: public IPv4 addresses", count=zones_of(balancer), price=PUBLIC_IPV4)


def is_public(balancer: Resource) -> bool:
    return balancer.inputs.get("internal") is not True


def zones_of(balancer: Resource) -> int:
    """A load balancer has a node, with an address of its own, in each of its subnets."""
    subnets = balancer.inputs.get("subnets") or balancer.inputs.get("subnetMappings")
    if not isinstance(subnets, list) or not subnets:
        raise unclear(balancer, "it names no subnets, and is billed for an address in each")
    return len(subnets)


def egress(program: Program, service: str) -> tuple[str, Price] | None:
    """The way of the tasks' traffic with an AWS service of this region, and its price; None if the traffic is free.

    service: as endpoints spell it: `cassandra`, `logs`, `s3`. An endpoint takes its traffic away from a NAT gateway;
    tasks with public addresses go through an internet gateway, which is free.
    """
    for endpoint in program.of_type(ENDPOINT):
        if _service(endpoint) == service:
            return None if _kind(endpoint) == "Gateway" else (f"endpoint for {service}", ENDPOINT_TRAFFIC)
    if any(_nat_gateways(vpc) for vpc in program.of_type(VPC)):
        return "NAT gateway", NAT_TRAFFIC
    return None
