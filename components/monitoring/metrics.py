"""The CloudWatch metrics that alarms watch and dashboards show: their names, dimensions and statistics.

Sources: Elastic Load Balancing user guide for Application Load Balancers, "CloudWatch metrics for your Application Load
Balancer"; ECS developer guide, "Amazon ECS CloudWatch metrics"; CloudWatch user guide, "Amazon ECS Container Insights
metrics"; Keyspaces developer guide, "Amazon Keyspaces metrics and dimensions".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import Access

PERIOD = 60  # seconds; how often each of these services publishes

# CQL statements by access, as Keyspaces names them in the dimension Operation.
_READS = ("SELECT",)
_OPERATIONS: Mapping[Access, Sequence[str]] = {"read": _READS, "write": (*_READS, "INSERT", "UPDATE", "DELETE")}


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric and the statistic to take of it. All of its dimensions must be named, or CloudWatch finds no data."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    stat: str

    def query(self, id_: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgsDict:
        """As an operand of an alarm's metric math."""
        return {
            "id": id_,
            "metric": {
                "namespace": self.namespace,
                "metric_name": self.name,
                "dimensions": self.dimensions,
                "period": PERIOD,
                "stat": self.stat,
            },
        }

    def line(self, label: str, **rendering: Any) -> list[Any]:
        """As a line of a dashboard's graph. rendering: more of the dashboard body's rendering properties."""
        dimensions = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *dimensions, {"stat": self.stat, "label": label, **rendering}]


@dataclass(frozen=True, kw_only=True)
class TrafficMetrics:
    """Metrics of one target group, as the load balancer sees it; `balancer_errors` is of all target groups together.

    requests: those for which a target was chosen. target_errors: 5xx that a task answered. unreached: requests whose
    target accepted no connection. balancer_errors: 5xx of the load balancer's own, which has no dimension for a
    target group.
    """

    requests: Metric
    target_errors: Metric
    unreached: Metric
    client_errors: Metric
    balancer_errors: Metric
    latencies: Mapping[str, Metric]
    healthy: Metric
    unhealthy: Metric


def traffic_metrics(load_balancer: pulumi.Input[str], target_group: pulumi.Input[str]) -> TrafficMetrics:
    """load_balancer, target_group: the `arn_suffix` of each, `app/NAME/ID` and `targetgroup/NAME/ID`."""

    def of_target_group(name: str, stat: str) -> Metric:
        dimensions = {"LoadBalancer": load_balancer, "TargetGroup": target_group}
        return Metric(namespace="AWS/ApplicationELB", name=name, dimensions=dimensions, stat=stat)

    return TrafficMetrics(
        requests=of_target_group("RequestCount", "Sum"),
        target_errors=of_target_group("HTTPCode_Target_5XX_Count", "Sum"),
        unreached=of_target_group("TargetConnectionErrorCount", "Sum"),
        client_errors=of_target_group("HTTPCode_Target_4XX_Count", "Sum"),
        balancer_errors=Metric(
            namespace="AWS/ApplicationELB",
            name="HTTPCode_ELB_5XX_Count",
            dimensions={"LoadBalancer": load_balancer},
            stat="Sum",
        ),
        latencies={stat: of_target_group("TargetResponseTime", stat) for stat in ("p50", "p90", "p99")},
        # Each node of the load balancer counts the targets; Minimum is the lowest count of any node.
        healthy=of_target_group("HealthyHostCount", "Minimum"),
        unhealthy=of_target_group("UnHealthyHostCount", "Minimum"),
    )


@dataclass(frozen=True, kw_only=True)
class ServiceMetrics:
    """Metrics that ECS reports of one service; cpu and memory in percent of the task size.

    reporting: the number of tasks that reported their CPU in a minute. desired, running: only with Container Insights
    on the cluster.
    """

    cpu: Mapping[str, Metric]
    memory: Mapping[str, Metric]
    reporting: Metric
    desired: Metric
    running: Metric


def service_metrics(cluster: pulumi.Input[str], service: pulumi.Input[str]) -> ServiceMetrics:
    """cluster, service: their names."""

    def of_service(name: str, stat: str, namespace: str = "AWS/ECS") -> Metric:
        dimensions = {"ClusterName": cluster, "ServiceName": service}
        return Metric(namespace=namespace, name=name, dimensions=dimensions, stat=stat)

    return ServiceMetrics(
        cpu={stat: of_service("CPUUtilization", stat) for stat in ("Average", "Maximum")},
        memory={stat: of_service("MemoryUtilization", stat) for stat in ("Average", "Maximum")},
        reporting=of_service("CPUUtilization", "SampleCount"),
        desired=of_service("DesiredTaskCount", "Average", "ECS/ContainerInsights"),
        running=of_service("RunningTaskCount", "Average", "ECS/ContainerInsights"),
    )


@dataclass(frozen=True, kw_only=True)
class TableMetrics:
    """Metrics that Keyspaces reports of one table, for all its clients together.

    By operation, such as SELECT: requests, latencies (milliseconds inside Keyspaces), throttles, system_errors,
    user_errors, and how often the limits of a connection (3,000 requests a second) and of a storage partition were
    exceeded. By "read" and "write": capacity consumed (in total over the period) and provisioned (a second; absent on
    demand).
    """

    requests: Mapping[str, Metric]
    latencies: Mapping[str, Metric]
    throttles: Mapping[str, Metric]
    system_errors: Mapping[str, Metric]
    user_errors: Mapping[str, Metric]
    connection_limits: Mapping[str, Metric]
    partition_limits: Mapping[str, Metric]
    consumed: Mapping[str, Metric]
    provisioned: Mapping[str, Metric]


def table_metrics(table: aws.keyspaces.Table, access: Access) -> TableMetrics:
    """The metrics of the operations that `access` allows."""
    dimensions: Mapping[str, pulumi.Input[str]] = {"Keyspace": table.keyspace_name, "TableName": table.table_name}

    def of_table(name: str, stat: str) -> Metric:
        return Metric(namespace="AWS/Cassandra", name=name, dimensions=dimensions, stat=stat)

    def of_operation(name: str, stat: str, operation: str) -> Metric:
        by_operation = {**dimensions, "Operation": operation}
        return Metric(namespace="AWS/Cassandra", name=name, dimensions=by_operation, stat=stat)

    def by_operation(name: str, stat: str = "Sum") -> dict[str, Metric]:
        return {operation: of_operation(name, stat, operation) for operation in _OPERATIONS[access]}

    capacities = {"read": "ReadCapacityUnits"} | ({"write": "WriteCapacityUnits"} if access == "write" else {})
    return TableMetrics(
        requests=by_operation("SuccessfulRequestCount", "SampleCount"),
        latencies=by_operation("SuccessfulRequestLatency", "Average"),
        throttles={
            operation: of_operation(
                "ReadThrottleEvents" if operation in _READS else "WriteThrottleEvents", "Sum", operation
            )
            for operation in _OPERATIONS[access]
        },
        system_errors=by_operation("SystemErrors"),
        user_errors=by_operation("UserErrors"),
        connection_limits=by_operation("PerConnectionRequestRateExceeded"),
        partition_limits=by_operation("StoragePartitionThroughputCapacityExceeded"),
        consumed={kind: of_table(f"Consumed{unit}", "Sum") for kind, unit in capacities.items()},
        provisioned={kind: of_table(f"Provisioned{unit}", "Average") for kind, unit in capacities.items()},
    )
