"""The load balancer that an environment's microservices share: a new one, or an existing listener."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.account import Account
from components.arguments import InvalidArguments, raise_for
from components.arns import ArnForm
from components.load_balancing.public_load_balancer import (
    PublicLoadBalancer,
    PublicResources,
    create_public_load_balancer,
)
from components.load_balancing.routing import Claims
from components.network.ids import id_mistake
from components.network.network import Network

_LISTENER = ArnForm(
    pattern=re.compile(
        r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener/(app/[A-Za-z0-9-]{1,32}/[0-9a-f]+)/[0-9a-f]+"
    ),
    example=(
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
        " (of an application load balancer)"
    ),
)
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, kw_only=True)
class ExistingListener:
    """A listener of an existing application load balancer, which must be in the environment's VPC.

    Each microservice creates there only a rule, a target group and a security group rule in each direction.

    listener_arn: of the listener that gets the rules. Their priorities must not clash with the priorities of other
    rules; set `Service.priority` if they do.
    security_group_id: one of the load balancer's. It gets a rule that lets requests out to each microservice's tasks.
    url: the URL that clients call, such as `https://api.example.com`, without a path.
    """

    listener_arn: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    url: pulumi.Input[str]

    def __post_init__(self) -> None:
        raise_for(
            "ExistingListener",
            {
                "listener_arn": _LISTENER.mistake(self.listener_arn),
                "security_group_id": id_mistake("sg", self.security_group_id),
                "url": _url_mistake(self.url),
            },
        )


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A load balancer at which microservices put their rules.

    url: the URL that clients call; resources that use it wait for the listeners and the domain's record.
    listener_arn: of the listener for rules. security_group_id: of the load balancer.
    arn_suffix: `app/<name>/<id>`, by which CloudWatch and target tracking identify the load balancer.
    claims: the requests that this program's microservices claim. created: None for an `ExistingListener`.
    """

    url: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    claims: Claims
    created: PublicResources | None


def create_load_balancer(
    name: str,
    options: PublicLoadBalancer | ExistingListener,
    *,
    network: Network,
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> LoadBalancer:
    """protect: AWS refuses to delete the load balancer, and S3 to delete a log bucket that holds logs."""
    if isinstance(options, ExistingListener):
        listener_arn = _LISTENER.in_region("ExistingListener", "listener_arn", options.listener_arn, account)
        return LoadBalancer(
            url=pulumi.Output.from_input(options.url),
            listener_arn=listener_arn,
            security_group_id=pulumi.Output.from_input(options.security_group_id),
            arn_suffix=listener_arn.apply(load_balancer_suffix),
            claims=Claims(),
            created=None,
        )
    created = create_public_load_balancer(
        name, options, network=network, account=account, protect=protect, tags=tags, parent=parent
    )
    front = created.https
    url = pulumi.Output.concat("http://", created.load_balancer.dns_name) if front is None else front.url
    return LoadBalancer(
        url=pulumi.Output.all(url, created.listener.urn).apply(lambda known: str(known[0])),
        listener_arn=created.listener.arn if front is None else front.listener.arn,
        security_group_id=created.security_group.id,
        arn_suffix=created.load_balancer.arn_suffix,
        claims=Claims(),
        created=created,
    )


def load_balancer_suffix(listener_arn: str) -> str:
    """`app/<name>/<id>` of the load balancer that an application load balancer's listener belongs to.

    The ARNs of both contain it (service authorization reference, "Elastic Load Balancing V2", resource types).
    Raises InvalidArguments for another ARN.
    """
    match = _LISTENER.pattern.fullmatch(listener_arn)
    if match is None:
        raise InvalidArguments("ExistingListener", {"listener_arn": str(_LISTENER.mistake(listener_arn))})
    return match[1]


def _url_mistake(url: pulumi.Input[str]) -> str | None:
    if not isinstance(url, str) or _URL.fullmatch(url):
        return None
    return f"is {url!r}; give http:// or https:// and a host, such as https://api.example.com, without a path or slash"
