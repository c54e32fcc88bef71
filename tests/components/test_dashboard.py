"""The dashboard of a microservice, checked against the rules of a CloudWatch dashboard's body.

Source of the rules: CloudWatch user guide, "Dashboard Body Structure and Syntax".
"""

import inspect
import json
import re
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.iam import Access
from components.monitoring.dashboard import ServiceView, create_dashboard
from declared.program import Program, Resource
from tests.evaluation import declare, one

REGION = "eu-west-1"
_TYPE = "aws:cloudwatch/dashboard:Dashboard"
_FUNCTIONS = {"PERIOD"}
_STATISTICS = {"SampleCount", "Average", "Sum", "Minimum", "Maximum", "p50", "p90", "p99"}
_RENDERING = {"stat", "label", "id", "visible", "expression", "yAxis", "period", "color"}
_DIMENSIONS = {
    "AWS/ApplicationELB": [{"LoadBalancer"}, {"LoadBalancer", "TargetGroup"}],
    "AWS/ECS": [{"ClusterName", "ServiceName"}],
    "ECS/ContainerInsights": [{"ClusterName", "ServiceName"}],
    "AWS/Cassandra": [{"Keyspace", "TableName"}, {"Keyspace", "TableName", "Operation"}],
}


def shown(
    *,
    name: str = "api",
    access: Access = "read",
    service: bool = True,
    container_insights: bool = False,
    alarms: int = 0,
    computed: bool = True,
) -> Program:
    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        opts = pulumi.ResourceOptions(parent=parent)
        cluster = aws.ecs.Cluster("main", opts=opts)
        view = ServiceView(
            load_balancer_arn_suffix=aws.lb.LoadBalancer("web", opts=opts).arn_suffix,
            target_groups=[aws.lb.TargetGroup("api", opts=opts)],
            cluster_name=cluster.name,
            service_name=aws.ecs.Service("api", cluster=cluster.arn, opts=opts).name,
            container_insights=container_insights,
        )
        rows = aws.keyspaces.Table(
            "rows",
            keyspace_name="store",
            table_name="rows",
            schema_definition={"columns": [], "partition_keys": []},
            opts=opts,
        )
        create_dashboard(
            name,
            region=pulumi.Output.from_input(REGION),
            log_group=aws.cloudwatch.LogGroup("api", opts=opts),
            tables={"rows": (rows, access)},
            service=view if service else None,
            alarms=[
                aws.cloudwatch.MetricAlarm(f"alarm-{n}", comparison_operator="GreaterThanThreshold", opts=opts)
                for n in range(alarms)
            ],
            parent=parent,
        )

    return declare(run, computed=computed)


def body(program: Program, name: str = "api") -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(one(program, _TYPE, name).inputs["dashboardBody"])
    return parsed


def widgets(program: Program, type_: str) -> dict[str, dict[str, Any]]:
    """The properties of the widgets of one type, by title."""
    found = [widget["properties"] for widget in body(program)["widgets"] if widget["type"] == type_]
    return {properties["title"]: properties for properties in found}


