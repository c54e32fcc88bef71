"""Waits, during `pulumi up`, for an ECS service's deployment, and makes the update fail when the deployment fails.

A Pulumi dynamic provider; see `components.dynamic`.

`aws.ecs.Service` alone is not enough. Whether its `wait_for_steady_state` reports a rollback depends on the
provider's version (earlier ones call it a success: terraform-provider-aws, issues 19519 and 20858); it shows neither
reasons nor log lines; and after a failure its state already has the requested values, so that the next update deploys
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from components.dynamic import Provider
from components.service.deployment_check import DeploymentCheck
from components.service.progressive_check import ProgressiveCheck


class Deployment(Resource, module="ecs", name="Deployment"):
    """The deployment of `task_definition` to a service. Exists once ECS has completed it.

    It is never replaced: a change of any input makes it check again; see `DeploymentProvider`. Deleting it does
    nothing.

    cluster: ARN. service: name or ARN. task_definition: the ARN that the service must run.
    container, log_group, log_stream_prefix: the log whose last lines are shown when a task has stopped.
    timeout: seconds; less than an hour if the stack's settings name a role to assume, whose session ends after an hour.
    configuration: the service's other settings, as arguments of ECS's UpdateService. They are sent again when they have
    changed and ECS has begun no deployment, or has rolled back.
    circuit_breaker: thresholds that `aws.ecs.Service` cannot set, as a part of UpdateService's arguments; None for
    ECS's defaults.
    desired_count: the number of tasks; None if autoscaling sets it. tags: of the service; a change makes it check
    again.
    connection: see `components.connection`.
    deployment_id: ECS's, such as `ecs-svc/1234567890123456789`; where a strategy moves requests, the ARN of the service
    deployment.
    """

    deployment_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: pulumi.Input[str],
        service: pulumi.Input[str],
        task_definition: pulumi.Input[str],
        container: str,
        log_group: pulumi.Input[str],
        log_stream_prefix: str,
        timeout: int,
        configuration: Mapping[str, pulumi.Input[Any]],
        circuit_breaker: Mapping[str, Any] | None = None,
        desired_count: int | None,
        tags: Mapping[str, str],
        connection: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            DeploymentProvider(),
            name,
            {
                "cluster": cluster,
                "service": service,
                "task_definition": task_definition,
                "container": container,
                "log_group": log_group,
                "log_stream_prefix": log_stream_prefix,
                "timeout": timeout,
                "configuration": dict(configuration),
                "circuit_breaker": dict(circuit_breaker) if circuit_breaker else None,
                "desired_count": desired_count,
                "tags": dict(tags),
                "connection": dict(connection),
                "deployment_id": None,
            },
            opts,
        )


class DeploymentProvider(Provider):
    """Finds the requested deployment, follows it to its end and checks its result.

    This list is about rolling updates; see `ProgressiveCheck` for deployments that move requests.

    - The requested deployment is the service's PRIMARY deployment, if it has the requested task definition. It may take
      some seconds to appear.
    - If it does not appear, or an attempt at it has failed already, the service is told to deploy again. So the next
      `pulumi up` after a failure deploys, though nothing has changed for `aws.ecs.Service`.
    - If `configuration` has changed, an earlier deployment of the same task definition is not the requested one, and
      neither is one to which ECS has rolled back.
    - It corrects settings that `aws.ecs.Service` cannot change: alarms that ECS still watches after their removal, the
      thresholds of the circuit breaker, and the number of tasks that autoscaling has left behind.
    - It succeeds when the deployment is COMPLETED, or the desired count is 0.
    - It fails when the deployment is FAILED or another one has replaced it: one to which ECS has rolled back, because
      of the circuit breaker or of alarms, or one of another task definition. A newer one of the same task definition is
      followed instead.
    - Without circuit breaker and alarms ECS never stops a deployment, and only `timeout` ends the wait. ECS continues
      then, as it does when the update is cancelled.
    - A failure raises an error; Pulumi then records nothing, so that the next `pulumi up` checks again.

    Pulumi runs at most four operations of dynamic resources at a time; others wait for them.
    Meanwhile each new event of the service is written to stdout. Pulumi's engine shows the lines that a dynamic
    provider writes there, as information (pulumi/pulumi, sdk/go/common/resource/plugin/plugin.go, `runtrace`).
    """

    computed = ("deployment_id",)

    def subject(self, props: dict[str, Any]) -> str:
        return f"the deployment of {props['container']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        deployment = self._check(props)
        return CreateResult(id_=props["service"], outs={**props, "deployment_id": deployment})

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        same_tasks = all(olds.get(key) == news[key] for key in ("service", "task_definition"))
        outdated = (
            olds.get("deployment_id") if same_tasks and olds.get("configuration") != news["configuration"] else None
        )
        return UpdateResult(outs={**news, "deployment_id": self._check(news, outdated)})

    def _check(self, props: dict[str, Any], outdated: str | None = None) -> str:
        moves_requests = "strategy" in props["configuration"]["deploymentConfiguration"]
        check = ProgressiveCheck if moves_requests else DeploymentCheck
        return check(props, self.sign_in, outdated).run()
