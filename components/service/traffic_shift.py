"""The roles, target group and rule that a deployment which moves requests needs besides the first target group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.load_balancing.target import Target
from components.service import strategy as strategies
from components.service.hooks import LambdaHook
from components.service.strategy import Strategy
from components.service.traffic_roles import create_balancing_role, create_hook_role
from components.tasks.permissions import Role


@dataclass(frozen=True, kw_only=True)
class TrafficShift:
    """balancing_role: lets ECS change the load balancer. hook_role: lets ECS call Lambda functions; None without
    any."""

    strategy: Strategy
    alternate: aws.lb.TargetGroup
    rule: aws.lb.ListenerRule
    balancing_role: Role
    hook_role: Role | None

    @property
    def needed_by_service(self) -> Sequence[pulumi.Resource]:
        return [self.balancing_role.policy, *([self.hook_role.policy] if self.hook_role else [])]

    def for_load_balancer(self) -> dict[str, Any]:
        """`advanced_configuration` of a load balancer of aws.ecs.Service."""
        return {
            "alternate_target_group_arn": self.alternate.arn,
            "production_listener_rule": self.rule.arn,
            "role_arn": self.balancing_role.arn,
        }

    def for_load_balancer_update(self) -> dict[str, Any]:
        """The same for UpdateService."""
        return {
            "alternateTargetGroupArn": self.alternate.arn,
            "productionListenerRule": self.rule.arn,
            "roleArn": self.balancing_role.arn,
        }

    def for_service(self) -> dict[str, Any]:
        return strategies.for_service(self.strategy, self._hook_role_arn)

    def for_update(self) -> dict[str, Any]:
        return strategies.for_update(self.strategy, self._hook_role_arn)

    @property
    def _hook_role_arn(self) -> pulumi.Output[str] | None:
        return self.hook_role.arn if self.hook_role else None


def create_traffic_shift(
    name: str,
    strategy: Strategy,
    *,
    listener_arn: pulumi.Input[str],
    target: Target,
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> TrafficShift:
    """target: created with `moves_requests`."""
    assert target.alternate is not None
    functions = [hook for hook in strategy.hooks if isinstance(hook, LambdaHook)]
    common: Any = {"path": path, "boundary_arn": boundary_arn, "account": account, "tags": tags, "parent": parent}
    return TrafficShift(
        strategy=strategy,
        alternate=target.alternate,
        rule=target.rule,
        balancing_role=create_balancing_role(f"{name}-balancing", listener_arn=listener_arn, target=target, **common),
        hook_role=create_hook_role(f"{name}-hooks", functions, **common) if functions else None,
    )
