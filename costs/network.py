"""The cost of VPC, endpoints and load balancers by the hour, and of the tasks' traffic by the GB."""

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
_AWSX_ZONES = 3  # default, if the VPC names neither its zones nor their number (awsx, `Vpc`)


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
        raise unclear(vpc, f"natGateways.strategy is {strategy!r}; the known strategies are {', '.join(counts)}")
    return counts[strategy]


def endpoint_items(endpoint: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    if _kind(endpoint) == "Gateway":
        return  # free
    if _kind(endpoint) != "Interface":
        raise unclear(endpoint, f"vpcEndpointType is {_kind(endpoint)!r}; the known types are Gateway, Interface")
    subnets = endpoint.inputs.get("subnetIds")
    if not isinstance(subnets, list) or not subnets:
        raise unclear(endpoint, "it has no subnetIds, and each subnet is billed")
    yield Item(what=f"Endpoint for {_service(endpoint)}, by zone", count=len(subnets), price=INTERFACE_ENDPOINT)


def _kind(endpoint: Resource) -> str:
    return str(endpoint.inputs.get("vpcEndpointType") or "Gateway")


def _service(endpoint: Resource) -> str:
    """The service's short name, such as `ecr.api` for `com.amazonaws.us-east-1.ecr.api`."""
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
    """The number of a load balancer's subnets: it has a node, with its own address, in each."""
    subnets = balancer.inputs.get("subnets") or balancer.inputs.get("subnetMappings")
    if not isinstance(subnets, list) or not subnets:
        raise unclear(balancer, "it has no subnets, and an address in each subnet is billed")
    return len(subnets)


def egress(program: Program, service: str) -> tuple[str, Price] | None:
    """The egress of the tasks' traffic to an AWS service of this region, and its price; None if the traffic is free.

    service: short name, such as `cassandra`, `logs` or `s3`. Traffic to a service with an endpoint does not pass the
    NAT gateway. Tasks with public addresses use an internet gateway, which is free.
    """
    for endpoint in program.of_type(ENDPOINT):
        if _service(endpoint) == service:
            return None if _kind(endpoint) == "Gateway" else (f"endpoint for {service}", ENDPOINT_TRAFFIC)
    if any(_nat_gateways(vpc) for vpc in program.of_type(VPC)):
        return "NAT gateway", NAT_TRAFFIC
    return None
