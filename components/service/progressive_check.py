"""Follows a deployment that moves requests (blue/green, linear, canary) to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NoReturn

from components.service.deployment_check import DeploymentCheck, DeploymentFailed, say
from components.service.service_deployment import ServiceDeployment
from components.service.service_state import Deployment, ServiceState


class ProgressiveCheck(DeploymentCheck):
    """Follows a service deployment of ECS, which has no `rolloutState`, unlike the deployment of a rolling update.

    - The requested deployment is the service's newest service deployment, if it has the requested strategy and task
      definition and is not the one from before a change of configuration. If it does not appear, was stopped or has
      been rolled back, the service is told to deploy again. A rollback that is under way is awaited first.
    - Each new step is written, and the command to continue a paused one. This wait counts against the timeout.
    - It succeeds when the service deployment is SUCCESSFUL, which is after the bake time and all hooks; it fails when
      ECS has rolled back, or somebody has stopped it. When a newer one of the same task definition has replaced it, the
      newer one is followed.

    Not run on AWS (UNVERIFIED); the order of the calls and their answers follow the ECS API reference.
    """

    _new_tasks: Deployment | None = None

    def run(self) -> str:
        state, found = self._newest_that_settles()
        self._correct(state)
        if found is not None and self._is_requested(found):
            return self._follow_steps(state, found)
        if found is not None and found.is_rolling_back and not found.is_over:
            state, found = self._wait_until_over(state, found)
        self._tell_to_deploy(state)
        return self._follow_steps(state, self._newer_than(found))

    def _newest_that_settles(self) -> tuple[ServiceState, ServiceDeployment | None]:
        """Returns as soon as the newest one is the requested one; at the latest after SETTLE_SECONDS."""
        settled_at = self._settled_at()
        while True:
            last = time.monotonic() >= settled_at
            state = self._look(may_be_missing=not last)
            found = self._newest() if state.described["status"] == "ACTIVE" else None
            if last or (found is not None and self._is_requested(found)):
                return state, found
            self._wait()

    def _is_requested(self, found: ServiceDeployment) -> bool:
        return (
            found.arn != self._outdated
            and found.strategy == self._configuration["deploymentConfiguration"]["strategy"]
            and (found.is_successful or not (found.is_over or found.is_rolling_back))
            and self._is_of_task_definition(found)
        )

    def _is_of_task_definition(self, found: ServiceDeployment) -> bool:
        revisions = self._ecs.describe_service_revisions(serviceRevisionArns=[found.target_revision])[
            "serviceRevisions"
        ]
        return any(revision["taskDefinition"] == self._task_definition for revision in revisions)

    def _newer_than(self, before: ServiceDeployment | None) -> ServiceDeployment:
        """The service deployment that begins now."""
        while True:
            found = self._newest()
            if found is not None and (before is None or found.arn != before.arn):
                return found
            if time.monotonic() >= self._deadline:
                raise DeploymentFailed(
                    f"{self._name}: the service {self._props['service']} was told to deploy, but ECS shows no service"
                    " deployment. Run `pulumi up` again: it checks again."
                )
            self._wait()

    def _newest(self) -> ServiceDeployment | None:
        listed: list[Mapping[str, Any]] = []
        request = {"cluster": self._props["cluster"], "service": self._props["service"]}
        while True:
            page = self._ecs.list_service_deployments(**request)
            listed += page["serviceDeployments"]
            if not (token := page.get("nextToken")):
                break
            request["nextToken"] = token
        newest = max(listed, key=lambda each: each["createdAt"], default=None)  # in no documented order
        return None if newest is None else self._described(newest["serviceDeploymentArn"])

    def _described(self, arn: str) -> ServiceDeployment | None:
        answer = self._ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return ServiceDeployment(described=answer[0]) if answer else None

    def _follow_steps(self, state: ServiceState, deployment: ServiceDeployment) -> str:
        state, deployment = self._wait_until_over(state, deployment)
        if deployment.is_successful:
            return deployment.arn
        newest = self._newest()
        if newest is None or newest.arn == deployment.arn or not self._is_requested(newest):
            self._fail_at(state, deployment)
        return self._follow_steps(state, newest)

    def _wait_until_over(
        self, state: ServiceState, deployment: ServiceDeployment
    ) -> tuple[ServiceState, ServiceDeployment]:
        said: set[str] = set()
        while True:
            for line in [deployment.step, *deployment.pauses(self._region)] if not deployment.is_over else []:
                if line not in said:
                    said.add(line)
                    say(f"(service {state.name}) {line}")
            if deployment.is_over:
                return state, deployment
            if time.monotonic() >= self._deadline:
                self._give_up_at(state, deployment)
            self._wait()
            state = self._look()
            self._new_tasks = state.newest_of(self._task_definition) or self._new_tasks
            deployment = self._described(deployment.arn) or deployment

    def _fail_at(self, state: ServiceState, deployment: ServiceDeployment) -> NoReturn:
        runs = {
            "ROLLBACK_SUCCESSFUL": "ECS has rolled back to the earlier tasks.",
            "ROLLBACK_FAILED": "ECS could not roll back to the earlier tasks: check the service now.",
        }.get(deployment.status, "It was stopped halfway: check which tasks get the requests.")
        raise DeploymentFailed(
            f"{self._headline(state)} failed: {deployment.reason} {runs}{self._report_of(state, deployment)}"
            f"\nFix the cause, then run `pulumi up` again: it deploys again. ({deployment.arn})"
        )

    def _give_up_at(self, state: ServiceState, deployment: ServiceDeployment) -> NoReturn:
        pauses = "".join(f"\nIt {line}" for line in deployment.pauses(self._region))
        raise DeploymentFailed(
            f"{self._headline(state)} has not ended after {float(self._props['timeout']):.0f} s: the service"
            f" {deployment.step}. ECS continues by itself.{pauses}{self._report_of(state, deployment)}"
            f"\nRun `pulumi up` again: it waits again; or raise the timeout. ({deployment.arn})"
        )

    def _report_of(self, state: ServiceState, deployment: ServiceDeployment) -> str:
        """The report on the new tasks, whose `startedBy` is the ID of their deployment in DescribeServices."""
        unlisted = {"id": deployment.arn, "createdAt": deployment.described["createdAt"]}
        return self._report(state, self._new_tasks or state.newest_of(self._task_definition) or unlisted)

    @property
    def _region(self) -> str:
        return str(self._props["connection"]["region"])
