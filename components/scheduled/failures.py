"""The queue that keeps the failures of a scheduled task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.iam import allow, policy_document
from components.tasks.runnable import RunnableTask

_KEPT_SECONDS = 1_209_600  # 14 days, the longest that SQS keeps a message (SQS API reference, SetQueueAttributes)


@dataclass(frozen=True, kw_only=True)
class Failures:
    """rule, target: send an event for each failed task to the queue. policy: allows the rule to do so."""

    queue: aws.sqs.Queue
    policy: aws.sqs.QueuePolicy
    rule: aws.cloudwatch.EventRule
    target: aws.cloudwatch.EventTarget


def create_failures(
    name: str, *, task: RunnableTask, account: Account, tags: Mapping[str, str], parent: pulumi.Resource
) -> Failures:
    """The queue gets messages from two sources. EventBridge Scheduler sends each invocation that it could not start,
    with ERROR_CODE and ERROR_MESSAGE as message attributes (EventBridge Scheduler user guide, "Configuring a
    dead-letter queue"). A rule sends each task of this family that could not start, or whose program ended with another
    exit code than 0, as ECS describes it (ECS developer guide, "Amazon ECS task state change events"), whoever has
    started the task. UNVERIFIED: whether Scheduler counts it as an error when RunTask answers that it has no capacity.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    queue = aws.sqs.Queue(
        f"{name}-failures",
        message_retention_seconds=_KEPT_SECONDS,
        sqs_managed_sse_enabled=True,
        tags=dict(tags),
        opts=opts,
    )
    family = pulumi.Output.concat(account.arn("ecs", "task-definition/"), task.task_definition.family, ":")
    rule = aws.cloudwatch.EventRule(
        f"{name}-failures",
        description=f"Tasks of {name} that failed",
        event_pattern=pulumi.Output.json_dumps(
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [task.cluster.arn],
                    "taskDefinitionArn": [{"prefix": family}],
                    "lastStatus": ["STOPPED"],
                    "$or": [
                        # Both must match in one container (aws/event-ruler, README, array-consistent matching). When
                        # the program ends, ECS stops the other containers, which then have other exit codes.
                        {"containers": {"name": [task.container], "exitCode": [{"anything-but": [0]}]}},
                        {"stopCode": ["TaskFailedToStart"]},
                    ],
                },
            }
        ),
        tags=dict(tags),
        opts=opts,
    )
    policy = aws.sqs.QueuePolicy(
        f"{name}-failures",
        queue_url=queue.url,
        policy=policy_document(
            [
                allow(
                    ["sqs:SendMessage"],
                    queue.arn,
                    Principal={"Service": "events.amazonaws.com"},
                    Condition={"ArnEquals": {"aws:SourceArn": rule.arn}},
                )
            ]
        ),
        opts=opts,
    )
    target = aws.cloudwatch.EventTarget(
        f"{name}-failures",
        rule=rule.name,
        arn=queue.arn,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[policy]),
    )
    return Failures(queue=queue, policy=policy, rule=rule, target=target)
