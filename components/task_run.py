"""Runs an ECS task once, during `pulumi up`, and makes the update fail when the task does.

A Pulumi dynamic provider. The engine loads it by module name in a process of its own; editing it never makes a run
appear changed.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.connection import session_from

POLL_SECONDS = 3.0
# How long a new role may take until ECS can assume it: IAM is eventually consistent, usually within seconds.
ROLE_PATIENCE_SECONDS = 120.0
# Beyond the 40 s a container may take to stop, what ECS needs to report it.
STOP_PATIENCE_SECONDS = 120.0
# CloudWatch shows a line some seconds after it was written.
LOG_PATIENCE_SECONDS = 10.0
_LOG_LINES = 20

# What decides whether the task runs again. The task definition changes with image, command and environment.
_TRIGGERS = ("task_definition", "run_id")

# Takes no work once the interpreter is shutting down, which is how a thread that is not the main one learns of Ctrl-C.
_probe = ThreadPoolExecutor(max_workers=1)


class TaskFailed(Exception):
    """The task did not do its work; the message says why and what to do."""


class _RoleNotAssumable(Exception):
    """ECS cannot assume one of the task's roles, perhaps not yet."""


class _Interrupted(Exception):
    """The update is being ended."""


class TaskRun(Resource, module="ecs", name="TaskRun"):
    """One run of an ECS task. Exists once the task has stopped with exit code 0; a failed run is not recorded.

    It runs again when `task_definition` or `run_id` changes, and for nothing else. What happens is documented at
    `TaskRunProvider`. It should depend on a `TaskStop` with the same `started_by`.

    task_arn: the task that ran. ECS forgets a stopped task after an hour or so; its log stays.
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


class TaskRunProvider(ResourceProvider):
    """Runs, waits, judges.

    - Tasks it started before and that are still running (`started_by`) are stopped first.
    - A role that ECS cannot assume yet is tried again for two minutes.
    - It waits for STOPPED, never for RUNNING: a quick task is never seen running.
    - After `timeout` seconds, or when the update is ended, the task is stopped. Pulumi tells a provider of the second
      Ctrl-C only: at the first it waits for what is under way.
    - A container without an exit code did not run, and counts as failed like one with another code than 0.
    - A failure is an exception with ECS's reasons and the last log lines; Pulumi records nothing then, so that the
      next `pulumi up` runs the task again.
    """

    # Nothing secret is in it, and a secret would hide every diff.
    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        changed = [key for key in news if key not in ("__provider", "task_arn") and news[key] != olds.get(key)]
        return DiffResult(changes=bool(changed), replaces=[key for key in changed if key in _TRIGGERS])

    def create(self, props: dict[str, Any]) -> CreateResult:
        run = _Run(props)
        run.stop_leftovers()
        task = run.run_to_success()
        return CreateResult(id_=task, outs={**props, "task_arn": task})

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs={**news, "task_arn": id_})


class TaskStop(Resource, module="ecs", name="TaskStop"):
    """Stops, when it is deleted, what a `TaskRun` has started and that still runs.

    A resource of its own, because a run that fails is not recorded: if the update was killed in the middle of a stack's
    first run, there is no `TaskRun` to delete, and the task would keep network and cluster from being destroyed.
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


