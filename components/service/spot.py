"""Fargate Spot: the share of a service's tasks that runs on spare capacity, at a discount."""

from dataclasses import dataclass
from typing import Any

from components.arguments import outside, raise_for

_FARGATE, _FARGATE_SPOT = "FARGATE", "FARGATE_SPOT"


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Runs some of the tasks on Fargate Spot. Off by default.

    Spot costs less than Fargate on demand, but AWS may stop any Spot task with two minutes' notice: the task gets
    SIGTERM, and SIGKILL when the container's stop timeout is over, which is 40 seconds here. Fargate does not replace
    it with a task on demand: while there is no Spot capacity the service has fewer tasks. So keep enough tasks on
    demand to serve alone (ECS developer guide, "Amazon ECS clusters for Fargate").

    Do not expect that a task leaves the load balancer before it gets SIGTERM. AWS announced this order in 2023; in 2025
    users saw SIGTERM first, and 502s (aws/containers-roadmap#797, #2673; UNVERIFIED here). A program should go on
    answering for some seconds after SIGTERM.

    spot_weight, on_demand_weight: the shares of the tasks above the base, 0 to 1000 each: with 3 and 1, three of four
    run on Spot.
    on_demand_base: the number of tasks that always run on demand, 0 to 100000. With 1, one task is left when AWS stops
    all Spot tasks. It needs an on_demand_weight above 0: with a weight of 0, AWS places no tasks (same source).

    Turning Spot on or off, and changing its numbers, is an update in place that replaces the tasks one after the other.

    Raises InvalidArguments for values out of range.
    """

    spot_weight: int = 3
    on_demand_weight: int = 1
    on_demand_base: int = 1

    def __post_init__(self) -> None:
        neither = self.spot_weight == 0 and self.on_demand_weight == 0
        base_unused = self.on_demand_base > 0 and self.on_demand_weight == 0
        raise_for(
            "Spot",
            {
                "spot_weight": outside(self.spot_weight, 0, 1000)
                or ("is 0, and so is `on_demand_weight`; one must be above 0" if neither else None),
                "on_demand_weight": outside(self.on_demand_weight, 0, 1000)
                or (f"is 0; with `on_demand_base` {self.on_demand_base} use at least 1" if base_unused else None),
                "on_demand_base": outside(self.on_demand_base, 0, 100_000),
            },
        )


def launch_arguments(spot: Spot | None) -> dict[str, Any]:
    """The arguments with which an `aws.ecs.Service` runs its tasks on Fargate, with or without Spot.

    They always have a capacity provider strategy, never a launch type: the aws provider refuses to change a service
    back from one to the other in place. It also refuses a change of the strategy without `force_new_deployment`, which
    ECS itself demands; so this is always set, and every other change in place replaces the tasks, too, one after the
    other.
    (terraform-provider-aws, internal/service/ecs/service.go; UNVERIFIED on AWS.)
    """
    strategies: list[dict[str, Any]] = [{"capacity_provider": _FARGATE, "weight": 1}]
    if spot is not None:
        strategies = [
            {"capacity_provider": _FARGATE, "base": spot.on_demand_base, "weight": spot.on_demand_weight},
            {"capacity_provider": _FARGATE_SPOT, "weight": spot.spot_weight},
        ]
    return {"capacity_provider_strategies": strategies, "force_new_deployment": True}
