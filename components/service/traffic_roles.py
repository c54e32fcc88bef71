"""The roles that ECS assumes during a deployment that moves requests: for the load balancer, and for hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.account import Account
from components.iam import allow
from components.load_balancing.target import Target
from components.service.hooks import FUNCTION, LambdaHook
from components.tasks.permissions import Role, create_role, trust_ecs


def create_balancing_role(
    name: str,
    *,
    listener_arn: pulumi.Input[str],
    target: Target,
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Role:
    """A role with the actions of AWS's managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers for application
    load balancers, at one listener, one rule and two target groups. Elastic Load Balancing's describe actions take no
    resource (service authorization reference). UNVERIFIED on AWS, as are the trust's conditions.
    """
    return create_role(
        name,
        description=f"ECS moving requests to new tasks of {parent._name}",
        statements=[
            allow(
                [
                    "elasticloadbalancing:DescribeListeners",
                    "elasticloadbalancing:DescribeRules",
                    "elasticloadbalancing:DescribeTargetGroups",
                    "elasticloadbalancing:DescribeTargetHealth",
                ],
                "*",
            ),
            *(
                allow(["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"], group.arn)
                for group in target.target_groups
            ),
            allow(["elasticloadbalancing:ModifyListener"], listener_arn),
            allow(["elasticloadbalancing:ModifyRule"], target.rule.arn),
        ],
        trust=trust_ecs("ecs", account),
        path=path,
        boundary_arn=boundary_arn,
        tags=tags,
        parent=parent,
    )


def create_hook_role(
    name: str,
    hooks: Sequence[LambdaHook],
    *,
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> Role:
    """A role that may invoke the hooks' functions and no others."""
    return create_role(
        name,
        description=f"ECS asking functions during deployments of {parent._name}",
        statements=[
            allow(
                ["lambda:InvokeFunction"], FUNCTION.in_region("LambdaHook", "function_arn", hook.function_arn, account)
            )
            for hook in hooks
        ],
        trust=trust_ecs("ecs", account),
        path=path,
        boundary_arn=boundary_arn,
        tags=tags,
        parent=parent,
    )
