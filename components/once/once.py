"""A microservice that runs once: a task that `pulumi up` waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, refuse
from components.cluster import Cluster
from components.connection import connection_inputs
from components.names import plain
from components.network.network import Network
from components.network.task_access import TaskAccess
from components.once.task_run import TaskRun, TaskStop

_STARTED_BY_MAX = 128  # ECS API reference, RunTask


@dataclass(frozen=True, kw_only=True)
class Once:
    """Run one task during `pulumi up`, wait for it, and fail the update unless it exits with 0.

    It runs again when its task definition changes, as with another image, command, environment or size, when its table
    is replaced, and when `run_id` changes; never otherwise. A run that failed is repeated by the next `pulumi up`.

    timeout: seconds until the task is stopped and the update fails. run_id: any string.
    """

    timeout: int = 900
    run_id: str = "1"

    def __post_init__(self) -> None:
        refuse("Once", {"timeout": outside(self.timeout, 1, 36_000, "seconds")})


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """run: there once the task has succeeded. stop: stops, on destroy, what an update that was killed has started."""

    run: TaskRun
    stop: TaskStop


def create_run(
    name: str,
    once: Once,
    *,
    cluster: Cluster,
    task_definition: aws.ecs.TaskDefinition,
    container: str,
    table: aws.keyspaces.Table,
    log_group: aws.cloudwatch.LogGroup,
    network: Network,
    task_access: TaskAccess,
    account: Account,
    depends_on: Sequence[pulumi.Resource],
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> CompletedRun:
    connection = connection_inputs(account.region)
    stop = TaskStop(
        name,
        cluster=cluster.arn,
        container=container,
        started_by=_started_by(name),
        connection=connection,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=depends_on),
    )
    run = TaskRun(
        name,
        cluster=cluster.arn,
        task_definition=task_definition.arn,
        container=container,
        subnets=network.task_subnet_ids,
        security_groups=[task_access.security_group.id],
        assign_public_ip=network.assign_public_ip,
        log_group=log_group.name,
        log_stream_prefix=container,
        started_by=_started_by(name),
        timeout=once.timeout,
        run_id=once.run_id,
        tags=tags,
        connection=connection,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[stop, *depends_on], replace_with=[table]),
    )
    return CompletedRun(run=run, stop=stop)


def _started_by(name: str) -> str:
    """Marks a task as this microservice's, in a cluster that other stacks may use too."""
    owner = "/".join(map(plain, (pulumi.get_project(), pulumi.get_stack(), name)))
    return owner[-_STARTED_BY_MAX:]
