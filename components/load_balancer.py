"""The load balancer the services of a stack share, and one service's place behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network import Network

_HTTP = 80
_IDLE_TIMEOUT = 60  # seconds; a service must keep idle connections longer, or clients see stray 502s
_DEREGISTRATION_DELAY = 15  # seconds a task that leaves may take to finish what it has begun


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    url: pulumi.Output[str]
    listener: aws.lb.Listener
    security_group: aws.ec2.SecurityGroup


def create_load_balancer(
    name: str, *, network: Network, tags: Mapping[str, str], parent: pulumi.Resource
) -> LoadBalancer:
    """An internet-facing load balancer on port 80 that answers 404 to what no service has claimed."""
    opts = pulumi.ResourceOptions(parent=parent)
    security_group = aws.ec2.SecurityGroup(
        f"{name}-alb",
        description="Load balancer: HTTP from the internet, out to the tasks of each service",
        vpc_id=network.vpc_id,
        tags=dict(tags),
        opts=opts,
    )
    from_internet = aws.vpc.SecurityGroupIngressRule(
        f"{name}-alb-from-internet",
        security_group_id=security_group.id,
        description="HTTP from anywhere",
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=_HTTP,
        to_port=_HTTP,
        tags=dict(tags),
        opts=opts,
    )
    load_balancer = aws.lb.LoadBalancer(
        name,
        load_balancer_type="application",
        internal=False,
        subnets=network.public_subnet_ids,
        security_groups=[security_group.id],
        idle_timeout=_IDLE_TIMEOUT,
        drop_invalid_header_fields=True,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[from_internet]),
    )
    listener = aws.lb.Listener(
        name,
        load_balancer_arn=load_balancer.arn,
        port=_HTTP,
        protocol="HTTP",
        default_actions=[
            {
                "type": "fixed-response",
                "fixed_response": {
                    "status_code": "404",
                    "content_type": "text/plain",
                    "message_body": "No service answers here.\n",
                },
            }
        ],
        tags=dict(tags),
        opts=opts,
    )
    return LoadBalancer(
        url=pulumi.Output.concat("http://", load_balancer.dns_name), listener=listener, security_group=security_group
    )


def create_target(
    name: str,
    *,
    load_balancer: LoadBalancer,
    vpc_id: pulumi.Output[str],
    port: int,
    health_check_path: str,
    paths: Sequence[str],
    priority: int,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> tuple[aws.lb.TargetGroup, aws.lb.ListenerRule]:
    """A target group for a service's tasks, and the rule that sends requests for `paths` there."""
    opts = pulumi.ResourceOptions(parent=parent)
    target_group = aws.lb.TargetGroup(
        name,
        target_type="ip",
        vpc_id=vpc_id,
        port=port,
        protocol="HTTP",
        deregistration_delay=_DEREGISTRATION_DELAY,
        health_check={
            "path": health_check_path,
            "protocol": "HTTP",
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 10,
        },
        tags=dict(tags),
        opts=opts,
    )
    rule = aws.lb.ListenerRule(
        name,
        listener_arn=load_balancer.listener.arn,
        priority=priority,
        conditions=[{"path_pattern": {"values": list(paths)}}],
        actions=[{"type": "forward", "target_group_arn": target_group.arn}],
        tags=dict(tags),
        opts=opts,
    )
    return target_group, rule
