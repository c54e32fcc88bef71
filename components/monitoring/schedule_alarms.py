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
    """Fires as long as the queue of failures holds a message, and when EventBridge Scheduler has dropped one.

    So it ends when somebody has taken the messages out, or SQS after 14 days. Not the number of messages that came: it
    may be known up to 15 minutes late, when the alarm no longer looks at that minute (SQS developer guide, "Available
    CloudWatch metrics for Amazon SQS"). A dropped one is counted too (EventBridge Scheduler user guide, "Monitoring
    Amazon EventBridge Scheduler with Amazon CloudWatch"), for when the queue could not be reached.
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
        f"{name} did not run at a time of its schedule, or a run of it failed. Look first at the messages in its queue"
        " of failures, which say why, and at the last lines of its log; then take the messages out.",
        combined(
            "FILL(waiting, 0) + FILL(dropped, 0)", "Failures of the schedule", {"waiting": waiting, "dropped": dropped}
        ),
        above=0,
        bad_minutes=1,
        tags=tags,
        parent=parent,
    )
