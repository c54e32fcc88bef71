"""An ECS service as DescribeServices shows it: its deployments and its events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from components.service.circuit_breaker import thresholds_of

# ECS writes the event of a rollback milliseconds before or after it creates the rollback's deployment.
_SAME_MOMENT = timedelta(seconds=5)
_UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC) + _SAME_MOMENT

Deployment = Mapping[str, Any]
Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """described: a service in the answer of DescribeServices or UpdateService.

    A deployment's `status` is PRIMARY for the most recent one, ACTIVE for one that is being replaced and still has
    tasks (ECS API reference, Deployment); one without tasks is soon no longer listed. Its `rolloutState` goes from
    IN_PROGRESS to COMPLETED or FAILED, FAILED only if the circuit breaker or alarms are on; a FAILED one starts no more
    tasks (same source, and ECS developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures"). ECS
    returns no `rolloutState` for deployments that are not rolling updates.
    """

    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.described["serviceName"])

    @property
    def desired_count(self) -> int:
        return int(self.described.get("desiredCount", 0))

    @property
    def watches_alarms(self) -> bool:
        return bool(self.described.get("deploymentConfiguration", {}).get("alarms", {}).get("enable"))

    @property
    def thresholds(self) -> Mapping[str, Any]:
        """The thresholds of the circuit breaker, in the form of `CircuitBreaker.for_update`."""
        return thresholds_of(self.described.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {}))

    @property
    def moves_requests(self) -> bool:
        """Whether ECS deploys the service with another strategy than rolling updates."""
        return str(self.described.get("deploymentConfiguration", {}).get("strategy", "ROLLING")) != "ROLLING"

    @property
    def primary(self) -> Deployment | None:
        return next((deployment for deployment in self._deployments if deployment["status"] == "PRIMARY"), None)

    @property
    def events(self) -> Sequence[Event]:
        """At most the last 100, oldest first."""
        return sorted(self.described.get("events", []), key=_created_at)

    def deployment(self, id_: str) -> Deployment | None:
        return next((deployment for deployment in self._deployments if deployment["id"] == id_), None)

    def newest_of(self, task_definition: str) -> Deployment | None:
        of_it = [each for each in self._deployments if each["taskDefinition"] == task_definition]
        return max(of_it, key=_created_at, default=None)

    def lists_failed(self, task_definition: str) -> bool:
        """Whether a deployment of this task definition has failed, so recently that ECS still lists it."""
        return any(
            has_failed(deployment) and deployment["taskDefinition"] == task_definition
            for deployment in self._deployments
        )

    def has_rolled_back_to(self, deployment: Deployment) -> bool:
        """Whether ECS has rolled back to this deployment, because another one had failed.

        Its `rolloutStateReason` says "ECS deployment circuit breaker: rolling back to deploymentId ..." until it is
        completed (ECS developer guide, "Amazon ECS service deployment state change events"). Afterwards only the
        service's events show it: "(service ...) rolling back to deployment ecs-svc/..." follows "(deployment
        ecs-svc/...) deployment failed: tasks failed to start." or "... alarm detected.". UNVERIFIED: the wording of
        these events is not documented; it is from users' reports. It is not documented either whether a rollback has
        the earlier deployment's ID or a new one.
        """
        begun = _created_at(deployment) - _SAME_MOMENT
        return _is_about_rollback(deployment.get("rolloutStateReason", "")) or any(
            _is_about_rollback(event["message"]) for event in self.events if _created_at(event) >= begun
        )

    def failure_of(self, deployment: Deployment) -> str:
        """ECS's sentence on why the deployment failed; empty if ECS gives none."""
        if has_failed(deployment) and (reason := deployment.get("rolloutStateReason")):
            return str(reason)
        told = [event["message"] for event in self.events_since(deployment) if "deployment failed" in event["message"]]
        if told:
            return str(told[-1])
        reason = str(self.primary.get("rolloutStateReason", "")) if self.primary else ""
        return reason if _is_about_rollback(reason) else ""

    def events_since(self, deployment: Deployment) -> Sequence[Event]:
        """Oldest first."""
        return [event for event in self.events if _created_at(event) >= _created_at(deployment)]

    @property
    def _deployments(self) -> Sequence[Deployment]:
        deployments: Sequence[Deployment] = self.described.get("deployments", [])
        return deployments


def has_failed(deployment: Deployment) -> bool:
    return deployment.get("rolloutState") == "FAILED"


def is_completed(deployment: Deployment) -> bool:
    return deployment.get("rolloutState") == "COMPLETED"


def is_older(deployment: Deployment, than: Deployment) -> bool:
    return _created_at(deployment) < _created_at(than)


def _created_at(described: Mapping[str, Any]) -> datetime:
    created_at: datetime = described.get("createdAt", _UNKNOWN_TIME)
    return created_at


def _is_about_rollback(message: str) -> bool:
    return "rolling back" in message.lower()
