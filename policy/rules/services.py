"""ECS services: their deployments, and their tasks' addresses."""

from collections.abc import Iterator

from pulumi_policy import EnforcementLevel

from rules.rule import Resource, production_rule, rule
from rules.values import inside, is_known, is_or_may_be

_TYPES = ("aws:ecs/service:Service",)


def _stuck_when_failing(resource: Resource) -> Iterator[str]:
    if inside(resource.inputs, "deploymentController", "type") not in (None, "ECS"):
        return  # CodeDeploy or an external controller deploys, or the controller is not known yet
    if _rolls_back(resource, "alarms"):
        return
    strategy = inside(resource.inputs, "deploymentConfiguration", "strategy")
    if not is_known(strategy):
        return  # the mechanism that counts is not known either
    if strategy in (None, "ROLLING"):
        if not _rolls_back(resource, "deploymentCircuitBreaker"):
            yield "does not roll back when its new tasks fail: set deploymentCircuitBreaker with enable and rollback"
    # The circuit breaker is for rolling updates only (ECS API reference, DeploymentCircuitBreaker).
    elif inside(resource.inputs, "deploymentConfiguration", "lifecycleHooks") in (None, []):
        yield (
            f"does not roll back when its new tasks fail, since {strategy} ignores deploymentCircuitBreaker: set alarms"
            " with enable and rollback, or lifecycleHooks that test the new tasks"
        )


def _rolls_back(resource: Resource, by: str) -> bool:
    return all(is_or_may_be(inside(resource.inputs, by, key), True) for key in ("enable", "rollback"))


def _in_public(resource: Resource) -> Iterator[str]:
    if not is_or_may_be(inside(resource.inputs, "networkConfiguration", "assignPublicIp"), None, False):
        yield (
            "gives its tasks public IP addresses: set assignPublicIp to false and use a NAT gateway or VPC endpoints as"
            " their egress"
        )


POLICIES = [
    rule(
        "services-roll-back",
        "ECS restarts failing tasks for ever, unless the service has it stop the deployment and roll back.",
        _stuck_when_failing,
        types=_TYPES,
    ),
    production_rule(
        "production-tasks-have-no-public-ip",
        "With a public IP address, a task's security group is its only protection from the internet.",
        _in_public,
        types=_TYPES,
        # A cheap network without NAT gateway and endpoints needs public addresses; other rules check the groups.
        level=EnforcementLevel.ADVISORY,
    ),
]
