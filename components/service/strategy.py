"""Deployment strategies of ECS other than the rolling update: blue/green, linear and canary.

With each, ECS starts the new tasks beside the old ones, in the other of two target groups, and moves the requests by
the weights in the listener's rule. The old tasks stay until the bake time is over, so that a rollback needs no new
tasks. Until then twice as many tasks run, and are billed. Sources: ECS API reference, DeploymentConfiguration; ECS
developer guide, "Amazon ECS blue/green deployments".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components.arguments import outside, raise_for
from components.service.hooks import Hook, hook_for_service, hook_for_update

Kind = Literal["BLUE_GREEN", "LINEAR", "CANARY"]

_MOST_MINUTES = 1440  # of a bake time, in the API reference's LinearConfiguration and CanaryConfiguration


@dataclass(frozen=True, kw_only=True)
class BlueGreen:
    """All requests go to the new tasks at once, when these are healthy.

    bake_minutes: how long the old tasks stay, and alarms and hooks can still roll back, 0 to 1440.
    hooks: `Pause` or `LambdaHook`.

    Raises InvalidArguments.
    """

    bake_minutes: int = 5
    hooks: Sequence[Hook] = ()

    def __post_init__(self) -> None:
        raise_for("BlueGreen", {"bake_minutes": outside(self.bake_minutes, 0, _MOST_MINUTES)})

    @property
    def minutes(self) -> int:
        return self.bake_minutes


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The requests go to the new tasks in equal steps.

    step_percent: percent of the requests for each step, 3 to 100 with one decimal. step_bake_minutes: minutes from each
    step to the next, 0 to 1440. bake_minutes, hooks: see `BlueGreen`.

    Raises InvalidArguments.
    """

    step_percent: float = 25.0
    step_bake_minutes: int = 5
    bake_minutes: int = 5
    hooks: Sequence[Hook] = ()

    def __post_init__(self) -> None:
        raise_for(
            "Linear",
            {
                "step_percent": _percent_mistake(self.step_percent, 3.0),
                "step_bake_minutes": outside(self.step_bake_minutes, 0, _MOST_MINUTES),
                "bake_minutes": outside(self.bake_minutes, 0, _MOST_MINUTES),
            },
        )

    @property
    def minutes(self) -> int:
        steps = math.ceil(100 / self.step_percent)
        return (steps - 1) * self.step_bake_minutes + self.bake_minutes


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A few requests go to the new tasks first, then all.

    percent: percent of the requests that go first, 0.1 to 100 with one decimal. canary_bake_minutes: minutes until the
    others follow, 0 to 1440. bake_minutes, hooks: see `BlueGreen`.

    Raises InvalidArguments.
    """

    percent: float = 10.0
    canary_bake_minutes: int = 10
    bake_minutes: int = 5
    hooks: Sequence[Hook] = ()

    def __post_init__(self) -> None:
        raise_for(
            "Canary",
            {
                "percent": _percent_mistake(self.percent, 0.1),
                "canary_bake_minutes": outside(self.canary_bake_minutes, 0, _MOST_MINUTES),
                "bake_minutes": outside(self.bake_minutes, 0, _MOST_MINUTES),
            },
        )

    @property
    def minutes(self) -> int:
        return self.canary_bake_minutes + self.bake_minutes


Strategy = BlueGreen | Linear | Canary


def strategy_mistake(strategy: Strategy | None, *, deployment_timeout: int, scales_by_requests: bool) -> str | None:
    """The mistake in a service's strategy that ECS would refuse or could never complete."""
    if strategy is None:
        return None
    if scales_by_requests:
        # ECS developer guide, "Target tracking scaling policies": ALBRequestCountPerTarget is for one target group.
        return "does not work with `scaling` by requests, which counts only one target group; scale by cpu or memory"
    if strategy.minutes * 60 >= deployment_timeout:
        return (
            f"bakes for {strategy.minutes} minutes, but `deployment_timeout` is {deployment_timeout} seconds; raise it"
            " above that, plus the time that tasks take to start"
        )
    return None


def for_service(strategy: Strategy, hook_role_arn: pulumi.Input[str] | None) -> dict[str, Any]:
    """The argument `deployment_configuration` of aws.ecs.Service, where minutes are strings."""
    configuration: dict[str, Any] = {
        "strategy": kind_of(strategy),
        "bake_time_in_minutes": str(strategy.bake_minutes),
        "lifecycle_hooks": [hook_for_service(hook, hook_role_arn) for hook in strategy.hooks] or None,
    }
    if isinstance(strategy, Linear):
        configuration["linear_configuration"] = {
            "step_percent": strategy.step_percent,
            "step_bake_time_in_minutes": str(strategy.step_bake_minutes),
        }
    elif isinstance(strategy, Canary):
        configuration["canary_configuration"] = {
            "canary_percent": strategy.percent,
            "canary_bake_time_in_minutes": str(strategy.canary_bake_minutes),
        }
    return configuration


def for_update(strategy: Strategy, hook_role_arn: pulumi.Input[str] | None) -> dict[str, Any]:
    """The same as a part of UpdateService's `deploymentConfiguration`."""
    configuration: dict[str, Any] = {
        "strategy": kind_of(strategy),
        "bakeTimeInMinutes": strategy.bake_minutes,
        "lifecycleHooks": [hook_for_update(hook, hook_role_arn) for hook in strategy.hooks],
    }
    if isinstance(strategy, Linear):
        configuration["linearConfiguration"] = {
            "stepPercent": strategy.step_percent,
            "stepBakeTimeInMinutes": strategy.step_bake_minutes,
        }
    elif isinstance(strategy, Canary):
        configuration["canaryConfiguration"] = {
            "canaryPercent": strategy.percent,
            "canaryBakeTimeInMinutes": strategy.canary_bake_minutes,
        }
    return configuration


_KINDS: Mapping[type, Kind] = {BlueGreen: "BLUE_GREEN", Linear: "LINEAR", Canary: "CANARY"}


def kind_of(strategy: Strategy) -> Kind:
    return _KINDS[type(strategy)]


def _percent_mistake(percent: float, least: float) -> str | None:
    if (mistake := outside(percent, least, 100, "percent")) is not None:
        return mistake
    in_tenths = math.isclose(percent * 10, round(percent * 10), rel_tol=0, abs_tol=1e-9)
    return None if in_tenths else f"is {percent}; use at most one decimal"
