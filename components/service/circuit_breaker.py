"""The threshold of ECS's circuit breaker, which stops a failing rolling deployment.

The aws provider has no arguments for it, so `Deployment` sets it with UpdateService, which starts no deployment for it
(ECS API reference, UpdateService, `deploymentConfiguration`). Whether it applies to a deployment that is under way is
UNVERIFIED.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.arguments import below, none_of, raise_for

ThresholdType = Literal["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"]


@dataclass(frozen=True, kw_only=True)
class CircuitBreaker:
    """Stops a deployment after a number of task failures, and rolls back to the earlier tasks.

    value, type: "COUNT": `value` failures; "UNBOUNDED_PERCENT": `value` percent of the service's desired count;
    "BOUNDED_PERCENT": the same, but at least 3 and at most 200 failures.
    reset_on_healthy_task: each task that becomes healthy sets the count of failures to 0.

    The defaults are ECS's own (ECS API reference, ThresholdConfiguration and DeploymentCircuitBreaker). Raises
    InvalidArguments.
    """

    value: int = 50
    type: ThresholdType = "BOUNDED_PERCENT"
    reset_on_healthy_task: bool = True

    def __post_init__(self) -> None:
        raise_for("CircuitBreaker", {"value": below(self.value, 1), "type": none_of(self.type, ThresholdType)})

    def for_update(self) -> dict[str, Any]:
        """A part of UpdateService's `deploymentCircuitBreaker`."""
        return {
            "thresholdConfiguration": {"type": self.type, "value": self.value},
            "resetOnHealthyTask": self.reset_on_healthy_task,
        }


def thresholds_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a `deploymentCircuitBreaker` that `CircuitBreaker.for_update` makes, with ECS's defaults."""
    defaults = CircuitBreaker().for_update()
    return {key: described.get(key, default) for key, default in defaults.items()}
