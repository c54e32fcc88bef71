"""Refuses changes of a VPC that AWS cannot make, in a preview, too.

A Pulumi dynamic provider that makes no calls and needs no credentials. `components.tables.schema` describes how its
errors are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource

from components.dynamic import Provider


class NetworkLayout(Resource, module="ec2", name="NetworkLayout"):
    """The addresses and zones that a new VPC divides into subnets. The VPC depends on this resource, so that a refused
    layout changes nothing in the VPC: see `NetworkLayoutProvider`.
    """

    def __init__(
        self, name: str, *, cidr: str, zones: Sequence[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(NetworkLayoutProvider(), name, {"cidr": cidr, "zones": list(zones)}, opts)


class NetworkLayoutProvider(Provider):
    """Refuses other addresses and other zones than the recorded ones.

    Both need new subnets. AWS refuses these while load balancer, endpoints and tasks are in the old ones; and with a
    new VPC, AWS does not detach the internet gateway, which awsx wants to move there (seen on Pulumi's engine with a
    stand-in for the aws provider; the aws provider's source says that it waits for 20 minutes). Zones that are not
    named are chosen at each update; an update that would choose other zones is refused here.
    """

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        refused = []
        if olds and olds["cidr"] != news["cidr"]:
            refused.append(
                f"the VPC's cidr changes from {olds['cidr']} to {news['cidr']}. AWS does not delete subnets that are in"
                " use. Keep the cidr, or deploy a second stack with the new one and move over."
            )
        if olds and olds["zones"] != news["zones"]:
            before, after = (", ".join(zones) for zones in (olds["zones"], news["zones"]))
            refused.append(
                f"the VPC's zones change from {before} to {after}. AWS does not delete subnets that are in use. Name"
                f" the zones it has ({before}), in this order, or deploy a second stack with the new ones and move"
                " over."
            )
        return CheckResult(news, [CheckFailure("", reason) for reason in refused])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["cidr"], outs=props)
