"""Runs an ECS task once, during `pulumi up`, and makes the update fail when the task does.

A Pulumi dynamic provider; see `components.dynamic`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, UpdateResult

from components.dynamic import Provider
from components.once.task_execution import TaskExecution


class TaskRun(Resource, module="ecs", name="TaskRun"):
    """One run of an ECS task. Exists once the task has stopped with exit code 0; a failed run is not recorded.

    The task runs again only when `task_definition` or `run_id` changes; see `TaskRunProvider`. The resource should
    depend on a `TaskStop` with the same `started_by`.

    assign_public_ip: for tasks in a public subnet, which have no other egress; a change applies to the next run.
    task_arn: the task that ran. ECS forgets a stopped task after about an hour; its log stays.
    """

    task_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: pulumi.Input[str],
        task_definition: pulumi.Input[str],
        container: str,
        subnets: pulumi.Input[Sequence[str]],
        security_groups: pulumi.Input[Sequence[pulumi.Input[str]]],
        log_group: pulumi.Input[str],
        log_stream_prefix: str,
        started_by: str,
        timeout: int,
        run_id: str,
        tags: Mapping[str, str],
        connection: Mapping[str, pulumi.Input[Any]],
        assign_public_ip: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            TaskRunProvider(),
            name,
            {
                "cluster": cluster,
                "task_definition": task_definition,
                "container": container,
                "subnets": subnets,
                "security_groups": security_groups,
                "assign_public_ip": assign_public_ip,
                "log_group": log_group,
                "log_stream_prefix": log_stream_prefix,
                "started_by": started_by,
                "timeout": timeout,
                "run_id": run_id,
                "tags": dict(tags),
                "connection": dict(connection),
                "task_arn": None,
            },
            opts,
        )


class TaskRunProvider(Provider):
    """Starts the task, waits for its end and checks its result.

    - Earlier tasks of the same `started_by` that are still running are stopped first.
    - The start is retried for two minutes while ECS cannot assume a role yet.
    - It waits for STOPPED, never for RUNNING, since a quick task may stop before it is seen running.
    - After `timeout` seconds, or when the update is cancelled, the task is stopped. Pulumi tells a provider only of the
      second Ctrl-C; after the first, it waits for operations that are under way.
    - A container without an exit code did not run, and counts as failed like one with another code than 0.
    - A failure raises an error with ECS's reasons and the last log lines; Pulumi then records nothing, so that the next
      `pulumi up` runs the task again.
    """

    computed = ("task_arn",)
    # Inputs that make the task run again.
    replacing = ("task_definition", "run_id")

    def subject(self, props: dict[str, Any]) -> str:
        return f"the run of {props['container']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        execution = TaskExecution(props, self.sign_in)
        execution.stop_leftovers()
        task = execution.run_to_success()
        return CreateResult(id_=task, outs={**props, "task_arn": task})

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs={**news, "task_arn": id_})


class TaskStop(Resource, module="ecs", name="TaskStop"):
    """Stops, when it is deleted, a task that a `TaskRun` has started and that still runs.

    It is a separate resource because a failed run is not recorded: if an update was killed during a stack's first run,
    there is no `TaskRun` to delete, and the running task would keep network and cluster from being destroyed.
    """

    def __init__(
        self,
        name: str,
        *,
        cluster: pulumi.Input[str],
        container: str,
        started_by: str,
        connection: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            TaskStopProvider(),
            name,
            {
                "cluster": cluster,
                "container": container,
                "started_by": started_by,
                "connection": dict(connection),
            },
            opts,
        )


class TaskStopProvider(Provider):
    """Does nothing until it is deleted."""

    def subject(self, props: dict[str, Any]) -> str:
        return f"the tasks of {props['container']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["started_by"], outs=props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        TaskExecution(props, self.sign_in).stop_leftovers()
