"""A service's number of tasks, set by Application Auto Scaling: by target tracking and by schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.arguments import below, outside, raise_for
from components.schedules import expression_mistake, timezone_mistake

_MAX_TASKS = 5000  # a service's quota (ECS developer guide, "Amazon ECS service quotas")


@dataclass(frozen=True, kw_only=True)
class ScheduledScaling:
    """Runs `min_tasks` to `max_tasks` tasks from each time of `expression` until the time of another schedule.

    expression: `cron(<minutes> <hours> <day of month> <month> <day of week> <year>)`, such as
    `cron(0 7 ? * MON-FRI *)` for seven o'clock on workdays, or `rate(...)`.
    timezone: of a cron's times, by its name in the IANA database.
    min_tasks, max_tasks: 0 to 5000. With fewer tasks than min_tasks, some are added at once; with more than max_tasks,
    some are removed. Without tasks there are no metrics, so that after 0 only a later time adds tasks.

    Raises InvalidArguments.
    """

    expression: str
    min_tasks: int
    max_tasks: int
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        raise_for(
            "ScheduledScaling",
            {
                "expression": expression_mistake(self.expression),
                "timezone": timezone_mistake(self.timezone),
                "min_tasks": outside(self.min_tasks, 0, _MAX_TASKS),
                "max_tasks": outside(self.max_tasks, 0, _MAX_TASKS)
                or (f"is {self.max_tasks}; use `min_tasks` or more" if self.max_tasks < self.min_tasks else None),
            },
        )


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Runs more tasks when they are busy, and fewer when they are not.

    Each metric that is set gets a policy, which holds it near its target. With several, tasks are added as soon as one
    policy wants more, and removed only when all want fewer (Application Auto Scaling user guide, "How target
    tracking scaling works", Multiple scaling policies). AWS manages the two CloudWatch alarms of a policy.

    max_tasks: the maximum, 1 to 5000, which limits the cost. The service's own number of tasks is the minimum.
    cpu: the target for the tasks' average CPU utilization, 1 to 99 %. 60 leaves a task room for the minutes that
    scaling out takes. None: do not scale by CPU.
    memory: the same for memory; off by default, because a Python process seldom gives memory back, so that no task
    would be scaled in.
    requests: the target for the requests that a task gets each minute from the load balancer, at least 1. It suits
    services whose requests all cost about the same. It has no default: measure first how many requests a task can
    serve.
    scale_out_cooldown: seconds between two additions of tasks. 60 is short, since a new task serves within about a
    minute. scale_in_cooldown: seconds between two removals of tasks; AWS's default of 300 outlasts a short lull. 0 or
    more.
    schedule: other minimums and maximums from certain times on; see `ScheduledScaling`. `max_tasks` and the service's
    own number of tasks hold until the first of these times. A `pulumi refresh` with `pulumi up` restores them until the
    next time, since the schedule changes the declared numbers themselves.

    Raises InvalidArguments for values out of range, and if there is no metric and no schedule.
    """

    max_tasks: int
    cpu: int | None = 60
    memory: int | None = None
    requests: int | None = None
    scale_out_cooldown: int = 60
    scale_in_cooldown: int = 300
    schedule: Sequence[ScheduledScaling] = ()

    def __post_init__(self) -> None:
        nothing = self.cpu is None and self.memory is None and self.requests is None and not self.schedule
        raise_for(
            "Scaling",
            {
                "max_tasks": outside(self.max_tasks, 1, _MAX_TASKS),
                "cpu": "is None, as `memory` and `requests` are; set at least one to scale by, or a `schedule`"
                if nothing
                else _not_a_percentage(self.cpu),
                "memory": _not_a_percentage(self.memory),
                "requests": None if self.requests is None else below(self.requests, 1, "a minute and task"),
                "scale_out_cooldown": below(self.scale_out_cooldown, 0, "seconds"),
                "scale_in_cooldown": below(self.scale_in_cooldown, 0, "seconds"),
            },
        )