class TaskStopProvider(ResourceProvider):
    """Does nothing until it is deleted."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(news[key] != olds.get(key) for key in news if key != "__provider"))

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["started_by"], outs=props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        _Run(props).stop_leftovers()


class _Run:
    """The calls behind a run or a stop."""

    def __init__(self, props: Mapping[str, Any]) -> None:
        self.props = props
        session = session_from(props["connection"])
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
        deadline = time.monotonic() + STOP_PATIENCE_SECONDS
        for task in running:
            if self._wait_until_stopped(task, deadline) is None:
                raise TaskFailed(
                    f"{self._name}: {task} was told to stop {STOP_PATIENCE_SECONDS:.0f} s ago and still runs:"
                    " wait for it to stop, then run this again"
                )

    def run_to_success(self) -> str:
        """Returns the task's ARN. Raises TaskFailed."""
        patience = time.monotonic() + ROLE_PATIENCE_SECONDS
        while True:
            try:
                task = self._start()
                self._require_success(task, self._wait(task))
                return task
            except _RoleNotAssumable as error:
                if time.monotonic() >= patience:
                    raise TaskFailed(
                        f"{self._name}: the task could not start for {ROLE_PATIENCE_SECONDS:.0f} s: {error}"
                    ) from None
                self._pause()

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
                        "assignPublicIp": "DISABLED",
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
        """The stopped task. Raises TaskFailed when time is up; whatever ends the wait, no task keeps running."""
        timeout = float(self.props["timeout"])
        try:
            stopped = self._wait_until_stopped(task, time.monotonic() + timeout)
        except BaseException:
            self._stop(task, "The update that started it was ended")
            raise
        if stopped is None:
            self._stop(task, f"Not done after {timeout:.0f} s")
            raise TaskFailed(
                f"{self._name}: the task was stopped since it was not done after {timeout:.0f} s."
                f"{self._last_log_lines(task)}\nFix the cause or raise the timeout, then run `pulumi up` again."
            )
        return stopped

    def _require_success(self, task: str, stopped: Mapping[str, Any]) -> None:
        reason = f"{stopped.get('stopCode', 'no stop code')}: {stopped.get('stoppedReason', 'no reason given')}"
        if stopped.get("stopCode") == "TaskFailedToStart" and _is_about_assuming(reason):
            raise _RoleNotAssumable(reason)
        # Only the program's own container is judged: AWS may add some, such as GuardDuty's agent, which need not start.
        codes = {container["name"]: container.get("exitCode") for container in stopped["containers"]}
        if codes.get(self.props["container"]) == 0:
            return
        failed = [container for container in stopped["containers"] if container.get("exitCode") != 0]
        containers = "".join(
            f"\n  container {container['name']}: exit code {container.get('exitCode', 'missing')}"
            + (f" ({container['reason']})" if container.get("reason") else "")
            for container in failed
        )
        raise TaskFailed(
            f"{self._name}: the task failed: {reason}{containers}{self._last_log_lines(task)}"
            f"\nFix the cause, then run `pulumi up` again: the task runs again. ({task})"
        )

    def _wait_until_stopped(self, task: str, deadline: float) -> Mapping[str, Any] | None:
        """The task once it has stopped; None if it has not by `deadline`."""
        while True:
            # Just after RunTask, DescribeTasks may not know the task yet; then it is among the failures.
            for described in self.ecs.describe_tasks(cluster=self.props["cluster"], tasks=[task])["tasks"]:
                if described["lastStatus"] == "STOPPED":
                    return dict(described)
            if time.monotonic() >= deadline:
                return None
            self._pause()

    def _pause(self) -> None:
        end = time.monotonic() + POLL_SECONDS
        while (left := end - time.monotonic()) > 0:
            _raise_if_interrupted()
            time.sleep(min(left, 0.2))

    def _stop(self, task: str, reason: str) -> None:
        self.ecs.stop_task(cluster=self.props["cluster"], task=task, reason=reason)

    def _last_log_lines(self, task: str) -> str:
        group = self.props["log_group"]
        stream = f"{self.props['log_stream_prefix']}/{self.props['container']}/{task.rpartition('/')[2]}"
        deadline = time.monotonic() + LOG_PATIENCE_SECONDS
        while True:
            try:
                events = self.logs.get_log_events(
                    logGroupName=group, logStreamName=stream, limit=_LOG_LINES, startFromHead=False
                )["events"]
            except self.logs.exceptions.ResourceNotFoundException:
                events = []  # the container has not written a line, or CloudWatch does not show it yet
            except ClientError as error:
                return f"\nIts log could not be read: {error}"
            if events:
                return f"\nThe last lines of its log, {group} {stream}:" + "".join(
                    f"\n  {event['message'].rstrip()}" for event in events
                )
            if time.monotonic() >= deadline:
                return f"\nIts log, {group} {stream}, is empty."
            self._pause()

    @property
    def _name(self) -> str:
        return str(self.props["container"])


def _is_about_assuming(message: str) -> bool:
    # "ECS was unable to assume the role 'arn:...' that was provided for this task": the wording of RunTask's
    # ClientException and of a stopped task's reason; ECS has no error code for it.
    return "unable to assume" in message.lower()


def _raise_if_interrupted() -> None:
    try:
        _probe.submit(int)
    except RuntimeError as error:
        raise _Interrupted("the update was ended") from error
