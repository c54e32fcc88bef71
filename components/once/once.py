"""A microservice that runs once: a task that `pulumi up` waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, raise_for
from components.connection import connection_inputs
from components.names import plain
from components.once.task_run import TaskRun, TaskStop
from components.tasks.runnable import RunnableTask

_STARTED_BY_MAX = 128  # ECS API reference, RunTask


@dataclass(frozen=True, kw_only=True)
class Once:
    """Runs one task during `pulumi up`, waits for it, and fails the update unless the task exits with 0.

    The task runs again only when its task definition changes (image, command, environment, size), when a table is
    replaced, or when `run_id` changes. The next `pulumi up` repeats a failed run.

    timeout: seconds until the task is stopped and the update fails. run_id: any string.
    """

    timeout: int = 900
    run_id: str = "1"

    def __post_init__(self) -> None:
        raise_for("Once", {"timeout": outside(self.timeout, 1, 36_000, "seconds")})


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """run: exists once the task has succeeded. stop: on destroy, stops a task that a killed update has left behind."""

    run: TaskRun
    stop: TaskStop


def create_run(
    name: str,
    once: Once,
    *,
    task: RunnableTask,
    tables: Sequence[aws.keyspaces.Table],
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> CompletedRun:
    connection = connection_inputs(account.region, account.id)
    stop = TaskStop(
        name,
        cluster=task.cluster.arn,
        container=task.container,
        started_by=_started_by(name),
        connection=connection,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=task.needs),
    )
    run = TaskRun(
        name,
        cluster=task.cluster.arn,
        task_definition=task.task_definition.arn,
        container=task.container,
        subnets=task.network.task_subnet_ids,
        security_groups=[task.access.security_group.id],
        assign_public_ip=task.network.assign_public_ip,
        log_group=task.log_group.name,
        log_stream_prefix=task.container,
        started_by=_started_by(name),
        timeout=once.timeout,
        run_id=once.run_id,
        tags=tags,
        connection=connection,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[stop, *task.needs], replace_with=list(tables)),
    )
    return CompletedRun(run=run, stop=stop)


def _started_by(name: str) -> str:
    """Marks a task as this microservice's, in a cluster that other stacks may use too."""
    owner = "/".join(map(plain, (pulumi.get_project(), pulumi.get_stack(), name)))
    return owner[-_STARTED_BY_MAX:]
