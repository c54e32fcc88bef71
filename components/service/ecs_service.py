"""An ECS service and its deployment, with or without a load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.connection import connection_inputs
from components.service.circuit_breaker import CircuitBreaker
from components.service.configuration import ServiceConfiguration
from components.service.deployment import Deployment
from components.tasks.runnable import RunnableTask


@dataclass(frozen=True, kw_only=True)
class DeployedService:
    """deployment: exists once ECS has completed the deployment."""

    service: aws.ecs.Service
    deployment: Deployment


def create_ecs_service(
    name: str,
    configuration: ServiceConfiguration,
    *,
    circuit_breaker: CircuitBreaker | None,
    task: RunnableTask,
    tasks: int,
    scaled: bool,
    deployment_timeout: int,
    depends_on: Sequence[pulumi.Resource],
    account: Account,
    protect: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> DeployedService:
    """A service that rolls back when the tasks of a deployment do not start.

    scaled: whether autoscaling sets the number of tasks; then `tasks` is only the initial number.
    protect: Pulumi refuses to delete or replace the service, and so keeps all resources that it depends on: `pulumi
    destroy` deletes a resource after its dependents.
    """
    service = aws.ecs.Service(
        name,
        cluster=task.cluster.arn,
        task_definition=task.task_definition.arn,
        desired_count=tasks,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        wait_for_steady_state=False,  # `Deployment` waits
        **configuration.for_service(),
        tags=dict(tags),
        opts=pulumi.ResourceOptions(
            parent=parent,
            protect=protect or None,  # None keeps the parent's own protection
            depends_on=[*depends_on, *task.needs],
            # Each update would otherwise undo autoscaling's changes.
            ignore_changes=["desired_count"] if scaled else [],
        ),
    )
    deployment = Deployment(
        name,
        cluster=task.cluster.arn,
        service=service.name,
        task_definition=task.task_definition.arn,
        configuration=configuration.for_update(),
        circuit_breaker=circuit_breaker.for_update() if circuit_breaker else None,
        desired_count=None if scaled else tasks,
        tags=tags,
        container=task.container,
        log_group=task.log_group.name,
        log_stream_prefix=task.container,
        timeout=deployment_timeout,
        connection=connection_inputs(account.region, account.id),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[service]),
    )
    return DeployedService(service=service, deployment=deployment)
