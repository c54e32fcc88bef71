"""The VPC that the tasks run in: a new one, or an existing one."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from components.arguments import none_of, raise_for
from components.network.ids import ids_mistake

BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""A pattern (S3 user guide, "General purpose bucket naming rules")."""

Egress = Literal["nat", "nat-per-zone", "endpoints", "public"]

MIN_ZONES = 2  # a load balancer needs two (Elastic Load Balancing user guide)
_LARGEST_VPC = 16  # prefix length (VPC user guide, "VPC CIDR blocks")
# A load balancer's subnet must have at least this size (ELB user guide, "Subnets for your Application Load Balancer").
_SMALLEST_SUBNET = 27
_PUBLIC_AND_PRIVATE = 2  # subnets in each zone


@dataclass(frozen=True, kw_only=True)
class NewVpc:
    """A new VPC with a public and a private subnet in each zone.

    cidr: its IPv4 addresses, private ones or not, shared equally among the subnets: a /16 to a /25 with two zones, to a
        /24 with three or four, to a /23 with five or six. It should not overlap with a network that the VPC may be
        peered with. It cannot change once the VPC exists, see `NetworkLayoutProvider`.
    zones: names of at least two availability zones that offer the Keyspaces endpoint and Fargate. Empty: the first two
        by name that offer both. They cannot change either: if AWS later offers both in a zone that sorts before
        these, updates are refused until the zones are named.
    egress: how tasks reach the services other than Keyspaces: ECR for images, and CloudWatch Logs. docs/components.md
        has prices. Every egress comes with the Keyspaces endpoint and with a gateway endpoint for S3, which serves the
        image layers.
        "nat": one NAT gateway. Tasks cannot reach the internet while its zone is down.
        "nat-per-zone": one in each zone.
        "endpoints": no internet access, but interface endpoints for ECR (`ecr.api`, `ecr.dkr`) and CloudWatch
        Logs. Tasks reach nothing else, except through the endpoints below.
        "public": tasks have public addresses in the public subnets. Their security groups still
        allow connections only from the load balancer.
        The subnets stay the same, so the egress of a stack can be changed; its tasks are replaced if they move to other
        subnets.
    session_endpoint: with "endpoints", one more endpoint, `ssmmessages`, without which ECS Exec cannot
        reach the tasks (ECS developer guide, "Monitor Amazon ECS containers with ECS Exec").
    parameter_endpoint, secret_endpoint: with "endpoints", one more endpoint each, `ssm` and `secretsmanager`, without
        which ECS cannot fetch `generated_secrets` and an `ExistingParameter`, or an `ExistingSecret`: on Fargate it
        does so from the task's own network (ECS developer guide, "Amazon ECS interface VPC endpoints"). Both
        allow only resources of this account.
    trace_endpoint: with "endpoints", one more endpoint, `xray`, without which `Tracing` cannot send spans.
    buckets: names of S3 buckets in the stack's region that tasks read from, by `KeyspacesMicroservice(sources=...)`.
        With every egress, all traffic to S3 in this region takes the gateway endpoint, whose policy allows
        only reading ECR's layers and these buckets.

    Raises InvalidArguments.
    """

    cidr: str = "10.0.0.0/16"
    zones: Sequence[str] = ()
    egress: Egress = "nat"
    session_endpoint: bool = False
    parameter_endpoint: bool = False
    secret_endpoint: bool = False
    trace_endpoint: bool = False
    buckets: Sequence[str] = ()

    def __post_init__(self) -> None:
        raise_for(
            "NewVpc",
            {
                "cidr": self._mistake_in_cidr(),
                "zones": self._mistake_in_zones(),
                "egress": none_of(self.egress, Egress),
                "session_endpoint": 'is for `egress`="endpoints"; with another, sessions need no endpoint'
                if self.session_endpoint and self.egress != "endpoints"
                else None,
                "parameter_endpoint": 'is for `egress`="endpoints"; with another, ECS needs no endpoint'
                if self.parameter_endpoint and self.egress != "endpoints"
                else None,
                "secret_endpoint": 'is for `egress`="endpoints"; with another, ECS needs no endpoint'
                if self.secret_endpoint and self.egress != "endpoints"
                else None,
                "trace_endpoint": 'is for `egress`="endpoints"; with another, tasks need no endpoint'
                if self.trace_endpoint and self.egress != "endpoints"
                else None,
                "buckets": self._mistake_in_buckets(),
            },
        )

    def _mistake_in_buckets(self) -> str | None:
        if isinstance(self.buckets, str):
            return f"is one string, {self.buckets!r}; give a list of names"
        wrong = [bucket for bucket in self.buckets if not re.fullmatch(BUCKET_NAME, bucket)]
        return f"has {', '.join(map(repr, wrong))}; use names of buckets, such as shop-data" if wrong else None

    def _mistake_in_cidr(self) -> str | None:
        try:
            network = ipaddress.IPv4Network(self.cidr)
        except ValueError as error:
            return f"is {self.cidr!r}, which is no IPv4 network ({error}); use one such as 10.1.0.0/16"
        # As awsx divides a VPC with SubnetAllocationStrategy.AUTO (pulumi-awsx, awsx/ec2/subnetDistributorNew.ts).
        zones = max(len(self.zones), MIN_ZONES)
        smallest = _SMALLEST_SUBNET - math.ceil(math.log2(zones)) - math.ceil(math.log2(_PUBLIC_AND_PRIVATE))
        if not _LARGEST_VPC <= network.prefixlen <= smallest:
            return f"is a /{network.prefixlen}; use a /{_LARGEST_VPC} to a /{smallest} for {zones} zones"
        return None

    def _mistake_in_zones(self) -> str | None:
        use = f"use at least {MIN_ZONES} different ones, or none to have them chosen"
        if isinstance(self.zones, str):
            return f"is {self.zones!r}; {use}"
        zones = list(self.zones)
        if not all(zone.strip() for zone in zones):
            return f"is {zones!r}, with an empty name; {use}"
        if zones and len(set(zones)) < MIN_ZONES:
            return f"is {zones!r}; {use}"
        return f"is {zones!r}; name each once" if len(set(zones)) < len(zones) else None


@dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """An existing VPC with its subnets and routes. All IDs are plain strings, known in a preview.

    The VPC's owner must give tasks a route to ECR, S3, CloudWatch Logs and, with secrets, Systems Manager and Secrets
    Manager; the tasks' security groups allow HTTPS to anywhere. Private DNS of the Keyspaces endpoint needs the
    VPC's DNS hostnames and DNS support to be enabled.

    vpc_id: such as `vpc-0123456789abcdef0`.
    public_subnet_ids: for the load balancer; at least two, in different zones, with a route to an internet gateway.
        They are always needed, since an environment always has a load balancer.
    task_subnet_ids: where tasks run; at least one. Their routes must exist before the stack and until it is deleted.
    assign_public_ip: whether tasks get public addresses, which they need where the egress is an internet gateway.
    keyspaces_security_group_id: of the VPC's Keyspaces endpoint: a VPC takes only one with private DNS. Each
    microservice
        adds a rule to that group, so nobody else may manage its rules inline. None: an endpoint is created in the task
        subnets, which must then be in zones that offer it; in a zone with several of these subnets, in the first by ID.

    Raises InvalidArguments.
    """

    vpc_id: str
    public_subnet_ids: Sequence[str]
    task_subnet_ids: Sequence[str]
    assign_public_ip: bool = False
    keyspaces_security_group_id: str | None = None

    def __post_init__(self) -> None:
        group = self.keyspaces_security_group_id
        raise_for(
            "ExistingVpc",
            {
                "vpc_id": ids_mistake("vpc", [self.vpc_id], 1),
                "public_subnet_ids": ids_mistake("subnet", self.public_subnet_ids, MIN_ZONES),
                "task_subnet_ids": ids_mistake("subnet", self.task_subnet_ids, 1),
                "keyspaces_security_group_id": None if group is None else ids_mistake("sg", [group], 1),
            },
        )
