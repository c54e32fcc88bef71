"""Examples for rules/network.py."""

from collections.abc import Mapping
from typing import Any

from tests.policy.examples import Example
from tests.policy.validation import UNKNOWN, Given

_IN = "network-opens-only-web-ports"
_OUT = "network-restricts-egress"
_LISTS = "prefix-lists-name-networks"


def _rule(direction: str, **inputs: Any) -> Given:
    return Given(
        type=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        inputs={"securityGroupId": UNKNOWN, **inputs},
        name="tasks",
    )


def _ingress(**inputs: Any) -> Given:
    return _rule("Ingress", **inputs)


def _group(direction: str, *rules: Mapping[str, Any], **rule: Any) -> Given:
    other = {"protocol": "tcp", "fromPort": 8080, "toPort": 8080, "securityGroups": [UNKNOWN]}
    return Given(type="aws:ec2/securityGroup:SecurityGroup", inputs={direction: [other, *rules, rule]}, name="tasks")


def _old_rule(direction: str, **inputs: Any) -> Given:
    return Given(
        type="aws:ec2/securityGroupRule:SecurityGroupRule",
        inputs={"securityGroupId": "sg-1", "type": direction, **inputs},
        name="tasks",
    )


_SSH = {"fromPort": 22, "toPort": 22}
_HTTPS = {"fromPort": 443, "toPort": 443}

