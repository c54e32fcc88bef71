"""A service deployment as DescribeServiceDeployments shows it: the progress of a deployment that moves requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

_SUCCESSFUL = "SUCCESSFUL"
_OVER = (_SUCCESSFUL, "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
_STAGES: Mapping[str, str] = {
    "RECONCILE_SERVICE": "ends an earlier deployment",
    "PRE_SCALE_UP": "is about to start the new tasks",
    "SCALE_UP": "starts the new tasks",
    "POST_SCALE_UP": "has started the new tasks, which get no request yet",
    "TEST_TRAFFIC_SHIFT": "moves test requests",
    "POST_TEST_TRAFFIC_SHIFT": "has moved test requests",
    "PRE_PRODUCTION_TRAFFIC_SHIFT": "is about to move requests",
    "PRODUCTION_TRAFFIC_SHIFT": "moves requests",
    "POST_PRODUCTION_TRAFFIC_SHIFT": "has moved all requests",
    "BAKE_TIME": "keeps the old tasks for the bake time",
    "CLEAN_UP": "stops the old tasks",
}


@dataclass(frozen=True, kw_only=True)
class ServiceDeployment:
    """described: a service deployment in the answer of DescribeServiceDeployments."""

    described: Mapping[str, Any]

    @property
    def arn(self) -> str:
        return str(self.described["serviceDeploymentArn"])

    @property
    def target_revision(self) -> str:
        return str(self.described.get("targetServiceRevision", {}).get("arn", ""))

    @property
    def strategy(self) -> str:
        return str(self.described.get("deploymentConfiguration", {}).get("strategy", "ROLLING"))

    @property
    def status(self) -> str:
        return str(self.described["status"])

    @property
    def is_successful(self) -> bool:
        return self.status == _SUCCESSFUL

    @property
    def is_over(self) -> bool:
        return self.status in _OVER

    @property
    def is_rolling_back(self) -> bool:
        return self.status.startswith("ROLLBACK_")

    @property
    def step(self) -> str:
        """The present step, as a predicate of the service, with ECS's own term."""
        if self.is_rolling_back:
            return f"is rolling back to the earlier tasks ({self.status})"
        stage = self.described.get("lifecycleStage")
        if stage is None:
            return f"deploys ({self.status})"
        percent = self.described.get("targetServiceRevision", {}).get("requestedProductionTrafficWeight")
        share = "" if percent is None else f"; {percent:g} % of the requests are for the new tasks"
        return f"{_STAGES.get(stage, 'deploys')} ({stage}){share}"

    @property
    def reason(self) -> str:
        """The reason of the failure in ECS's words, and the names of the alarms."""
        told = self.described.get("statusReason") or self.described.get("rollback", {}).get("reason")
        alarms = self.described.get("alarms", {}).get("triggeredAlarmNames", [])
        in_alarm = f" In alarm: {', '.join(alarms)}." if alarms else ""
        return f"{told or 'ECS gives no reason.'}{in_alarm}"

    def pauses(self, region: str) -> Sequence[str]:
        """A sentence for each present pause, with the commands that end it."""
        return [
            self._how_to_continue(hook, region)
            for hook in self.described.get("lifecycleHookDetails", [])
            if hook.get("targetType") == "PAUSE" and hook.get("status") == "AWAITING_ACTION"
        ]

    def _how_to_continue(self, hook: Mapping[str, Any], region: str) -> str:
        command = (
            f"aws ecs continue-service-deployment --region {region} --service-deployment-arn {self.arn}"
            f" --hook-id {hook['hookId']} --action"
        )
        ends = ""
        if "expiresAt" in hook:
            action = hook.get("timeoutAction", "ROLLBACK")
            ends = f" At {hook['expiresAt'].astimezone(UTC):%Y-%m-%d %H:%M} UTC, ECS does {action} by itself."
        stage = self.described.get("lifecycleStage", "a hook")
        return f"is paused at {stage}. Continue by `{command} CONTINUE`, or roll back by `{command} ROLLBACK`.{ends}"
