"""A report on an ECS deployment that did not succeed, from which its cause can be found."""

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
    """The service's last events since the deployment began, its stopped tasks, and the end of one's log.

    ecs, logs: clients. Begins a new line. It says what could not be asked, and raises only Interrupted.
    """
    try:
        stopped = _stopped_tasks(ecs, cluster, state.name, deployment["id"])
    except AWS_ERRORS as error:
        return f"{_events(state, deployment)}\nIts stopped tasks could not be read: {in_words(error)}"
    if not stopped:
        return f"{_events(state, deployment)}\nECS knows no stopped task of it; it forgets them after an hour or so."
    return _events(state, deployment) + _tasks(stopped) + log.last_lines(logs, stopped[0]["taskArn"])


def _events(state: ServiceState, deployment: Deployment) -> str:
    events = state.events_since(deployment)[-_EVENTS:]
    if not events:
        return "\nThe service has had no event since it began."
    return "\nThe last events of the service (times in UTC):" + "".join(
        f"\n  {event['createdAt'].astimezone(UTC):%H:%M:%S} {event['message']}" for event in events
    )


def _tasks(stopped: Sequence[Mapping[str, Any]]) -> str:
    return "\nTasks of it that stopped, the last one first:" + "".join(
        f"\n  task {task['taskArn'].rpartition('/')[2]}: {stop_reason(task)}"
        + textwrap.indent(container_lines(task.get("containers", [])), "  ")
        for task in stopped
    )


def _stopped_tasks(ecs: Any, cluster: str, service: str, deployment_id: str) -> Sequence[Mapping[str, Any]]:
    """The last of those the deployment started: `startedBy` is its id (ECS API reference, Task)."""
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
    """Last come those that ECS stopped only because it was going back; their logs say nothing of the cause."""
    scaled_in = task.get("stoppedReason", "").startswith("Scaling activity initiated by")
    stopped_at = task.get("stoppedAt") or task.get("stoppingAt") or task.get("createdAt")
    return scaled_in, -stopped_at.timestamp() if stopped_at else 0.0
