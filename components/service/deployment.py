"""Waits, during `pulumi up`, for an ECS service's deployment, and makes the update fail when ECS gave it up.

A Pulumi dynamic provider; see `components.dynamic`.

`aws.ecs.Service` alone is not enough. How its `wait_for_steady_state` takes a rollback depends on the provider's
version (earlier ones call it a success: terraform-provider-aws, issues 19519 and 20858); it shows neither reasons nor
log lines; and after a failure its state already holds what was asked for, so that the next update deploys nothing.
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
    """A service's tasks, deployed. Exists once ECS has completed the deployment of `task_definition`.

    It is never replaced: any input that changes makes it look again. `DeploymentProvider` documents what happens.
    Deleting it does nothing.

    cluster: ARN. service: name or ARN. task_definition: the ARN that the service was told to run.
    container, log_group, log_stream_prefix: whose last log lines to show when a task stopped.
    timeout: seconds; below an hour if the stack's settings name a role to assume, whose session ends then.
    configuration: what else the service was told, as arguments of ECS's UpdateService. When it has changed and ECS has
    begun no deployment, or has gone back, ECS is told again.
    circuit_breaker: thresholds that the service was not told, as a part of UpdateService's; None for ECS's defaults.
    desired_count: how many tasks, None if autoscaling decides. tags: of the service. When they change it looks again.
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
    """Finds the deployment that was asked for, follows it, judges.

    What follows is of rolling updates; `ProgressiveCheck` says what it does for deployments that move requests.

    - Asked for is the service's PRIMARY deployment, if it has the requested task definition. It may take some seconds
      to show.
    - If it does not show, or an attempt at it has failed already, the service is told to deploy again. So the next
      `pulumi up` after a failure deploys, though for `aws.ecs.Service` nothing has changed since.
    - If `configuration` has changed, a deployment of the same task definition that was there before is not the one
      asked for, and neither is one that ECS went back to.
    - What `aws.ecs.Service` cannot change, it corrects: alarms that ECS still watches though there are none any more,
      thresholds of the circuit breaker, and the number of tasks that autoscaling has left.
    - It succeeds when the deployment is COMPLETED, or the service is to have no task.
    - It fails when the deployment is FAILED or another one has taken its place: one that ECS went back to, whether
      for the circuit breaker or for alarms, or one of another task definition. A newer one of the same task
      definition is followed instead.
    - Without circuit breaker and alarms ECS never gives up, and only `timeout` ends the wait. ECS goes on then, as it
      does when the update is ended.
    - A failure is an exception; Pulumi records nothing then, so that the next `pulumi up` looks again.

    Pulumi has four of these, and of other dynamic resources, done at a time; more wait for one of them.
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
