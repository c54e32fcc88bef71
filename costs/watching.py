"""The cost of CloudWatch: alarms, dashboards, metrics and log lines."""

import json
from collections.abc import Iterator

from costs.assumptions import Assumptions
from costs.containers import SERVICE, definition_of, idle_tasks
from costs.items import Item, number
from costs.network import BALANCER, egress, zones_of
from costs.prices import (
    ALARM_METRIC,
    COMPOSITE_ALARM,
    CUSTOM_METRIC,
    DASHBOARD,
    DAYS,
    FAST_ALARM_METRIC,
    FREE_DASHBOARDS,
    HOURS,
    LOG_LINES,
    LOG_STORAGE,
)
from declared.program import Program, Resource

DASHBOARDS = "aws:cloudwatch/dashboard:Dashboard"
_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_TARGETS = "aws:lb/targetGroup:TargetGroup"
_MINUTE = 60
_CHECK_SECONDS = 30  # default of a target group's seconds between health checks (Elastic Load Balancing API)


def alarm_items(alarm: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """An alarm with metric math is billed for each of its metrics; anomaly detection adds the two metrics of its band.

    Source: CloudWatch user guide, "Optimizing and reducing costs of CloudWatch alarms". A Metrics Insights query is
    billed for every metric that it finds. Their number is not known before, so the query counts as one metric.
    """
    queries = alarm.inputs.get("metricQueries") or ()
    metrics = [query["metric"] for query in queries if query.get("metric")]
    bands = [query for query in queries if "ANOMALY_DETECTION_BAND" in str(query.get("expression"))]
    periods = [number(alarm, "period", each, _MINUTE) for each in (alarm.inputs, *metrics)]
    price = FAST_ALARM_METRIC if min(periods) < _MINUTE else ALARM_METRIC
    yield Item(what="Alarms, by metric", count=max(1, len(metrics)) + 2 * len(bands), price=price)


def composite_items(alarm: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    yield Item(what="Composite alarms", count=1, price=COMPOSITE_ALARM)


def filter_items(metric_filter: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The filter is free, but its metric is billed. With dimensions there may be several; their number is unknown."""
    yield Item(what="Metrics from log lines", count=1, price=CUSTOM_METRIC)


def dashboard_items(program: Program) -> Iterator[Item]:
    billed = max(0, len(list(program.of_type(DASHBOARDS))) - FREE_DASHBOARDS)
    yield Item(what=f"Dashboards after the first {FREE_DASHBOARDS}", count=billed, price=DASHBOARD)


def log_items(what: str, gigabytes: float, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """Ingestion, storage for the longest retention of all log groups, and the traffic to CloudWatch Logs."""
    yield Item(what=f"{what}: ingestion", count=gigabytes, price=LOG_LINES)
    days = [number(group, "retentionInDays", group.inputs, 0) for group in program.of_type(_GROUP)]
    kept = max((each or assumptions.forever_days for each in days), default=assumptions.forever_days)
    stored = gigabytes * assumptions.log_compression * kept / DAYS
    yield Item(what=f"{what}: storage for {kept:.0f} days", count=stored, price=LOG_STORAGE)
    passed = egress(program, "logs")
    if passed is not None:
        yield Item(what=f"{what}: by {passed[0]}", count=gigabytes, price=passed[1])


def health_check_items(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """Log lines of health checks: every node of a load balancer checks every task, and a task may log each check."""
    groups = {group.outputs.get("arn"): group for group in program.of_type(_TARGETS)}
    nodes = sum(zones_of(balancer) for balancer in program.of_type(BALANCER))
    lines = 0.0
    for service in program.of_type(SERVICE):
        for attached in service.inputs.get("loadBalancers") or ():
            group = groups.get(attached.get("targetGroupArn"))
            if group is not None:
                check = group.inputs.get("healthCheck") or {}
                seconds = number(group, "interval", check, _CHECK_SECONDS)
                lines += HOURS * 3600 / seconds * nodes * idle_tasks(service, program)
    if lines and assumptions.health_check_log_bytes:
        size = assumptions.gigabytes(assumptions.health_check_log_bytes + assumptions.log_event_bytes, lines)
        yield from log_items("Log lines of health checks", size, program, assumptions)


def own_metric_items(program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """Custom metrics of a service's log lines (CloudWatch's embedded metric format), if METRICS_NAMESPACE is set.

    Their number is assumed: the program does not declare the values of their dimensions.
    """
    for service in sorted(program.of_type(SERVICE), key=lambda service: service.name):
        definition = definition_of(service, "taskDefinition", program)
        variables = {
            variable["name"]: variable["value"]
            for container in json.loads(definition.inputs["containerDefinitions"])
            for variable in container.get("environment") or ()
        }
        if variables.get("METRICS_NAMESPACE"):
            yield Item(what=f"{service.name}: custom metrics", count=assumptions.own_metrics, price=CUSTOM_METRIC)