def series(graph: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Metric, operation or none, and statistic of each line that shows a metric."""
    lines = [line for line in graph["metrics"] if len(line) > 1]
    return [
        (line[1], dict(zip(line[2:-1:2], line[3:-1:2], strict=True)).get("Operation", ""), line[-1]["stat"])
        for line in lines
    ]


EVERY = [
    {"access": access, "service": service, "container_insights": insights, "alarms": alarms}
    for access in ("read", "write")
    for service, insights in ((True, False), (True, True), (False, False))
    for alarms in (0, 10)
]


@pytest.mark.parametrize("options", EVERY)
def test_places_widgets_on_the_grid_without_overlap(options: dict[str, Any]) -> None:
    """CloudWatch refuses the dashboard, or shows one graph on top of another."""
    taken: set[tuple[int, int]] = set()
    placed = body(shown(**options))["widgets"]
    assert 0 < len(placed) <= 500
    for widget in placed:
        assert widget.keys() == {"type", "x", "y", "width", "height", "properties"}
        assert widget["x"] >= 0 and widget["y"] >= 0
        assert 1 <= widget["width"] <= 24 - widget["x"]
        assert 1 <= widget["height"] <= 1000
        cells = {
            (widget["x"] + column, widget["y"] + row)
            for column in range(widget["width"])
            for row in range(widget["height"])
        }
        assert not cells & taken
        taken |= cells
    assert len(taken) == 24 * (1 + max(row for _, row in taken))  # The grid has no holes either.


@pytest.mark.parametrize("options", EVERY)
def test_writes_each_metric_in_the_dashboards_format(options: dict[str, Any]) -> None:
    """CloudWatch refuses the dashboard, or a graph stays empty."""
    graphs = widgets(shown(**options), "metric").values()
    assert graphs
    for graph in graphs:
        assert graph["region"] == REGION
        assert 1 <= len(graph["metrics"]) <= 500
        assert graph["period"] % 60 == 0
        for *metric, rendering in graph["metrics"]:
            assert rendering.keys() <= _RENDERING
            assert rendering["label"]
            if "expression" in rendering:
                assert metric == []
                continue
            namespace, name, *dimensions = metric
            assert re.fullmatch(r"[A-Za-z0-9_]+", name)
            assert set(dimensions[::2]) in _DIMENSIONS[namespace]
            assert all(isinstance(value, str) and value for value in dimensions[1::2])
            assert len(dimensions) % 2 == 0
            assert rendering["stat"] in _STATISTICS


@pytest.mark.parametrize("options", EVERY)
def test_refers_in_expressions_to_metrics_of_the_same_graph(options: dict[str, Any]) -> None:
    """CloudWatch does not draw the line."""
    for graph in widgets(shown(**options), "metric").values():
        ids = [line[-1]["id"] for line in graph["metrics"] if "id" in line[-1]]
        assert len(ids) == len(set(ids))
        assert all(id_[0].islower() for id_ in ids)
        for line in graph["metrics"]:
            used = set(re.findall(r"[A-Za-z_]\w*", line[-1].get("expression", "")))
            assert used <= {*ids, *_FUNCTIONS}
            # A hidden metric is there for an expression.
            assert line[-1].get("visible", True) or any(
                line[-1]["id"] in other[-1].get("expression", "") for other in graph["metrics"]
            )


@pytest.mark.parametrize("options", EVERY)
def test_resolves_every_reference(options: dict[str, Any]) -> None:
    """A graph refers to a resource that does not exist."""
    text = one(shown(**options), _TYPE, "api").inputs["dashboardBody"]
    assert not re.search(r"Output|Unknown|null|None|object at|\{\d\}|<", text)


def test_shows_the_load_balancers_metrics_of_a_service() -> None:
    """The owner cannot tell a fault of the program from one of the load balancer."""
    graphs = widgets(shown(), "metric")
    assert series(graphs["Requests"]) == [
        ("RequestCount", "", "Sum"),
        ("HTTPCode_Target_4XX_Count", "", "Sum"),
        ("HTTPCode_Target_5XX_Count", "", "Sum"),
        ("TargetConnectionErrorCount", "", "Sum"),
        ("HTTPCode_ELB_5XX_Count", "", "Sum"),
    ]
    assert [stat for _, _, stat in series(graphs["Latency (s)"])] == ["p50", "p90", "p99"]
    hosts = series(graphs["Tasks as the load balancer sees them"])
    assert [name for name, _, _ in hosts] == ["HealthyHostCount", "UnHealthyHostCount"]


@pytest.mark.parametrize(
    ("container_insights", "counts"), [(False, None), (True, ["DesiredTaskCount", "RunningTaskCount"])]
)
def test_shows_tasks_as_the_cluster_reports_them(container_insights: bool, counts: list[str] | None) -> None:
    """The graph of the tasks is empty, since AWS reports no metric of tasks without Container Insights."""
    graphs = widgets(shown(container_insights=container_insights), "metric")
    assert (counts and [name for name, _, _ in series(graphs["Tasks"])]) == counts
    assert ("Tasks" in graphs) is container_insights
    assert {name for name, _, _ in series(graphs["CPU (%)"])} == {"CPUUtilization"}
    assert {name for name, _, _ in series(graphs["Memory (%)"])} == {"MemoryUtilization"}


@pytest.mark.parametrize(
    ("access", "operations"), [("read", ["SELECT"]), ("write", ["SELECT", "INSERT", "UPDATE", "DELETE"])]
)
def test_shows_each_operation_of_the_access_on_the_table(access: Access, operations: list[str]) -> None:
    """A loader's throttled writes are not on its dashboard."""
    graphs = widgets(shown(access=access), "metric")

    def expected(name: str, stat: str = "Sum") -> list[tuple[str, str, str]]:
        return [(name, operation, stat) for operation in operations]

    # SampleCount is the only meaningful statistic of SuccessfulRequestCount.
    requests = expected("SuccessfulRequestCount", "SampleCount")
    assert series(graphs["Table rows: successful requests"]) == requests
    assert series(graphs["Table rows: latency inside Keyspaces (ms)"]) == expected(
        "SuccessfulRequestLatency", "Average"
    )
    assert [operation for _, operation, _ in series(graphs["Table rows: throttled requests"])] == operations
    assert series(graphs["Table rows: errors"]) == expected("SystemErrors") + expected("UserErrors")
    assert series(graphs["Table rows: limits exceeded"]) == (
        expected("PerConnectionRequestRateExceeded") + expected("StoragePartitionThroughputCapacityExceeded")
    )


@pytest.mark.parametrize(("access", "kinds"), [("read", ["read"]), ("write", ["read", "write"])])
def test_compares_capacity_consumed_with_capacity_provisioned(access: Access, kinds: list[str]) -> None:
    """The owner compares wrong figures: consumed capacity is a total over the period, and provisioned capacity is a
    rate.
    """
    graph = widgets(shown(access=access), "metric")["Table rows: capacity units a second"]
    assert series(graph) == [
        line
        for kind in kinds
        for line in (
            (f"Consumed{kind.title()}CapacityUnits", "", "Sum"),
            (f"Provisioned{kind.title()}CapacityUnits", "", "Average"),
        )
    ]
    expressions = [line[-1]["expression"] for line in graph["metrics"] if "expression" in line[-1]]
    assert expressions == [f"{kind} / PERIOD({kind})" for kind in kinds]


def test_shows_table_and_log_only_of_a_task_that_runs_once() -> None:
    """Half of the dashboard of a one-off task is empty."""
    program = shown(service=False, access="write")
    assert all(title.startswith("Table rows: ") for title in widgets(program, "metric"))
    assert len(widgets(program, "metric")) == 6
    assert list(widgets(program, "log")) == ["Last error lines"]


def test_queries_the_microservices_own_log_for_its_last_errors() -> None:
    """The owner has to search for the last errors, which are the first thing to look at in a fault."""
    log = widgets(shown(), "log")["Last error lines"]
    assert log["region"] == REGION
    assert log["query"].startswith("SOURCE 'api' | fields @timestamp, @message, @logStream\n| filter @message like /")
    assert log["query"].endswith("\n| sort @timestamp desc\n| limit 50")
    pattern = re.search(r"like /\(\?i\)(.+)/\n", log["query"])
    assert pattern
    for line in ("ERROR:    Exception in ASGI application", "Traceback (most recent call last):", '{"level": "error"}'):
        assert re.search(pattern[1], line, re.IGNORECASE)
    assert not re.search(pattern[1], 'INFO: 10.0.0.1:80 - "GET /countries HTTP/1.1" 200 OK', re.IGNORECASE)


def test_shows_the_state_of_alarms_only_with_alarms() -> None:
    """CloudWatch refuses a dashboard that has an alarm widget without alarms."""
    assert widgets(shown(), "alarm") == {}
    (alarms,) = widgets(shown(alarms=2), "alarm").values()
    assert alarms["alarms"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:alarm-{n}" for n in range(2)]
    assert "region" not in alarms


@pytest.mark.parametrize("name", ["api", "api.v2/eu"])
def test_names_the_dashboard_by_microservice_and_stack(name: str) -> None:
    """Two stacks overwrite each other's dashboard, or CloudWatch refuses the name."""
    dashboard: Resource = one(shown(name=name), _TYPE, name)
    assert dashboard.inputs["dashboardName"] == f"{re.sub('[./]', '-', name)}-dev"
    assert dashboard.delete_before_replace


def test_leaves_out_tags_that_the_provider_does_not_take() -> None:
    """The dashboards stay untagged after the provider begins to support tags."""
    assert "tags" not in inspect.signature(aws.cloudwatch.Dashboard._internal_init).parameters


def test_declares_the_same_dashboard_in_a_preview_where_nothing_is_known() -> None:
    """The first preview of a new stack fails, or shows less than `pulumi up` creates."""
    preview, known = shown(alarms=1, computed=False), shown(alarms=1)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in known.resources}
    assert one(preview, _TYPE, "api").inputs["dashboardName"] == "api-dev"