EXAMPLES = [
    *(
        Example(
            rule=_IN,
            case=f"everyone to {port}",
            given=_ingress(ipProtocol="tcp", fromPort=port, toPort=port, cidrIpv4="0.0.0.0/0"),
        )
        for port in (80, 443)
    ),
    Example(
        rule=_IN,
        case="a private network to any port",
        given=_ingress(ipProtocol="-1", cidrIpv4="10.0.0.0/8"),
    ),
    Example(
        rule=_IN,
        case="a security group to any port",
        given=_ingress(ipProtocol="-1", referencedSecurityGroupId=UNKNOWN),
    ),
    Example(rule=_IN, case="egress", given=_old_rule("egress", protocol="tcp", cidrBlocks=["0.0.0.0/0"], **_SSH)),
    Example(
        rule=_IN,
        case="everyone to a port not yet known",
        given=_ingress(ipProtocol="tcp", fromPort=UNKNOWN, toPort=UNKNOWN, cidrIpv4="0.0.0.0/0"),
    ),
    Example(
        rule=_IN,
        case="everyone to SSH",
        given=_ingress(ipProtocol="tcp", cidrIpv4="0.0.0.0/0", **_SSH),
        says=("tasks", "0.0.0.0/0", "tcp 22", "security group"),
    ),
    Example(
        rule=_IN,
        case="everyone by IPv6",
        given=_ingress(ipProtocol="tcp", cidrIpv6="::/0", fromPort=9142, toPort=9142),
        says=("tasks", "::/0", "tcp 9142"),
    ),
    Example(
        rule=_IN,
        case="the internet in 256 parts",
        given=_old_rule("ingress", protocol="tcp", cidrBlocks=[f"{number}.0.0.0/8" for number in range(256)], **_SSH),
        says=("1.0.0.0/8",),
    ),
    *(
        Example(
            rule=_IN,
            case=f"half of the internet by IPv6, {cidr}",
            given=_ingress(ipProtocol="tcp", cidrIpv6=cidr, **_SSH),
            says=(cidr,),
        )
        for cidr in ("::/1", "8000::/1", "2000::/3", "2600::/12")
    ),
    Example(
        rule=_IN,
        case="a company's own public network",
        given=_ingress(ipProtocol="tcp", cidrIpv4="198.18.0.0/16", **_SSH),
    ),
    Example(
        rule=_IN,
        case="half of the internet",
        given=_ingress(ipProtocol="tcp", cidrIpv4="128.0.0.0/1", **_SSH),
        says=("128.0.0.0/1",),
    ),
    Example(
        rule=_IN,
        case="everyone to every port",
        given=_ingress(ipProtocol="-1", cidrIpv4="0.0.0.0/0"),
        says=("every port and protocol",),
    ),
    Example(
        rule=_IN,
        case="everyone to a range that begins and ends with web ports",
        given=_ingress(ipProtocol="tcp", cidrIpv4="0.0.0.0/0", fromPort=80, toPort=443),
        says=("tcp 80-443", "one port to a rule"),
    ),
    Example(
        rule=_IN,
        case="everyone to UDP",
        given=_ingress(ipProtocol="udp", cidrIpv4="0.0.0.0/0", **_HTTPS),
        says=("udp 443",),
    ),
    Example(
        rule=_IN,
        case="a rule inside a group",
        given=_group("ingress", protocol="tcp", cidrBlocks=["10.0.0.0/16", "0.0.0.0/0"], **_SSH),
        says=("tasks", "0.0.0.0/0", "tcp 22"),
    ),
    Example(
        rule=_IN,
        case="a rule inside the VPC's default group",
        given=Given(
            type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            inputs={
                "vpcId": UNKNOWN,
                "ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "ipv6CidrBlocks": ["::/0"]}],
            },
        ),
        says=("::/0", "every port"),
    ),
    Example(
        rule=_IN,
        case="a rule of the older type",
        given=_old_rule("ingress", protocol="tcp", cidrBlocks=["0.0.0.0/0"], **_SSH),
        says=("tcp 22",),
    ),
    Example(
        rule=_IN,
        case="everyone beside a network not yet known",
        given=_group("ingress", protocol="tcp", cidrBlocks=[UNKNOWN, "0.0.0.0/0"], **_SSH),
        says=("0.0.0.0/0",),
    ),
    Example(
        rule=_IN,
        case="everyone to SSH by a protocol not yet known",
        given=_ingress(ipProtocol=UNKNOWN, cidrIpv4="0.0.0.0/0", **_SSH),
        says=("0.0.0.0/0", "22"),
    ),
    Example(
        rule=_OUT,
        case="HTTPS to everywhere",
        given=_rule("Egress", ipProtocol="tcp", cidrIpv4="0.0.0.0/0", **_HTTPS),
    ),
    Example(
        rule=_OUT,
        case="a range of ports to everywhere",
        given=_rule("Egress", ipProtocol="tcp", cidrIpv4="0.0.0.0/0", fromPort=9000, toPort=9100),
    ),
    *(
        Example(
            rule=_OUT,
            case=f"{first}-{last} by {protocol} to everywhere",
            given=_rule("Egress", ipProtocol=protocol, cidrIpv4="0.0.0.0/0", fromPort=first, toPort=last),
            says=("0.0.0.0/0", f"{first}-{last}"),
        )
        for protocol in ("tcp", "udp")
        for first, last in ((2, 65535), (0, 32767), (32768, 65535), (1024, 65534))
    ),
    *(
        Example(
            rule=_LISTS,
            case=f"{cidr}",
            given=Given(
                type="aws:ec2/managedPrefixList:ManagedPrefixList",
                inputs={"addressFamily": "IPv4", "maxEntries": 2, "entries": [{"cidr": "10.0.0.0/8"}, {"cidr": cidr}]},
                name="tasks",
            ),
            says=says,
        )
        for cidr, says in (
            ("203.0.113.0/24", ()),
            ("192.168.0.0/16", ()),
            ("0.0.0.0/0", ("tasks", "lists 0.0.0.0/0", "open to everyone")),
            ("128.0.0.0/1", ("128.0.0.0/1",)),
        )
    ),
    Example(
        rule=_LISTS,
        case="an entry apart from its list",
        given=Given(
            type="aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
            inputs={"prefixListId": UNKNOWN, "cidr": "::/1"},
        ),
        says=("::/1",),
    ),
    Example(
        rule=_OUT,
        case="low ports to everywhere",
        given=_rule("Egress", ipProtocol="tcp", cidrIpv4="0.0.0.0/0", fromPort=0, toPort=1023),
    ),
    Example(
        rule=_OUT,
        case="everything within a network",
        given=_group("egress", protocol="-1", fromPort=0, toPort=0, cidrBlocks=["10.0.0.0/16"]),
    ),
    Example(
        rule=_OUT,
        case="everyone in on every port, which is the other rule's",
        given=_ingress(ipProtocol="-1", cidrIpv4="0.0.0.0/0"),
    ),
    Example(
        rule=_OUT,
        case="everything to everywhere",
        given=_rule("Egress", ipProtocol="-1", cidrIpv4="0.0.0.0/0"),
        says=("tasks", "0.0.0.0/0", "every port and protocol", "name the ports"),
    ),
    Example(
        rule=_OUT,
        case="all TCP to everywhere",
        given=_old_rule("egress", protocol="tcp", fromPort=0, toPort=65535, ipv6CidrBlocks=["::/0"]),
        says=("tasks", "::/0", "tcp 0-65535"),
    ),
    Example(
        rule=_OUT,
        case="two rules that join to all TCP",
        given=_group(
            "egress",
            {"protocol": "tcp", "fromPort": 0, "toPort": 1023, "cidrBlocks": ["0.0.0.0/0"]},
            protocol="tcp",
            fromPort=1024,
            toPort=65535,
            cidrBlocks=["0.0.0.0/0"],
        ),
        says=("0.0.0.0/0", "tcp 1024-65535"),
    ),
    Example(
        rule=_OUT,
        case="two networks that join to everywhere",
        given=_group("egress", protocol="-1", fromPort=0, toPort=0, cidrBlocks=["0.0.0.0/1", "128.0.0.0/1"]),
        says=("0.0.0.0/1", "every port and protocol"),
    ),
    Example(
        rule=_OUT,
        case="everything to everywhere, inside a group, beside a network not yet known",
        given=_group("egress", protocol="-1", fromPort=0, toPort=0, cidrBlocks=[UNKNOWN, "0.0.0.0/0"]),
        says=("0.0.0.0/0", "every port and protocol"),
    ),
]
