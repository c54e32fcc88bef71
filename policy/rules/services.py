"""ECS services: how they change, and where their tasks are."""

from collections.abc import Iterator

from pulumi_policy import EnforcementLevel

from rules.rule import Resource, production_rule, rule
from rules.values import inside, is_known, is_or_may_be

_TYPES = ("aws:ecs/service:Service",)


def _stuck_when_failing(resource: Resource) -> Iterator[str]:
    if inside(resource.inputs, "deploymentController", "type") not in (None, "ECS"):
        return  # CodeDeploy or something outside AWS decides about deployments, or that is not known yet
    if _goes_back(resource, "alarms"):
        return
    strategy = inside(resource.inputs, "deploymentConfiguration", "strategy")
    if not is_known(strategy):
        return  # which of the ways counts is not known either
    if strategy in (None, "ROLLING"):
        if not _goes_back(resource, "deploymentCircuitBreaker"):
            yield "does not go back when its new tasks fail: set deploymentCircuitBreaker with enable and rollback"
    # The circuit breaker is for rolling updates only (ECS API reference, DeploymentCircuitBreaker).
    elif inside(resource.inputs, "deploymentConfiguration", "lifecycleHooks") in (None, []):
        yield (
            f"does not go back when its new tasks fail, since {strategy} ignores deploymentCircuitBreaker: set alarms"
            " with enable and rollback, or lifecycleHooks that test the new tasks"
        )


def _goes_back(resource: Resource, way: str) -> bool:
    return all(is_or_may_be(inside(resource.inputs, way, key), True) for key in ("enable", "rollback"))


def _in_public(resource: Resource) -> Iterator[str]:
    if not is_or_may_be(inside(resource.inputs, "networkConfiguration", "assignPublicIp"), None, False):
        yield (
            "gives its tasks public IP addresses: set assignPublicIp to false and let them out by a NAT gateway or VPC"
            " endpoints"
        )


POLICIES = [
    rule(
        "services-roll-back",
        "ECS starts tasks that fail again and again, for ever, unless it is told to stop and go back.",
        _stuck_when_failing,
        types=_TYPES,
    ),
    production_rule(
        "production-tasks-have-no-public-ip",
        "With a public IP address, a task's security group is all that is between it and the internet.",
        _in_public,
        types=_TYPES,
        # It is what a network without NAT gateway and endpoints, a cheap one, has to do; the groups are checked too.
        level=EnforcementLevel.ADVISORY,
    ),
]