def check_min_tasks(scaling: Scaling, min_tasks: int, of: str = "Service") -> None:
    """Raises InvalidArguments unless `scaling` can begin at `min_tasks`, the `tasks` of a `Service` or `Worker`."""
    raise_for(
        of,
        {
            "tasks": f"is {min_tasks}; without a task there is nothing to measure; with scaling, use at least 1"
            if min_tasks < 1
            else None,
            "scaling": f"has `max_tasks` {scaling.max_tasks}, but `tasks` is {min_tasks}; raise one or lower the other"
            if scaling.max_tasks < min_tasks
            else None,
        },
    )


def least_tasks(tasks: int, scaling: Scaling | None) -> int:
    """The lowest number of tasks that a service with `tasks` and `scaling` may run at any time."""
    return min([tasks, *(each.min_tasks for each in scaling.schedule)] if scaling else [tasks])


@dataclass(frozen=True, kw_only=True)
class ServiceScaling:
    """target: the service's number of tasks; policies: by metric, `cpu`, `memory`, `requests`; actions: of
    `Scaling.schedule`, in its order."""

    target: aws.appautoscaling.Target
    policies: Mapping[str, aws.appautoscaling.Policy]
    actions: Sequence[aws.appautoscaling.ScheduledAction]


def create_scaling(
    name: str,
    scaling: Scaling,
    *,
    cluster_name: pulumi.Input[str],
    service: aws.ecs.Service,
    min_tasks: int,
    load_balancer_arn_suffix: pulumi.Input[str] | None,
    target_group: aws.lb.TargetGroup | None,
    depends_on: Sequence[pulumi.Resource],
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> ServiceScaling:
    """Lets Application Auto Scaling set the desired count of `service`, from `min_tasks` to `scaling.max_tasks`.

    service: needs `ignore_changes=["desired_count"]`, or an update would reset the count. Its own number of tasks is
    then only the initial one; a `min_tasks` above the present count still takes effect, since Application Auto Scaling
    raises the count when the target is registered. A replaced service gets a new target and policies, whose IDs have
    its name.
    depends_on: the listener rules that forward to `target_group`. A policy by requests is refused for a target group
    that no load balancer uses (Application Auto Scaling API reference, "PredefinedMetricSpecification").
    load_balancer_arn_suffix, target_group: None for a service without them, which has no policy by requests.

    No role is given: AWS creates and uses a service-linked role for ECS (Terraform's `aws_appautoscaling_target`, whose
    `role_arn` is computed). Policies cannot be tagged.
    """
    target = aws.appautoscaling.Target(
        name,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service.name),
        min_capacity=min_tasks,
        max_capacity=scaling.max_tasks,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )

    def policy(
        by: str, metric: str, value: int, label: pulumi.Output[str] | None, needs: Sequence[pulumi.Resource]
    ) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{name}-{by}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": {"predefined_metric_type": metric, "resource_label": label},
                "target_value": value,
                "scale_out_cooldown": scaling.scale_out_cooldown,
                "scale_in_cooldown": scaling.scale_in_cooldown,
            },
            opts=pulumi.ResourceOptions(parent=parent, depends_on=needs),
        )

    behind = (
        pulumi.Output.concat(load_balancer_arn_suffix, "/", target_group.arn_suffix)
        if load_balancer_arn_suffix is not None and target_group is not None
        else None
    )
    policies = {
        by: policy(by, metric, value, label, needs)
        for by, metric, value, label, needs in (
            ("cpu", "ECSServiceAverageCPUUtilization", scaling.cpu, None, ()),
            ("memory", "ECSServiceAverageMemoryUtilization", scaling.memory, None, ()),
            ("requests", "ALBRequestCountPerTarget", scaling.requests, behind, depends_on),
        )
        if value is not None
    }
    actions = [
        aws.appautoscaling.ScheduledAction(
            f"{name}-{number}",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            schedule=each.expression,
            timezone=each.timezone,
            scalable_target_action={"min_capacity": each.min_tasks, "max_capacity": each.max_tasks},
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for number, each in enumerate(scaling.schedule, 1)
    ]
    return ServiceScaling(target=target, policies=policies, actions=actions)


def _not_a_percentage(value: int | None) -> str | None:
    # At 100 % the metric could never be above its target, and nothing would ever be scaled out.
    return None if value is None else outside(value, 1, 99, "%")
