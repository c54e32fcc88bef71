"""Security groups: who can be reached by everyone, and who can reach everything."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rules.rule import Resource, rule
from rules.values import is_known, items, objects, texts

_WITH_RULES_INSIDE = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_DIRECTIONS = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "ingress",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "egress",
}
_TYPES = (*_WITH_RULES_INSIDE, _RULE, *_DIRECTIONS)

_PUBLIC_PORTS = (80, 443)
_ALL_PROTOCOLS = ("-1", "all")
_LAST_PORT = 65535
# Networks broader than these are the internet in halves or quarters (0.0.0.0/1), not somebody's network.
_BROADEST = {4: 8, 6: 16}


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A rule of a security group. Ports are None where there are none; everything may be `UNKNOWN`."""

    protocol: Any
    first: Any
    last: Any
    networks: list[str]

    @property
    def everywhere(self) -> str | None:
        """The network in it, if any, that is the internet."""
        return next(filter(_is_everywhere, self.networks), None)

    @property
    def ports(self) -> str:
        if self.protocol in _ALL_PROTOCOLS:
            return "every port and protocol"
        protocol = self.protocol if is_known(self.protocol) else "a protocol not yet known,"
        first, last = (port if is_known(port) else "?" for port in (self.first, self.last))
        return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"

    @property
    def is_surely_more_than_web(self) -> bool:
        """Not just TCP port 80 or 443, whatever is still unknown of it."""
        if is_known(self.protocol) and str(self.protocol).lower() not in ("tcp", "6"):
            return True
        known = {port for port in (self.first, self.last) if is_known(port)}
        return len(known) > 1 or not known <= set(_PUBLIC_PORTS)

    @property
    def is_every_port(self) -> bool:
        if self.protocol in _ALL_PROTOCOLS:
            return True
        return self.first in (0, 1) and self.last == _LAST_PORT


def _rules(resource: Resource, direction: str) -> Iterator[_Rule]:
    inputs = resource.inputs
    if resource.type in _WITH_RULES_INSIDE:
        yield from map(_with_lists, objects(inputs.get(direction)))
    elif resource.type == _RULE and inputs.get("type") == direction:
        yield _with_lists(inputs)
    elif _DIRECTIONS.get(resource.type) == direction:
        yield _Rule(
            protocol=inputs.get("ipProtocol"),
            first=inputs.get("fromPort"),
            last=inputs.get("toPort"),
            networks=texts([inputs.get("cidrIpv4"), inputs.get("cidrIpv6")]),
        )


def _with_lists(inputs: Any) -> _Rule:
    return _Rule(
        protocol=inputs.get("protocol"),
        first=inputs.get("fromPort"),
        last=inputs.get("toPort"),
        networks=texts(items(inputs.get("cidrBlocks")) + items(inputs.get("ipv6CidrBlocks"))),
    )


def _is_everywhere(cidr: str) -> bool:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False  # the provider refuses it
    return network.prefixlen < _BROADEST[network.version]


def _open_ingress(resource: Resource) -> Iterator[str]:
    for rule_ in _rules(resource, "ingress"):
        if rule_.everywhere and rule_.is_surely_more_than_web:
            yield (
                f"lets everyone ({rule_.everywhere}) in on {rule_.ports}: let in a security group or your own network"
                " instead; only TCP ports 80 and 443, of a load balancer, may be open to everyone, one port to a rule"
            )


def _open_egress(resource: Resource) -> Iterator[str]:
    for rule_ in _rules(resource, "egress"):
        if rule_.everywhere and rule_.is_every_port:
            yield (
                f"lets everything out to everywhere ({rule_.everywhere}) on {rule_.ports}: name the ports that are"
                " needed, such as TCP 443, and the security groups or networks where these are known"
            )


POLICIES = [
    rule(
        "network-opens-only-web-ports",
        "Tasks, endpoints and databases are reached from inside; from the internet only load balancers are.",
        _open_ingress,
        types=_TYPES,
    ),
    rule(
        "network-limits-ways-out",
        "A program that was broken into should not reach whatever its attacker likes.",
        _open_egress,
        types=_TYPES,
    ),
]
