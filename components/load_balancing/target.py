"""One service behind a load balancer: its target groups, its listener rule and its security group rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.load_balancing.load_balancer import LoadBalancer
from components.load_balancing.routing import Claim, derive_priority
from components.network.security_group_rules import let_in, let_out

_DEREGISTRATION_DELAY = 15  # seconds that a draining task has to finish its requests


@dataclass(frozen=True, kw_only=True)
class Target:
    """to_tasks, from_load_balancer: the security group rules at both ends of the connection from load balancer to
    tasks.

    alternate: the other target group of a service whose deployments move requests; ECS alternates between the two.
    """

    target_group: aws.lb.TargetGroup
    alternate: aws.lb.TargetGroup | None
    rule: aws.lb.ListenerRule
    to_tasks: aws.vpc.SecurityGroupEgressRule
    from_load_balancer: aws.vpc.SecurityGroupIngressRule

    @property
    def target_groups(self) -> Sequence[aws.lb.TargetGroup]:
        return [self.target_group, *([self.alternate] if self.alternate else [])]

    @property
    def needed_by_service(self) -> Sequence[pulumi.Resource]:
        """ECS accepts a target group only once a listener rule uses it; health checks need both security group
        rules."""
        return [self.rule, self.to_tasks, self.from_load_balancer]


def create_target(
    name: str,
    *,
    load_balancer: LoadBalancer,
    vpc_id: pulumi.Input[str],
    task_security_group: aws.ec2.SecurityGroup,
    port: int,
    health_check_path: str,
    hosts: Sequence[str],
    paths: Sequence[str],
    priority: int | None,
    moves_requests: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Target:
    """A target group for a service's tasks, and the rule that sends requests for `paths` of `hosts` there.

    hosts: none means any. priority: of the rule; None derives it from `name`, `hosts` and `paths`.
    moves_requests: whether ECS deploys by shifting requests between two target groups. Once the rule is created, only
    ECS changes their weights in it. ECS adds the second group to a rule that existed before (UNVERIFIED).
    Raises InvalidArguments when another microservice of this program has the same priority, or a path that equals or
    hides one of these.

    A changed `port` or load balancer replaces the target group: a new one is created, the rule forwards to it, the
    service follows, and the old one is deleted. Until the service's new tasks are healthy there, requests get 503. With
    `moves_requests` this is not so, since only ECS changes the rule's targets.
    """
    priority = derive_priority(name, paths, hosts) if priority is None else priority
    load_balancer.claims.add(Claim(name=name, hosts=hosts, paths=paths, priority=priority))

    def target_group_called(called: str) -> aws.lb.TargetGroup:
        return _target_group(
            called,
            load_balancer=load_balancer,
            vpc_id=vpc_id,
            port=port,
            health_check_path=health_check_path,
            tags=tags,
            parent=parent,
        )

    target_group = target_group_called(name)
    alternate = target_group_called(f"{name}-b") if moves_requests else None
    of_hosts: list[aws.lb.ListenerRuleConditionArgsDict] = [{"host_header": {"values": list(hosts)}}] if hosts else []
    rule = aws.lb.ListenerRule(
        name,
        listener_arn=load_balancer.listener_arn,
        priority=priority,
        conditions=[{"path_pattern": {"values": list(paths)}}, *of_hosts],
        actions=[_forward(target_group, alternate)],
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["actions"] if moves_requests else []),
    )
    to_tasks = let_out(
        f"{name}-alb-to-tasks",
        f"HTTP to the tasks of {name}",
        of=load_balancer.security_group_id,
        port=port,
        group=task_security_group.id,
        tags=tags,
        parent=parent,
    )
    from_load_balancer = let_in(
        f"{name}-tasks-from-alb",
        "HTTP from the load balancer",
        into=task_security_group.id,
        port=port,
        group=load_balancer.security_group_id,
        tags=tags,
        parent=parent,
    )
    return Target(
        target_group=target_group,
        alternate=alternate,
        rule=rule,
        to_tasks=to_tasks,
        from_load_balancer=from_load_balancer,
    )


def _target_group(
    name: str,
    *,
    load_balancer: LoadBalancer,
    vpc_id: pulumi.Input[str],
    port: int,
    health_check_path: str,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.lb.TargetGroup:
    return aws.lb.TargetGroup(
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
        opts=pulumi.ResourceOptions(
            parent=parent,
            # Only one load balancer can use a target group ("Quotas for your Application Load Balancers"). When the
            # load balancer changes, the new rule is created before the old one is deleted: it needs a target group of
            # its own. Read in the sources of SDK and engine, not run on a real engine (UNVERIFIED).
            replacement_trigger=load_balancer.arn_suffix,
        ),
    )


def _forward(target_group: aws.lb.TargetGroup, alternate: aws.lb.TargetGroup | None) -> Any:
    """The action of a rule that sends all requests to `target_group`."""
    if alternate is None:
        return {"type": "forward", "target_group_arn": target_group.arn}
    weighted = [{"arn": target_group.arn, "weight": 100}, {"arn": alternate.arn, "weight": 0}]
    return {"type": "forward", "forward": {"target_groups": weighted}}
