"""One CloudWatch dashboard for a microservice: its traffic, its tasks, its tables and its error lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import Access
from components.monitoring.metrics import PERIOD, Metric, service_metrics, table_metrics, traffic_metrics
from components.names import in_stack

_COLUMNS = 24  # of a dashboard's grid
_ERROR_LINES = 50
# The pattern of an error in the logs of most programs; a line may be JSON.
_ERROR = "/(?i)(error|exception|traceback|critical|fatal)/"


@dataclass(frozen=True, kw_only=True)
class ServiceView:
    """The part of a dashboard about a service, behind a load balancer or not.

    load_balancer_arn_suffix: `app/NAME/ID`. target_groups: none without a load balancer, two where deployments move
    requests from one to the other. container_insights: whether the cluster has Container Insights: ECS then reports its
    desired and running tasks; otherwise the load balancer's count of healthy targets is the number of tasks.
    """

    load_balancer_arn_suffix: pulumi.Input[str]
    target_groups: Sequence[aws.lb.TargetGroup]
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    container_insights: bool


# A row of widgets of the same width, each a type and its properties.
_Row = Sequence[tuple[str, Mapping[str, Any]]]


def create_dashboard(
    name: str,
    *,
    region: pulumi.Input[str],
    log_group: aws.cloudwatch.LogGroup,
    tables: Mapping[str, tuple[aws.keyspaces.Table, Access]],
    service: ServiceView | None = None,
    alarms: Collection[aws.cloudwatch.MetricAlarm] = (),
    parent: pulumi.Resource,
) -> aws.cloudwatch.Dashboard:
    """A dashboard `<name>-<stack>`; without `service`, as for a one-off task, of tables and log only.

    tables: by name, each with the access whose operations are shown. alarms: shown with their state; at most 100.

    It has no tags: the aws provider (7.51) supports none for dashboards. A dashboard's name is unique in the account,
    not in a region, and AWS silently overwrites a dashboard of the same name (CloudWatch API reference, PutDashboard):
    stacks of one account that have a microservice in common need different names. CloudWatch bills dashboards beyond
    the first three, and the log data that the query reads at each view (see the CloudWatch price list).
    """
    rows: list[tuple[int, _Row]] = []
    if alarms:
        rows.append((3, [("alarm", {"title": "Alarms", "alarms": [alarm.arn for alarm in alarms]})]))
    if service is not None:
        if service.target_groups:
            rows.append((6, _traffic(service.load_balancer_arn_suffix, service.target_groups)))
        rows.append((6, _tasks(service)))
    rows += [(6, row) for each, (table, access) in tables.items() for row in _table(each, table, access)]
    rows.append((8, [("log", _errors(log_group))]))
    return aws.cloudwatch.Dashboard(
        name,
        dashboard_name=in_stack(name),
        dashboard_body=pulumi.Output.json_dumps({"widgets": _widgets(rows, region)}),
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),  # the name in AWS is fixed
    )


def _traffic(load_balancer_arn_suffix: pulumi.Input[str], target_groups: Sequence[aws.lb.TargetGroup]) -> _Row:
    traffic = [traffic_metrics(load_balancer_arn_suffix, group.arn_suffix) for group in target_groups]
    ends = [""] if len(traffic) == 1 else [f" ({number} of {len(traffic)})" for number in range(1, len(traffic) + 1)]
    both = list(zip(traffic, ends, strict=True))
    return [
        _graph(
            "Requests",
            [
                *(group.requests.line(f"requests{end}") for group, end in both),
                *(group.client_errors.line(f"4xx{end}") for group, end in both),
                *(group.target_errors.line(f"5xx of a task{end}") for group, end in both),
                *(group.unreached.line(f"no connection to a task{end}") for group, end in both),
                traffic[0].balancer_errors.line("5xx of the load balancer, for all its services"),
            ],
        ),
        _graph(
            "Latency (s)",
            [metric.line(f"{stat}{end}") for group, end in both for stat, metric in group.latencies.items()],
        ),
        _graph(
            "Tasks as the load balancer sees them",
            [
                line
                for group, end in both
                for line in (group.healthy.line(f"healthy{end}"), group.unhealthy.line(f"unhealthy{end}"))
            ],
        ),
    ]


def _tasks(service: ServiceView) -> _Row:
    tasks = service_metrics(service.cluster_name, service.service_name)
    graphs = [
        _graph("CPU (%)", [metric.line(stat.lower()) for stat, metric in tasks.cpu.items()]),
        _graph("Memory (%)", [metric.line(stat.lower()) for stat, metric in tasks.memory.items()]),
    ]
    if service.container_insights:
        graphs.append(_graph("Tasks", [tasks.desired.line("desired"), tasks.running.line("running")]))
    return graphs


def _table(name: str, table: aws.keyspaces.Table, access: Access) -> Sequence[_Row]:
    metrics = table_metrics(table, access)

    def lines(by_operation: Mapping[str, Metric], what: str = "") -> list[list[Any]]:
        return [metric.line(f"{operation} {what}".rstrip()) for operation, metric in by_operation.items()]

    def graph(what: str, lines: Sequence[Sequence[Any]]) -> tuple[str, Mapping[str, Any]]:
        return _graph(f"Table {name}: {what}", lines)

    def capacity(kind: str) -> list[list[Any]]:
        # Capacity is provisioned by the second and consumed over the period; on demand, nothing is provisioned.
        return [
            metrics.consumed[kind].line(f"{kind} consumed in total", id=kind, visible=False),
            [{"expression": f"{kind} / PERIOD({kind})", "label": f"{kind} consumed", "id": f"{kind}_rate"}],
            metrics.provisioned[kind].line(f"{kind} provisioned"),
        ]

    return [
        [
            graph("successful requests", lines(metrics.requests)),
            graph("latency inside Keyspaces (ms)", lines(metrics.latencies)),
            graph("throttled requests", lines(metrics.throttles)),
        ],
        [
            graph("errors", lines(metrics.system_errors, "system") + lines(metrics.user_errors, "user")),
            graph("capacity units a second", [line for kind in metrics.consumed for line in capacity(kind)]),
            graph(
                "limits exceeded",
                lines(metrics.connection_limits, "connection") + lines(metrics.partition_limits, "partition"),
            ),
        ],
    ]


def _errors(log_group: aws.cloudwatch.LogGroup) -> Mapping[str, Any]:
    query = "\n| ".join(
        [
            "SOURCE '{0}' | fields @timestamp, @message, @logStream",
            f"filter @message like {_ERROR}",
            "sort @timestamp desc",
            f"limit {_ERROR_LINES}",
        ]
    )
    return {"title": "Last error lines", "query": pulumi.Output.format(query, log_group.name), "view": "table"}


def _graph(title: str, metrics: Sequence[Sequence[Any]]) -> tuple[str, Mapping[str, Any]]:
    return "metric", {
        "title": title,
        "metrics": metrics,
        "period": PERIOD,
        "view": "timeSeries",
        "yAxis": {"left": {"min": 0}},
    }


def _widgets(rows: Sequence[tuple[int, _Row]], region: pulumi.Input[str]) -> list[dict[str, Any]]:
    """rows: each with its height, from the top. Only an alarm widget has no region, since the alarms' ARNs have it."""
    widgets = []
    top = 0
    for height, row in rows:
        width = _COLUMNS // len(row)
        for column, (type_, properties) in enumerate(row):
            widgets.append(
                {
                    "type": type_,
                    "x": column * width,
                    "y": top,
                    "width": width,
                    "height": height,
                    "properties": {**properties, **({} if type_ == "alarm" else {"region": region})},
                }
            )
        top += height
    return widgets
