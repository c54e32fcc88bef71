"""Alarms of a service: its traffic, which ECS may watch during a deployment, and its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.monitoring.alarms import MINUTES, Alarms, combined, create_alarm, single
from components.monitoring.metrics import (
    Metric,
    ServiceMetrics,
    TrafficMetrics,
    service_metrics,
    traffic_metrics,
)

# A new service's tasks need time to start, and the load balancer reports no targets until one is registered.
_WARM_UP_MINUTES = 15
_OF_TASKS: Mapping[str, Any] = {
    "missing": "breaching",
    "bad_minutes": MINUTES,
    "warm_up_configuration": {"warm_up_period_duration_in_minutes": _WARM_UP_MINUTES},
}
_LOOK = "Look first at the service's events and at why its last tasks stopped, in the ECS console."


def create_traffic_alarms(
    name: str,
    alarms: Alarms,
    *,
    load_balancer_arn_suffix: pulumi.Input[str],
    target_groups: Sequence[aws.lb.TargetGroup],
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> dict[str, aws.cloudwatch.MetricAlarm]:
    """Alarms `errors`, `latency` and `unhealthy`, which exist before the service, so that ECS can watch them.

    The load balancer's own 5xx cannot be assigned to a service: HTTPCode_ELB_5XX_Count is for the whole load balancer,
    and an alarm on it would page, or roll back, one service for another's fault. So `errors` counts only metrics of a
    target group: 5xx of tasks, and connections that tasks did not accept. Other failed requests (a task hangs, or
    closes a connection halfway) are only on the dashboard. A task that hangs fails its health check, so `unhealthy`
    fires; if no task is left, the task alarm fires.

    target_groups: one, or two of a service whose deployments move requests from one to the other. Of two, the worse
    value counts, so that the errors of a canary's few requests are not hidden by the others.
    """
    traffic = [traffic_metrics(load_balancer_arn_suffix, group.arn_suffix) for group in target_groups]
    common: dict[str, Any] = {"tags": tags, "parent": parent}
    return {
        "errors": create_alarm(
            f"{name}-errors",
            alarms,
            f"More than {alarms.error_percent:g} % of the requests for {name} fail. Look first at the last error lines"
            " in its log, and whether a deployment or a throttled table began at the same time.",
            _failed_requests(traffic),
            above=alarms.error_percent,
            **common,
        ),
        "latency": create_alarm(
            f"{name}-latency",
            alarms,
            f"One in 100 requests for {name} takes more than {alarms.p99_seconds:g} s. Look first at the latency of its"
            " table and at the CPU of its tasks.",
            {**single(traffic[0].latencies["p99"]), "evaluate_low_sample_count_percentiles": "evaluate"}
            if len(traffic) == 1
            else _worst("99th percentile (s)", [group.latencies["p99"] for group in traffic]),
            above=alarms.p99_seconds,
            **common,
        ),
        "unhealthy": create_alarm(
            f"{name}-unhealthy",
            alarms,
            f"A task of {name} fails the load balancer's health check. Look first at the last lines of its log: the"
            " check may find that the table cannot be read.",
            single(traffic[0].unhealthy)
            if len(traffic) == 1
            else _worst("Unhealthy targets", [group.unhealthy for group in traffic]),
            above=0,
            **common,
        ),
    }


def _failed_requests(traffic: Sequence[TrafficMetrics]) -> dict[str, Any]:
    """The percentage of one target group, or the higher one of two."""
    label = "Failed requests (%)"
    if len(traffic) == 1:
        # 0 without requests: without a value, CloudWatch would evaluate other minutes instead.
        return combined(
            "IF(requests > 0, 100 * (FILL(errors, 0) + FILL(unreached, 0)) / requests, 0)",
            label,
            {"requests": traffic[0].requests, "errors": traffic[0].target_errors, "unreached": traffic[0].unreached},
        )
    metrics: dict[str, Metric] = {}
    of_each = []
    for number, group in enumerate(traffic):
        metrics |= {
            f"requests{number}": group.requests,
            f"errors{number}": group.target_errors,
            f"unreached{number}": group.unreached,
        }
        # Without requests there are no failures, so the quotient is 0 with any divisor.
        of_each.append(
            f"100 * (FILL(errors{number}, 0) + FILL(unreached{number}, 0)) / FILL(requests{number}, 1)",
        )
    return combined(f"MAX([{', '.join(of_each)}])", label, metrics)


def _worst(label: str, metrics: Sequence[Metric]) -> dict[str, Any]:
    named = {f"group{number}": metric for number, metric in enumerate(metrics)}
    return combined(f"MAX([{', '.join(f'FILL({name}, 0)' for name in named)}])", label, named)


def _sum(label: str, metrics: Sequence[Metric]) -> dict[str, Any]:
    named = {f"group{number}": metric for number, metric in enumerate(metrics)}
    return combined(" + ".join(f"FILL({name}, 0)" for name in named), label, named)


def deployment_alarms(
    alarms: Alarms | None, traffic: Mapping[str, aws.cloudwatch.MetricAlarm]
) -> aws.ecs.ServiceAlarmsArgsDict | None:
    """The argument `alarms` of aws.ecs.Service. traffic: of `create_traffic_alarms`, empty without `alarms`.

    ECS watches the alarms during a deployment. In a rolling deployment, it goes on after the old tasks are gone for the
    bake time, which it derives from the alarms; so every such deployment takes some minutes longer. A deployment that
    begins while one of the alarms is in ALARM is not watched at all, so that a fix can be deployed. The alarms or the
    circuit breaker act on a failure, whichever detects it first. (ECS developer guide, "How CloudWatch alarms detect
    Amazon ECS deployment failures".) ECS takes only names, so the alarms are in the service's own region and account.

    None without `rollback`. The aws provider sees no change when `alarms` is removed
    (SuppressMissingOptionalConfigurationBlock), and ECS keeps a property that an update does not mention
    (aws/copilot-cli#4565); so `Deployment` tells ECS to watch no alarms.
    """
    if alarms is None or not alarms.rollback:
        return None
    return {"alarm_names": [alarm.name for alarm in traffic.values()], "enable": True, "rollback": True}


def create_task_alarm(
    name: str,
    alarms: Alarms,
    *,
    load_balancer_arn_suffix: pulumi.Input[str],
    target_groups: Sequence[aws.lb.TargetGroup],
    cluster_name: pulumi.Input[str],
    service_name: pulumi.Input[str],
    min_tasks: int,
    container_insights: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm | None:
    """Fires when too few tasks serve during 5 minutes in a row, which is longer than ECS takes to replace one.

    min_tasks: the minimum of autoscaling, or the desired count. 0 creates no alarm.
    container_insights: compare the running tasks with the desired count of the time.

    Without Container Insights the alarm reads HealthyHostCount of the target group (Elastic Load Balancing user guide
    for Application Load Balancers, "CloudWatch metrics for your Application Load Balancer"). A task counts once it
    passes the health check, until it drains. The load balancer reports the metric only while targets are registered, so
    missing data fires the alarm, too, except in its first minutes. (The same page says that metrics
    are reported only while requests flow; health checks are reported without requests: UNVERIFIED.)

    With Container Insights, the present desired count is known, so the alarm also fires when a scaled-out service lacks
    tasks above `min_tasks`. A running task that fails its health check fires the alarm `unhealthy` instead.
    """
    if min_tasks == 0:
        return None
    common: dict[str, Any] = {"tags": tags, "parent": parent}
    tasks = service_metrics(cluster_name, service_name)
    if container_insights:
        return _missing_tasks_alarm(name, alarms, tasks, **common)
    healthy = [traffic_metrics(load_balancer_arn_suffix, group.arn_suffix).healthy for group in target_groups]
    watched = single(healthy[0]) if len(healthy) == 1 else _sum("Healthy targets", healthy)
    return _few_tasks_alarm(name, alarms, watched, f"has fewer than {min_tasks} healthy tasks", min_tasks, **common)


def create_worker_alarm(
    name: str,
    alarms: Alarms,
    *,
    cluster_name: pulumi.Input[str],
    service_name: pulumi.Input[str],
    min_tasks: int,
    container_insights: bool,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.cloudwatch.MetricAlarm | None:
    """`create_task_alarm` for a service without target group.

    Without Container Insights the alarm reads the number of tasks that reported their CPU utilization in a minute, as
    ECS recommends to count running tasks (ECS developer guide, "Amazon ECS service utilization metrics", Service
    RUNNING task count; UNVERIFIED that it is exact on Fargate). Tasks that run and fail their health check count until
    ECS stops them.
    """
    if min_tasks == 0:
        return None
    common: dict[str, Any] = {"tags": tags, "parent": parent}
    tasks = service_metrics(cluster_name, service_name)
    if container_insights:
        return _missing_tasks_alarm(name, alarms, tasks, **common)
    watched = single(tasks.reporting)
    return _few_tasks_alarm(name, alarms, watched, f"runs fewer than {min_tasks} tasks", min_tasks, **common)


def _missing_tasks_alarm(name: str, alarms: Alarms, tasks: ServiceMetrics, **common: Any) -> aws.cloudwatch.MetricAlarm:
    return create_alarm(
        f"{name}-tasks",
        alarms,
        f"{name} runs fewer tasks than ECS wants. {_LOOK}",
        combined("desired - running", "Tasks missing", {"desired": tasks.desired, "running": tasks.running}),
        above=0,
        **_OF_TASKS,
        **common,
    )


def _few_tasks_alarm(
    name: str, alarms: Alarms, watched: Mapping[str, Any], complaint: str, min_tasks: int, **common: Any
) -> aws.cloudwatch.MetricAlarm:
    return create_alarm(
        f"{name}-tasks",
        alarms,
        f"{name} {complaint}. {_LOOK}",
        watched,
        below=min_tasks,
        **_OF_TASKS,
        **common,
    )
