"""The alarm of a scheduled task."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.monitoring.alarms import Alarms, combined, create_alarm
from components.monitoring.metrics import Metric


def create_failures_alarm(
    name: str,
    alarms: Alarms,
    *,
    queue_name: pulumi.Input[str],
    group_name: pulumi.Input[str],
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm:
    """Fires while the failure queue holds a message, and when EventBridge Scheduler has dropped an invocation.

    The alarm ends when somebody has deleted the messages, or SQS has done so after 14 days. It does not watch the
    number of messages sent: SQS may report this up to 15 minutes late, when the alarm no longer evaluates that minute
    (SQS developer guide, "Available CloudWatch metrics for Amazon SQS"). Dropped invocations count, too (EventBridge
    Scheduler user guide, "Monitoring Amazon EventBridge Scheduler with Amazon CloudWatch"), in case that the queue
    could not be reached.
    """
    waiting = Metric(
        namespace="AWS/SQS",
        name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue_name},
        stat="Maximum",
    )
    dropped = Metric(
        namespace="AWS/Scheduler",
        name="InvocationDroppedCount",
        dimensions={"ScheduleGroup": group_name},
        stat="Sum",
    )
    return create_alarm(
        f"{name}-failures",
        alarms,
        f"{name} did not run at a time of its schedule, or a run of it failed. Look first at the messages in its"
        " failure queue, which give the reason, and at the last lines of its log; then delete the messages.",
        combined(
            "FILL(waiting, 0) + FILL(dropped, 0)", "Failures of the schedule", {"waiting": waiting, "dropped": dropped}
        ),
        above=0,
        bad_minutes=1,
        tags=tags,
        parent=parent,
    )
