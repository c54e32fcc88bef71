"""A report on an ECS task that has stopped: the reason, and the last lines of its log."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.aws_errors import AWS_ERRORS, in_words
from components.tasks.interruption import pause

# CloudWatch shows a line some seconds after it was written.
LOG_TIMEOUT_SECONDS = 10.0
LOG_POLL_SECONDS = 3.0
_LOG_LINES = 20


def stop_reason(task: Mapping[str, Any]) -> str:
    """ECS's code and reason, of a task as DescribeTasks gives it."""
    return f"{task.get('stopCode', 'no stop code')}: {task.get('stoppedReason', 'no reason given')}"


def container_lines(containers: Iterable[Mapping[str, Any]]) -> str:
    """A line for each container of a stopped task with its end. A container without an exit code did not run."""
    return "".join(
        f"\n  container {container['name']}: exit code {container.get('exitCode', 'missing')}"
        + (f" ({container['reason']})" if container.get("reason") else "")
        for container in containers
    )


@dataclass(frozen=True, kw_only=True)
class ContainerLog:
    """The log of a container, written by the driver `awslogs`; stream_prefix: its `awslogs-stream-prefix`."""

    group: str
    stream_prefix: str
    container: str

    def last_lines(self, logs: Any, task: str) -> str:
        """The last lines of a task's log, or the reason why there are none. Begins with a new line.

        logs: a client of CloudWatch Logs. task: ARN. Raises Interrupted.
        """
        stream = f"{self.stream_prefix}/{self.container}/{task.rpartition('/')[2]}"
        deadline = time.monotonic() + LOG_TIMEOUT_SECONDS
        while True:
            try:
                events = logs.get_log_events(
                    logGroupName=self.group, logStreamName=stream, limit=_LOG_LINES, startFromHead=False
                )["events"]
            except logs.exceptions.ResourceNotFoundException:
                events = []  # the container has not written a line, or CloudWatch does not show it yet
            except AWS_ERRORS as error:
                return f"\nIts log could not be read: {in_words(error)}"
            if events:
                return f"\nThe last lines of its log, {self.group} {stream}:" + "".join(
                    f"\n  {event['message'].rstrip()}" for event in events
                )
            if time.monotonic() >= deadline:
                return f"\nIts log, {self.group} {stream}, is empty."
            pause(LOG_POLL_SECONDS)
