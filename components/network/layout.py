"""Refuses changes of a VPC that AWS could not make, in a preview too.

A Pulumi dynamic provider that calls nobody and needs no credentials; as to how its refusals show, see
`components.tables.schema`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource

from components.dynamic import Provider


class NetworkLayout(Resource, module="ec2", name="NetworkLayout"):
    """The addresses and zones from which the subnets of a new VPC are cut. The VPC depends on it, so that nothing
    happens to it when another
    layout is refused: see `NetworkLayoutProvider`.
    """

    def __init__(
        self, name: str, *, cidr: str, zones: Sequence[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(NetworkLayoutProvider(), name, {"cidr": cidr, "zones": list(zones)}, opts)


class NetworkLayoutProvider(Provider):
    """Refuses other addresses and other zones than the recorded ones.

    Either cuts the subnets anew. AWS refuses that while load balancer, endpoints and tasks are in the old ones; and
    with another VPC, it does not let go of the internet gateway, which awsx wants to move there (seen on Pulumi's
    engine with a stand-in for the aws provider; the latter's source says it waits for 20 minutes). Zones that are not
    named are chosen at each update: here that ends if another choice would be made.
    """

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        refused = []
        if olds and olds["cidr"] != news["cidr"]:
            refused.append(
                f"the VPC's cidr changes from {olds['cidr']} to {news['cidr']}. AWS does not let subnets go that are in"
                " use. Keep the cidr, or deploy a second stack with the new one and move over."
            )
        if olds and olds["zones"] != news["zones"]:
            before, after = (", ".join(zones) for zones in (olds["zones"], news["zones"]))
            refused.append(
                f"the VPC's zones change from {before} to {after}. AWS does not let subnets go that are in use. Name"
                f" the zones it has ({before}), in this order, or deploy a second stack with the new ones and move"
                " over."
            )
        return CheckResult(news, [CheckFailure("", reason) for reason in refused])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["cidr"], outs=props)
