"""Application Auto Scaling's effect on costs: the minimum that runs when idle, and its alarms."""

from collections.abc import Iterator

from costs.assumptions import Assumptions
from costs.items import Item, number
from costs.prices import ALARM_METRIC
from declared.program import Program, Resource

_TARGET = "aws:appautoscaling/target:Target"
# Alarms of a target tracking policy: a pair for an ECS service, two pairs for a Keyspaces table (Keyspaces developer
# guide, "Amazon Keyspaces auto scaling"). UNVERIFIED for ECS: users report one pair.
_ALARMS = {"ecs": 2, "cassandra": 4}


def least_by_scaling(program: Program, dimension: str, resource_id_end: str, *, otherwise: float) -> float:
    """The minimum of the scalable target with this dimension and end of its resource id; `otherwise` without one."""
    for target in program.of_type(_TARGET):
        ends = str(target.inputs.get("resourceId")).endswith(resource_id_end)
        if ends and target.inputs.get("scalableDimension") == dimension:
            return number(target, "minCapacity", target.inputs)
    return otherwise


def policy_items(policy: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    if policy.inputs.get("policyType") == "TargetTrackingScaling":
        count = _ALARMS.get(str(policy.inputs.get("serviceNamespace")), 2)
        yield Item(what="Alarms of auto scaling", count=count, price=ALARM_METRIC)
