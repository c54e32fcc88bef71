"""Runs one ECS task to its end, or stops tasks that were left behind: the calls behind `TaskRun` and `TaskStop`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.aws_errors import ResourceFailed
from components.connection import SignIn, session_from
from components.tasks.interruption import pause
from components.tasks.stopped_task import ContainerLog, container_lines, stop_reason

POLL_SECONDS = 3.0
# How long a new role may take until ECS can assume it: IAM is eventually consistent, usually within seconds.
ROLE_TIMEOUT_SECONDS = 120.0
# More than the 40 s that a container may take to stop, since ECS needs time to report it.
STOP_TIMEOUT_SECONDS = 120.0


class TaskFailed(ResourceFailed):
    """The task has failed; the message says why and what to do."""


class _RoleNotAssumable(Exception):
    """ECS cannot assume one of the task's roles, perhaps not yet."""


class TaskExecution:
    """props: the inputs of a `TaskRun`, or of a `TaskStop`. sign_in: the credentials to call AWS with."""

    def __init__(self, props: Mapping[str, Any], sign_in: SignIn) -> None:
        self.props = props
        session = session_from(props["connection"], sign_in)
        self.ecs = session.client("ecs")
        self.logs = session.client("logs")

    def stop_leftovers(self) -> None:
        try:
            pages = self.ecs.get_paginator("list_tasks").paginate(
                cluster=self.props["cluster"], startedBy=self.props["started_by"]
            )
            running = [task for page in pages for task in page["taskArns"]]
        except self.ecs.exceptions.ClusterNotFoundException:
            return
        for task in running:
            self._stop(task, "Left over from an update that did not end")
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for task in running:
            if self._wait_until_stopped(task, deadline) is None:
                raise TaskFailed(
                    f"{self._name}: {task} was told to stop {STOP_TIMEOUT_SECONDS:.0f} s ago and still runs:"
                    " wait for it to stop, then run this again"
                )

    def run_to_success(self) -> str:
        """Returns the task's ARN. Raises TaskFailed."""
        role_deadline = time.monotonic() + ROLE_TIMEOUT_SECONDS
        while True:
            try:
                task = self._start()
                self._require_success(task, self._wait(task))
                return task
            except _RoleNotAssumable as error:
                if time.monotonic() >= role_deadline:
                    raise TaskFailed(
                        f"{self._name}: the task could not start for {ROLE_TIMEOUT_SECONDS:.0f} s: {error}"
                    ) from None
                pause(POLL_SECONDS)

    def _start(self) -> str:
        # botocore adds a client token of its own to every call, so that its retries start one task, not two.
        try:
            response = self.ecs.run_task(
                cluster=self.props["cluster"],
                taskDefinition=self.props["task_definition"],
                launchType="FARGATE",
                count=1,
                startedBy=self.props["started_by"],
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": self.props["subnets"],
                        "securityGroups": self.props["security_groups"],
                        "assignPublicIp": "ENABLED" if self.props["assign_public_ip"] else "DISABLED",
                    }
                },
                enableECSManagedTags=True,
                propagateTags="TASK_DEFINITION",
                tags=[{"key": key, "value": value} for key, value in sorted(self.props["tags"].items())],
            )
        except ClientError as error:
            if _is_about_assuming(str(error)):
                raise _RoleNotAssumable(error.response["Error"]["Message"]) from error
            raise
        if response["failures"] or not response["tasks"]:
            reasons = "; ".join(
                " ".join(filter(None, (failure.get("reason"), failure.get("detail"), failure.get("arn"))))
                for failure in response["failures"]
            )
            raise TaskFailed(f"{self._name}: ECS did not start the task: {reasons or 'it gave no reason'}")
        return str(response["tasks"][0]["taskArn"])

    def _wait(self, task: str) -> Mapping[str, Any]:
        """The stopped task. Raises TaskFailed after the timeout. Any error stops the task before it is raised."""
        timeout = float(self.props["timeout"])
        try:
            stopped = self._wait_until_stopped(task, time.monotonic() + timeout)
        except BaseException:
            self._stop(task, "The update that started it was cancelled")
            raise
        if stopped is None:
            self._stop(task, f"Not ended after {timeout:.0f} s")
            raise TaskFailed(
                f"{self._name}: the task was stopped because it had not ended after {timeout:.0f} s."
                f"{self._last_log_lines(task)}\nFix the cause or raise the timeout, then run `pulumi up` again."
            )
        return stopped

    def _require_success(self, task: str, stopped: Mapping[str, Any]) -> None:
        reason = stop_reason(stopped)
        if stopped.get("stopCode") == "TaskFailedToStart" and _is_about_assuming(reason):
            raise _RoleNotAssumable(reason)
        # Only the program's own container counts: AWS may add others, such as GuardDuty's agent, which need not start.
        codes = {container["name"]: container.get("exitCode") for container in stopped["containers"]}
        if codes.get(self.props["container"]) == 0:
            return
        failed = [container for container in stopped["containers"] if container.get("exitCode") != 0]
        raise TaskFailed(
            f"{self._name}: the task failed: {reason}{container_lines(failed)}{self._last_log_lines(task)}"
            f"\nFix the cause, then run `pulumi up` again: the task runs again. ({task})"
        )

    def _wait_until_stopped(self, task: str, deadline: float) -> Mapping[str, Any] | None:
        """The task once it has stopped; None if it has not stopped by `deadline`."""
        while True:
            # Just after RunTask, DescribeTasks may not know the task yet; then it is among the failures.
            for described in self.ecs.describe_tasks(cluster=self.props["cluster"], tasks=[task])["tasks"]:
                if described["lastStatus"] == "STOPPED":
                    return dict(described)
            if time.monotonic() >= deadline:
                return None
            pause(POLL_SECONDS)

    def _stop(self, task: str, reason: str) -> None:
        self.ecs.stop_task(cluster=self.props["cluster"], task=task, reason=reason)

    def _last_log_lines(self, task: str) -> str:
        log = ContainerLog(
            group=self.props["log_group"],
            stream_prefix=self.props["log_stream_prefix"],
            container=self.props["container"],
        )
        return log.last_lines(self.logs, task)

    @property
    def _name(self) -> str:
        return str(self.props["container"])


def _is_about_assuming(message: str) -> bool:
    # "ECS was unable to assume the role 'arn:...' that was provided for this task": the wording of RunTask's
    # ClientException and of a stopped task's reason; ECS has no error code for it.
    return "unable to assume" in message.lower()
