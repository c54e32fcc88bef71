"""Security groups: rules that are open to everyone, rules that reach everything, and rules that reach tasks."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rules.rule import Declared, Resource, Stack, rule, stack_rule
from rules.values import inside, is_known, items, objects, texts

_WITH_RULES_INSIDE = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_DIRECTIONS = {
    _INGRESS_RULE: "ingress",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "egress",
}
_TYPES = (*_WITH_RULES_INSIDE, _RULE, *_DIRECTIONS)

_SERVICE = "aws:ecs/service:Service"
_TASK_RUN = "pulumi-python:dynamic/ecs:TaskRun"

_PUBLIC_PORTS = (80, 443)
_ALL_PROTOCOLS = ("-1", "all")
# The most ports of a rule, so that 60 rules, EC2's quota for a group, do not cover every port.
_MOST_PORTS = 1024
# Public networks broader than these are parts of the internet (0.0.0.0/1), not somebody's network.
_BROADEST = {4: 16, 6: 32}

_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_PREFIX_LIST_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A rule of a security group. Ports are None where there are none; everything may be `UNKNOWN`."""

    protocol: Any
    first: Any
    last: Any
    networks: list[str]

    @property
    def everywhere(self) -> str | None:
        """The first of its networks that is the internet, if any."""
        return next(filter(_is_everywhere, self.networks), None)

    @property
    def ports(self) -> str:
        if str(self.protocol).lower() in _ALL_PROTOCOLS:
            return "every port and protocol"
        protocol = self.protocol if is_known(self.protocol) else "a protocol not yet known,"
        first, last = (port if is_known(port) else "?" for port in (self.first, self.last))
        return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"

    @property
    def is_surely_more_than_web(self) -> bool:
        """Whether the rule opens more than TCP port 80 or 443, whatever its unknown values are."""
        if is_known(self.protocol) and str(self.protocol).lower() not in ("tcp", "6"):
            return True
        known = {port for port in (self.first, self.last) if is_known(port)}
        return len(known) > 1 or not known <= set(_PUBLIC_PORTS)

    @property
    def is_more_than_some_ports(self) -> bool:
        if str(self.protocol).lower() in _ALL_PROTOCOLS:
            return True
        known = isinstance(self.first, int) and isinstance(self.last, int)
        return known and self.last - self.first >= _MOST_PORTS


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
    return network.is_global and network.prefixlen < _BROADEST[network.version]


def _open_ingress(resource: Resource) -> Iterator[str]:
    for rule_ in _rules(resource, "ingress"):
        if rule_.everywhere and rule_.is_surely_more_than_web:
            yield (
                f"lets everyone ({rule_.everywhere}) in on {rule_.ports}: let in a security group or your own network"
                " instead; only TCP ports 80 and 443, of a load balancer, may be open to everyone, one port to a rule"
            )


def _open_egress(resource: Resource) -> Iterator[str]:
    for rule_ in _rules(resource, "egress"):
        if rule_.everywhere and rule_.is_more_than_some_ports:
            yield (
                f"lets everything out to everywhere ({rule_.everywhere}) on {rule_.ports}: name the ports that are"
                " needed, such as TCP 443, and the security groups or networks where these are known"
            )


def _listed_internet(resource: Resource) -> Iterator[str]:
    entries = [resource.inputs] if resource.type == _PREFIX_LIST_ENTRY else objects(resource.inputs.get("entries"))
    for entry in entries:
        for cidr in filter(_is_everywhere, texts(entry.get("cidr"))):
            yield (
                f"lists {cidr}, so that a rule with this list is open to everyone: list your own networks, and name"
                " the internet in the rule itself"
            )


def _ingress_to_tasks(stack: Stack) -> Iterator[tuple[Declared, str]]:
    groups = stack.of_type(_WITH_RULES_INSIDE)
    users = [(user, _groups_of_tasks(user, groups)) for user in stack.of_type((_SERVICE, _TASK_RUN))]
    for resource in stack.of_type(_TYPES):
        tasks = [user.name for user, used in users if used & _groups_ruled_by(resource, groups)]
        if tasks:
            for source in _sources_other_than_groups(resource):
                yield (
                    resource,
                    f"lets {source} in to the tasks of {', '.join(tasks)}: let in a security group instead, such as the"
                    " load balancer's",
                )


def _groups_of_tasks(user: Declared, groups: list[Declared]) -> set[str]:
    if user.type == _TASK_RUN:
        return _names_of_groups(user, "security_groups", user.outputs.get("security_groups"), groups)
    configuration = "networkConfiguration"
    return _names_of_groups(user, configuration, inside(user.outputs, configuration, "securityGroups"), groups)


def _groups_ruled_by(resource: Declared, groups: list[Declared]) -> set[str]:
    if resource.type in _WITH_RULES_INSIDE:
        return {resource.urn}
    return _names_of_groups(resource, "securityGroupId", resource.outputs.get("securityGroupId"), groups)


def _names_of_groups(resource: Declared, by: str, ids: Any, groups: list[Declared]) -> set[str]:
    """The known IDs, and the URNs of the `groups` that they name: by ID or, where one of the IDs is not known yet,
    because the input `by` depends on the group."""
    known = set(texts(ids))
    depended_on = () if all(map(is_known, items(ids))) else resource.depends_on.get(by, ())
    return known | {group.urn for group in groups if group.outputs.get("id") in known or group.urn in depended_on}


def _sources_other_than_groups(resource: Declared) -> Iterator[str]:
    """The networks, and lists of networks, that are let in; a source that is not known yet counts, too."""
    outputs = resource.outputs
    if resource.type == _INGRESS_RULE:
        # A rule has exactly one source, so a rule that names no group names a network.
        if outputs.get("referencedSecurityGroupId") is None:
            yield _listed([outputs.get(key) for key in ("cidrIpv4", "cidrIpv6", "prefixListId")])
        return
    inline = objects(outputs.get("ingress")) if resource.type in _WITH_RULES_INSIDE else []
    for rule_ in [outputs] if resource.type == _RULE and outputs.get("type") == "ingress" else inline:
        lists = [rule_.get(key) for key in ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds")]
        sources = [source for list_ in lists if is_known(list_) for source in items(list_)]
        if sources:
            yield _listed(sources)


def _listed(sources: list[Any]) -> str:
    return ", ".join(texts(sources)) or "a network not yet known"


POLICIES = [
    rule(
        "network-opens-only-web-ports",
        "Tasks, endpoints and databases are reached from inside; the internet reaches only load balancers.",
        _open_ingress,
        types=_TYPES,
    ),
    rule(
        "network-restricts-egress",
        "A compromised program should not reach every address that its attacker chooses.",
        _open_egress,
        types=_TYPES,
    ),
    rule(
        "prefix-lists-name-networks",
        "A rule that names a prefix list hides from its readers, and from this pack, that it is open to everyone.",
        _listed_internet,
        types=(_PREFIX_LIST, _PREFIX_LIST_ENTRY),
    ),
    stack_rule(
        "tasks-accept-security-groups-only",
        "Tasks are reached through the load balancer; a network that may reach them bypasses it, on any port.",
        _ingress_to_tasks,
    ),
]
