"""A microservice that runs on a schedule: a task that EventBridge Scheduler starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import outside, raise_for
from components.monitoring.alarms import Alarms
from components.monitoring.schedule_alarms import create_failures_alarm
from components.scheduled.failures import Failures, create_failures
from components.schedules import expression_mistake, timezone_mistake
from components.tasks.permissions import Role, create_scheduler_role
from components.tasks.runnable import RunnableTask


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """Runs a task at the times of `expression`. `pulumi up` does not wait for it; see `create_scheduled` for failures.

    expression: `rate(1 day)`, or `cron(<minutes> <hours> <day of month> <month> <day of week> <year>)`, such as
    `cron(0 3 * * ? *)` for three o'clock each day.
    timezone: of a cron's times, by its name in the IANA database; the local times stay the same when clocks change.
    retries: how often Scheduler retries when ECS refuses to start the task, 0 to 185. max_age: seconds after which it
    stops retrying, 60 to 86400.
    after: resources that must exist first, such as another microservice's `completed`.

    Scheduler starts a task at least once for each time, and rarely twice (EventBridge Scheduler user guide, "What is
    Amazon EventBridge Scheduler?"), and a long run overlaps with the next one. So the program must tolerate a second
    run, even at the same time. ECS does not stop a task that takes too long.

    Raises InvalidArguments.
    """

    expression: str
    timezone: str = "UTC"
    retries: int = 3
    max_age: int = 3600
    after: Sequence[pulumi.Resource] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        raise_for(
            "Scheduled",
            {
                "expression": expression_mistake(self.expression),
                "timezone": timezone_mistake(self.timezone),
                "retries": outside(self.retries, 0, 185),
                "max_age": outside(self.max_age, 60, 86_400, "seconds"),
            },
        )


@dataclass(frozen=True, kw_only=True)
class ScheduledTask:
    """group: of this schedule alone, so that CloudWatch has metrics and IAM a condition for it alone. role:
    Scheduler's.

    alarms: by kind, `failures`; none without `Alarms`.
    """

    group: aws.scheduler.ScheduleGroup
    role: Role
    schedule: aws.scheduler.Schedule
    failures: Failures
    alarms: Mapping[str, aws.cloudwatch.MetricAlarm]


def create_scheduled(
    name: str,
    scheduled: Scheduled,
    *,
    task: RunnableTask,
    task_role: Role,
    execution_role: Role,
    alarms: Alarms | None,
    path: str | None,
    boundary_arn: pulumi.Input[str] | None,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> ScheduledTask:
    """A schedule, and a queue with a message for each failure: a time at which ECS started no task, and a task that
    could not start or ended with another exit code than 0. `alarms`: an alarm fires for these
    failures.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    group = aws.scheduler.ScheduleGroup(name, tags=dict(tags), opts=opts)
    failures = create_failures(name, task=task, account=account, tags=tags, parent=parent)
    role = create_scheduler_role(
        f"{name}-scheduler",
        family=task.task_definition.family,
        cluster_arn=task.cluster.arn,
        cluster_name=task.cluster.name,
        roles=[task_role, execution_role],
        queue_arn=failures.queue.arn,
        group_arn=group.arn,
        path=path,
        boundary_arn=boundary_arn,
        account=account,
        tags=tags,
        parent=parent,
    )
    schedule = aws.scheduler.Schedule(
        name,
        description=f"Runs {name}",
        group_name=group.name,
        schedule_expression=scheduled.expression,
        schedule_expression_timezone=scheduled.timezone,
        flexible_time_window={"mode": "OFF"},
        target={
            "arn": task.cluster.arn,
            "role_arn": role.arn,
            "ecs_parameters": {
                "task_definition_arn": task.task_definition.arn,
                "launch_type": "FARGATE",
                "task_count": 1,
                "enable_ecs_managed_tags": True,
                "propagate_tags": "TASK_DEFINITION",
                "network_configuration": {
                    "subnets": task.network.task_subnet_ids,
                    "security_groups": [task.access.security_group.id],
                    "assign_public_ip": task.network.assign_public_ip,
                },
            },
            "retry_policy": {
                "maximum_retry_attempts": scheduled.retries,
                "maximum_event_age_in_seconds": scheduled.max_age,
            },
            "dead_letter_config": {"arn": failures.queue.arn},
        },
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[*task.needs, *scheduled.after, role.policy, failures.policy, failures.target],
        ),
    )
    alarm = (
        create_failures_alarm(
            name, alarms, queue_name=failures.queue.name, group_name=group.name, tags=tags, parent=parent
        )
        if alarms
        else None
    )
    return ScheduledTask(
        group=group, role=role, schedule=schedule, failures=failures, alarms={"failures": alarm} if alarm else {}
    )
