"""Target tracking of a service's number of tasks by Application Auto Scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.arguments import below, outside, raise_for

_MAX_TASKS = 5000  # a service's quota (ECS developer guide, "Amazon ECS service quotas")


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Run more tasks when they are busy, and fewer when they are not.

    Each metric that is set gets a policy, which holds it near its target. With several, tasks are added as soon as one
    policy wants more, and taken away only when all want fewer (Application Auto Scaling user guide, "How target
    tracking scaling works", Multiple scaling policies). The two CloudWatch alarms of a policy are AWS's to manage.

    max_tasks: never more, 1 to 5000; what it costs at worst. The service's own number of tasks is the fewest.
    cpu: average CPU utilization of the tasks to hold, 1 to 99 %. 60 leaves a task room for the minutes that scaling
    out takes. None: do not scale by it.
    memory: the same for memory; off, because what a Python process has taken it seldom gives back, and then nothing
    would be scaled in.
    requests: requests a task gets each minute from the load balancer, at least 1. Right where a request always costs
    about the same; measure what one task can take first, so there is no default.
    scale_out_cooldown: seconds after tasks were added until still more are. 60 is short, for a new task serves within
    a minute or so. scale_in_cooldown: seconds after tasks were taken away until others are; AWS's default of 300
    outlasts a lull. 0 or more.

    Raises InvalidArguments for values out of range, and if there is nothing to scale by.
    """

    max_tasks: int
    cpu: int | None = 60
    memory: int | None = None
    requests: int | None = None
    scale_out_cooldown: int = 60
    scale_in_cooldown: int = 300

    def __post_init__(self) -> None:
        nothing = self.cpu is None and self.memory is None and self.requests is None
        raise_for(
            "Scaling",
            {
                "max_tasks": outside(self.max_tasks, 1, _MAX_TASKS),
                "cpu": "is None, as `memory` and `requests` are; set at least one to scale by"
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


@dataclass(frozen=True, kw_only=True)
class ServiceScaling:
    """target: the service's number of tasks; policies: by what moves it: `cpu`, `memory`, `requests`."""

    target: aws.appautoscaling.Target
    policies: Mapping[str, aws.appautoscaling.Policy]


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

    service: needs `ignore_changes=["desired_count"]`, or an update would set it back. Its number of tasks is then only
    where it begins; a `min_tasks` above the count of the moment still takes effect, as Application Auto Scaling raises
    the count when the target is registered. A replaced service gets a new target and policies: its name is in their id.
    depends_on: the listener rules that forward to `target_group`. A policy by requests is refused for a target group
    that no load balancer uses (Application Auto Scaling API reference, "PredefinedMetricSpecification").
    load_balancer_arn_suffix, target_group: None for a service without them, which has no policy by requests.

    No role is given: AWS makes and uses a service-linked one for ECS (Terraform's `aws_appautoscaling_target`, whose
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
    return ServiceScaling(target=target, policies=policies)


def _not_a_percentage(value: int | None) -> str | None:
    # At 100 % the metric could never be above its target, and nothing would ever be scaled out.
    return None if value is None else outside(value, 1, 99, "%")
