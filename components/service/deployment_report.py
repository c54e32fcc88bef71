"""A report on a failed ECS deployment, with the data that shows the cause."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from components.aws_errors import AWS_ERRORS, in_words
from components.service.service_state import Deployment, ServiceState
from components.tasks.stopped_task import ContainerLog, container_lines, stop_reason

_EVENTS = 5
_TASKS = 3


def report(ecs: Any, logs: Any, *, cluster: str, state: ServiceState, deployment: Deployment, log: ContainerLog) -> str:
    """The service's last events since the deployment began, its stopped tasks, and the end of one task's log.

    ecs, logs: clients. The report begins with a new line and names the parts that could not be read. Raises only
    Interrupted.
    """
    try:
        stopped = _stopped_tasks(ecs, cluster, state.name, deployment["id"])
    except AWS_ERRORS as error:
        return f"{_events(state, deployment)}\nIts stopped tasks could not be read: {in_words(error)}"
    if not stopped:
        return (
            f"{_events(state, deployment)}\nECS lists no stopped task of it; ECS forgets stopped tasks after about an"
            " hour."
        )
    return _events(state, deployment) + _tasks(stopped) + log.last_lines(logs, stopped[0]["taskArn"])


def _events(state: ServiceState, deployment: Deployment) -> str:
    events = state.events_since(deployment)[-_EVENTS:]
    if not events:
        return "\nThe service has had no event since the deployment began."
    return "\nThe last events of the service (times in UTC):" + "".join(
        f"\n  {event['createdAt'].astimezone(UTC):%H:%M:%S} {event['message']}" for event in events
    )


def _tasks(stopped: Sequence[Mapping[str, Any]]) -> str:
    return "\nIts stopped tasks, the latest first:" + "".join(
        f"\n  task {task['taskArn'].rpartition('/')[2]}: {stop_reason(task)}"
        + textwrap.indent(container_lines(task.get("containers", [])), "  ")
        for task in stopped
    )


def _stopped_tasks(ecs: Any, cluster: str, service: str, deployment_id: str) -> Sequence[Mapping[str, Any]]:
    """The last stopped tasks that the deployment started: their `startedBy` is its ID (ECS API reference, Task)."""
    stopped = [
        task
        for page in ecs.get_paginator("list_tasks").paginate(
            cluster=cluster, serviceName=service, desiredStatus="STOPPED"
        )
        if page["taskArns"]
        for task in ecs.describe_tasks(cluster=cluster, tasks=page["taskArns"])["tasks"]
        if task.get("startedBy") == deployment_id
    ]
    return sorted(stopped, key=_by_interest)[:_TASKS]


def _by_interest(task: Mapping[str, Any]) -> tuple[bool, float]:
    """Sorts tasks that ECS stopped only for the rollback to the end; their logs do not show the cause."""
    scaled_in = task.get("stoppedReason", "").startswith("Scaling activity initiated by")
    stopped_at = task.get("stoppedAt") or task.get("stoppingAt") or task.get("createdAt")
    return scaled_in, -stopped_at.timestamp() if stopped_at else 0.0
