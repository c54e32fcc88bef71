"""An application load balancer of the environment's own, reached from the internet."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import raise_for
from components.arns import ArnForm
from components.load_balancing.access_logs import AccessLogs, LogBucket, create_log_bucket
from components.load_balancing.https import REDIRECT_TO_HTTPS, Https, HttpsFront, create_https
from components.network.network import Network
from components.network.security_group_rules import HTTPS_PORT, let_in

_HTTP_PORT = 80
# The most inbound rules that a security group takes, unless AWS has raised it (VPC user guide, "Amazon VPC quotas").
_MAX_RULES = 60
_IDLE_TIMEOUT = 60  # seconds; a service must keep idle connections longer, or clients get occasional 502s
_NOT_FOUND: aws.lb.ListenerDefaultActionArgsDict = {
    "type": "fixed-response",
    "fixed_response": {
        "status_code": "404",
        "content_type": "text/plain",
        "message_body": "No service answers here.\n",
    },
}
_WEB_ACL = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[\w-]+/[\w-]+"),
    example=(
        "arn:aws:wafv2:us-east-1:123456789012:regional/webacl/name/0a1b2c3d-0000-0000-0000-000000000000"
        " (a global one is for CloudFront)"
    ),
)


@dataclass(frozen=True, kw_only=True)
class PublicLoadBalancer:
    """A load balancer of the environment's own, reached from the internet over IPv4.

    It answers 404 to requests that no microservice has claimed, and drops headers whose names HTTP does not allow.

    https: None serves plain HTTP on port 80.
    allowed_cidrs: the clients that may connect, as IPv4 CIDR blocks: at most 60, with HTTPS at most 30, since a
    security group takes 60 rules and each block needs one rule for each port. The default allows all clients.
    access_logs: None writes none.
    web_acl_arn: a regional AWS WAF web ACL (version 2) that filters requests. While a changed one replaces it, no web
    ACL filters requests for a moment.
    """

    https: Https | None = None
    allowed_cidrs: Sequence[str] = ("0.0.0.0/0",)
    access_logs: AccessLogs | None = None
    web_acl_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        raise_for(
            "PublicLoadBalancer",
            {
                "allowed_cidrs": _cidrs_mistake(self.allowed_cidrs, len(_ports(self))),
                "web_acl_arn": _WEB_ACL.mistake(self.web_acl_arn),
            },
        )


@dataclass(frozen=True, kw_only=True)
class PublicResources:
    """The resources of a `PublicLoadBalancer`.

    listener: on port 80. https: the listener on port 443 and its certificate. ingress: the security group's rules, by
    CIDR block and port.
    """

    load_balancer: aws.lb.LoadBalancer
    listener: aws.lb.Listener
    security_group: aws.ec2.SecurityGroup
    ingress: Mapping[tuple[str, int], aws.vpc.SecurityGroupIngressRule]
    https: HttpsFront | None
    log_bucket: LogBucket | None
    web_acl_association: aws.wafv2.WebAclAssociation | None


def create_public_load_balancer(
    name: str,
    options: PublicLoadBalancer,
    *,
    network: Network,
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> PublicResources:
    security_group = aws.ec2.SecurityGroup(
        f"{name}-alb",
        description="Load balancer: requests from clients, out to the tasks of each service",
        vpc_id=network.vpc_id,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    # Each rule is named after its block and port, so that reordering the list changes nothing.
    ingress = {
        (cidr, port): let_in(
            f"{name}-alb-from-{re.sub('[./]', '-', cidr)}-{port}",
            f"{'HTTPS' if port == HTTPS_PORT else 'HTTP'} from {cidr}",
            into=security_group.id,
            port=port,
            cidr=cidr,
            tags=tags,
            parent=parent,
        )
        for cidr in options.allowed_cidrs
        for port in _ports(options)
    }
    logs = options.access_logs
    log_bucket = (
        create_log_bucket(
            f"{name}-alb-logs",
            logs,
            load_balancer=name,
            account=account,
            protect=protect,
            tags=tags,
            parent=parent,
        )
        if logs is not None and logs.bucket is None
        else None
    )
    load_balancer = aws.lb.LoadBalancer(
        name,
        load_balancer_type="application",
        internal=False,
        subnets=network.public_subnet_ids,
        security_groups=[security_group.id],
        idle_timeout=_IDLE_TIMEOUT,
        drop_invalid_header_fields=True,
        enable_deletion_protection=protect,
        access_logs=_access_logs(logs, log_bucket),
        tags=dict(tags),
        opts=pulumi.ResourceOptions(
            parent=parent,
            protect=protect or None,  # None keeps the parent's own protection
            depends_on=[*ingress.values(), *([log_bucket.policy] if log_bucket is not None else [])],
            # A load balancer stays in its VPC, but the provider would try to give it the new one's subnets in place
            # (terraform-provider-aws, internal/service/elbv2/load_balancer.go).
            replacement_trigger=network.vpc_id,
        ),
    )
    association = None
    if options.web_acl_arn is not None:
        association = aws.wafv2.WebAclAssociation(
            name,
            resource_arn=load_balancer.arn,
            web_acl_arn=_WEB_ACL.in_region("PublicLoadBalancer", "web_acl_arn", options.web_acl_arn, account),
            opts=pulumi.ResourceOptions(
                parent=parent,
                # Deleting an association removes any web ACL that the load balancer has at that time, even the new one.
                delete_before_replace=True,
            ),
        )
    # The listeners come after the web ACL, so that no request bypasses it.
    filtered = [association] if association is not None else []
    listener = aws.lb.Listener(
        name,
        load_balancer_arn=load_balancer.arn,
        port=_HTTP_PORT,
        protocol="HTTP",
        default_actions=[_NOT_FOUND if options.https is None else REDIRECT_TO_HTTPS],
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, protect=protect or None, depends_on=filtered),
    )
    https = None
    if options.https is not None:
        https = create_https(
            name,
            options.https,
            load_balancer=load_balancer,
            default_action=_NOT_FOUND,
            account=account,
            depends_on=filtered,
            protect=protect,
            tags=tags,
            parent=parent,
        )
    return PublicResources(
        load_balancer=load_balancer,
        listener=listener,
        security_group=security_group,
        ingress=ingress,
        https=https,
        log_bucket=log_bucket,
        web_acl_association=association,
    )


def _access_logs(logs: AccessLogs | None, log_bucket: LogBucket | None) -> aws.lb.LoadBalancerAccessLogsArgsDict:
    bucket = logs.bucket if logs is not None else None
    if log_bucket is not None:
        bucket = log_bucket.bucket.bucket
    if logs is None or bucket is None:
        # Without this, the provider would not switch access logs off, and they would still go to a deleted bucket.
        return {"enabled": False, "bucket": ""}
    return {"enabled": True, "bucket": bucket, "prefix": logs.prefix or ""}


def _ports(options: PublicLoadBalancer) -> list[int]:
    return [_HTTP_PORT] if options.https is None else [_HTTP_PORT, HTTPS_PORT]


def _cidrs_mistake(cidrs: Sequence[str], ports: int) -> str | None:
    if isinstance(cidrs, str):
        return f"is the string {cidrs!r}; give a list such as [{cidrs!r}]"
    if not cidrs:
        return "is empty, so nobody could connect; give at least one IPv4 CIDR block"
    for cidr in cidrs:
        try:
            block = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            return f"has {cidr!r}; give IPv4 CIDR blocks such as 203.0.113.0/24"
        if block.version == 6:
            return f"has {cidr!r}; the load balancer has IPv4 addresses only, so give IPv4 CIDR blocks"
        if str(block) != cidr:
            return f"has {cidr!r}; AWS would change it to {block}: give that block"
    if len(set(cidrs)) < len(cidrs):
        return "names the same block twice"
    if len(cidrs) * ports > _MAX_RULES:
        each = "a rule" if ports == 1 else f"{ports} rules"
        return (
            f"has {len(cidrs)} blocks with {each} each, and a security group takes {_MAX_RULES} rules; give at most"
            f" {_MAX_RULES // ports}, if need be broader ones"
        )
    return None
