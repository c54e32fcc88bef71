"""The cost of an idle stack, resource by resource."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from costs.estimate import EACH_TIME, FREE, IDLE, estimate
from declared.errors import ProgramError
from declared.program import Program
from tests.costs.programs import (
    endpoint,
    estimate_of,
    idle,
    load_balancer,
    service,
    table,
    task_definition,
    vpc,
)
from tests.evaluation import declare, evaluate

_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_SERVICE = "aws:ecs/service:Service"
_ARM = {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}


def test_covers_every_declared_type(program: Program) -> None:
    """A new component costs money that no estimate shows."""
    ours = "keyspaces-platform:index:"
    types = {resource.type for resource in program.resources if not resource.type.startswith(ours)}
    assert types <= {*IDLE, *EACH_TIME, *FREE}


def test_refuses_a_type_it_does_not_know() -> None:
    """A resource without a price here counts as free."""
    with pytest.raises(ProgramError, match=r"the cost of store \(aws:ebs/volume:Volume\) is unknown"):
        estimate_of(lambda: aws.ebs.Volume("store", availability_zone="us-east-1a", size=100))


def test_refuses_a_preview_in_which_nothing_is_known() -> None:
    """Resources whose inputs are not known yet count as free."""
    with pytest.raises(ProgramError, match=r"the cost of .* is unknown"):
        estimate(evaluate(computed=False))


@pytest.mark.parametrize("type_", sorted({*IDLE, *EACH_TIME, *FREE}))
def test_spells_types_as_pulumi_does(type_: str) -> None:
    """A resource is refused although it has a price."""
    package, module, name = type_.split(":")
    if package == "aws":
        assert getattr(getattr(aws, module.split("/")[0]), name).pulumi_type == type_
    else:
        assert package in ("awsx", "docker", "pulumi", "pulumi-python")


def test_counts_nothing_for_free_resources() -> None:
    """The estimate shows a cost for a certificate or a security group, which are free."""

    def run() -> None:
        for type_ in FREE:
            if not type_.startswith("pulumi:providers:"):
                pulumi.CustomResource(type_, "free", {})

    estimated = estimate(declare(run, computed=False))
    assert (estimated.idle, estimated.requests, estimated.each_time) == ([], [], [])


@pytest.mark.parametrize(
    ("strategy", "count"),
    [("Single", 1), ("OnePerAz", 2), pytest.param(None, 2, id="awsx's own default")],
)
def test_counts_nat_gateways_with_their_addresses(strategy: str | None, count: int) -> None:
    """The most expensive part of the stack is missing, or its address is."""
    assert idle(lambda: vpc(strategy)) == {
        "NAT gateways": (count, "$0.045 / gateway-hour"),
        "NAT gateways: public IPv4 addresses": (count, "$0.005 / address-hour"),
    }


def test_counts_no_missing_nat_gateway() -> None:
    """The estimate shows no saving for a stack without a NAT gateway."""
    assert idle(lambda: vpc("None")) == {}


def test_counts_endpoints_by_zone_and_gateways_as_free() -> None:
    """Endpoints instead of a NAT gateway look cheaper than they are."""

    def run() -> None:
        for name in ("cassandra", "ecr.api", "ecr.dkr", "logs"):
            endpoint(name)
        endpoint("s3", kind="Gateway")

    assert idle(run) == {
        f"Endpoint for {name}, by zone": (2, "$0.01 / zone-hour")
        for name in ("cassandra", "ecr.api", "ecr.dkr", "logs")
    }


@pytest.mark.parametrize(
    ("inputs", "addresses"),
    [({}, 2), ({"internal": True}, 0), ({"ip_address_type": "dualstack-without-public-ipv4"}, 0)],
)
def test_counts_addresses_of_a_load_balancer_that_has_public_ones(inputs: dict[str, Any], addresses: int) -> None:
    """The estimate adds public addresses to an internal load balancer, which has none."""
    found = idle(lambda: load_balancer(**inputs))
    assert found.pop("Load balancer") == (1, "$0.0225 / balancer-hour")
    assert sum(count for count, _ in found.values()) == addresses


@pytest.mark.parametrize(
    ("architecture", "cpu", "memory"), [("ARM64", "$0.03238", "$0.00356"), ("X86_64", "$0.04048", "$0.004445")]
)
def test_counts_tasks_by_architecture_and_size(architecture: str, cpu: str, memory: str) -> None:
    """The estimate does not show what ARM saves."""
    assert idle(lambda: service(task_definition(architecture))) == {
        f"api: vCPU, {architecture}": (0.5, f"{cpu} / vCPU-hour"),
        f"api: memory, {architecture}": (1, f"{memory} / GB-hour"),
    }


def test_counts_storage_above_the_free_amount() -> None:
    """A task with a large disk looks as cheap as one without."""
    found = idle(lambda: service(task_definition(ephemeral_storage={"size_in_gib": 50}), tasks=3))
    assert found["api: storage"] == (90, "$0.000111 / GB-hour")


def test_counts_public_addresses_of_tasks() -> None:
    """Tasks without a NAT gateway look cheaper than they are."""
    found = idle(lambda: service(task_definition(), tasks=3, public=True))
    assert found["api: public IPv4 addresses"] == (3, "$0.005 / address-hour")


@pytest.mark.parametrize(
    ("strategies", "on_spot"),
    [
        pytest.param([("FARGATE", 1, 0)], 0, id="none"),
        pytest.param([("FARGATE_SPOT", 1, 0)], 4, id="all"),
        pytest.param([("FARGATE", 1, 0), ("FARGATE_SPOT", 3, 0)], 3, id="by weight"),
        pytest.param([("FARGATE", 1, 1), ("FARGATE_SPOT", 2, 0)], 2, id="by weight after the first"),
        pytest.param([("FARGATE", 1, 0), ("FARGATE_SPOT", 1, 2)], 3, id="Spot first"),
        pytest.param([("FARGATE", 1, 9), ("FARGATE_SPOT", 1, 0)], 0, id="more at first than there are"),
        pytest.param([("FARGATE", 0, 2), ("FARGATE_SPOT", 1, 0)], 4, id="a base without weight"),
    ],
)
@pytest.mark.parametrize("by", ["service", "cluster"])
def test_counts_tasks_on_spot_by_base_and_weight(
    strategies: list[tuple[str, int, int]], on_spot: float, by: str
) -> None:
    """Spot saves nothing in the estimate, or saves on tasks that run on demand."""
    named: Any = [{"capacity_provider": name, "weight": weight, "base": base} for name, weight, base in strategies]

    def run() -> None:
        if by == "cluster":
            aws.ecs.ClusterCapacityProviders("all", cluster_name="all", default_capacity_provider_strategies=named)
            service(task_definition(), tasks=4)
        else:
            service(task_definition(), tasks=4, capacity_provider_strategies=named)

    found = idle(run)
    assert found.get("api on Spot: vCPU, ARM64", (0,))[0] == on_spot * 0.25
    assert found.get("api: vCPU, ARM64", (0,))[0] == (4 - on_spot) * 0.25
    if on_spot:
        assert found["api on Spot: vCPU, ARM64"][1] == "$0.01619 / vCPU-hour"


def test_ignores_the_clusters_default_when_a_service_chooses_fargate() -> None:
    """A service that runs on Fargate is priced as Spot."""

    def run() -> None:
        spot: Any = {"capacity_provider": "FARGATE_SPOT", "weight": 1}
        aws.ecs.ClusterCapacityProviders("all", cluster_name="all", default_capacity_provider_strategies=[spot])
        service(task_definition(), launch_type="FARGATE")

    assert set(idle(run)) == {"api: vCPU, ARM64", "api: memory, ARM64"}


def test_counts_the_minimum_of_scaled_tasks() -> None:
    """A service that scales to one task when idle is priced by the tasks of its first deployment."""

    def run() -> None:
        scaled = service(task_definition(), tasks=6)
        target = aws.appautoscaling.Target(
            "api",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/all/", scaled.name),
            min_capacity=1,
            max_capacity=6,
        )
        aws.appautoscaling.Policy(
            "api",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
        )

    found = idle(run)
    assert found["api: vCPU, ARM64"][0] == 0.25
    assert found["Alarms of auto scaling"] == (2, "$0.1 / metric-month")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("disabled", None),
        ("enabled", (12 + 25, "$0.3 / metric-month")),
        ("enhanced", (25 + 51 + 2 * 46, "$0.07 / metric-month")),
    ],
)
def test_counts_metrics_of_container_insights(mode: str, expected: tuple[float, str] | None) -> None:
    """Container Insights looks free, although it costs more than a task."""

    def run() -> None:
        aws.ecs.Cluster("all", settings=[{"name": "containerInsights", "value": mode}])
        service(task_definition())

    assert idle(run).get("Container Insights, metrics") == expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, {}),
        (
            {
                "capacity_specification": {
                    "throughput_mode": "PROVISIONED",
                    "read_capacity_units": 20,
                    "write_capacity_units": 10,
                }
            },
            {"read capacity": (20, "$0.00013 / RCU-hour"), "write capacity": (10, "$0.00065 / WCU-hour")},
        ),
        (
            {"point_in_time_recovery": {"status": "ENABLED"}},
            {"point-in-time recovery": (0.01, "$0.2 / GB-month")},
        ),
    ],
)
def test_counts_a_tables_storage_and_provisioned_capacity(
    inputs: dict[str, Any], expected: dict[str, tuple[float, str]]
) -> None:
    """Provisioned capacity looks as cheap as on demand."""
    storage = {"Table things: storage": (0.01, "$0.25 / GB-month")}
    assert idle(lambda: table(**inputs)) == storage | {f"Table things: {what}": one for what, one in expected.items()}


def test_counts_the_minimum_of_a_tables_scaled_capacity() -> None:
    """A table that scales down is priced by its capacity at creation."""

    def run() -> None:
        capacity = {"throughput_mode": "PROVISIONED", "read_capacity_units": 100, "write_capacity_units": 10}
        table(capacity_specification=capacity)
        what: Any = {
            "service_namespace": "cassandra",
            "scalable_dimension": "cassandra:table:ReadCapacityUnits",
            "resource_id": "keyspace/shop/table/things",
        }
        aws.appautoscaling.Target("things", min_capacity=1, max_capacity=100, **what)
        aws.appautoscaling.Policy("things", policy_type="TargetTrackingScaling", **what)

    found = idle(run)
    assert (found["Table things: read capacity"][0], found["Table things: write capacity"][0]) == (1, 10)
    assert found["Alarms of auto scaling"][0] == 4


def _metric(name: str, period: int = 60) -> dict[str, Any]:
    return {"id": name, "metric": {"metric_name": name, "namespace": "AWS/ECS", "period": period, "stat": "Sum"}}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param({"metric_name": "CPUUtilization", "period": 300}, (1, "$0.1 / metric-month"), id="one"),
        pytest.param(
            {"metric_queries": [{"id": "sum", "expression": "a+b"}, _metric("a"), _metric("b")]},
            (2, "$0.1 / metric-month"),
            id="metric math",
        ),
        pytest.param(
            {"metric_queries": [{"id": "band", "expression": "ANOMALY_DETECTION_BAND(a)"}, _metric("a")]},
            (3, "$0.1 / metric-month"),
            id="anomaly detection",
        ),
        pytest.param({"metric_queries": [_metric("a", period=10)]}, (1, "$0.3 / metric-month"), id="high resolution"),
    ],
)
def test_counts_alarms_by_the_metrics_they_watch(inputs: dict[str, Any], expected: tuple[float, str]) -> None:
    """An alarm on an expression looks as cheap as one on a metric."""

    def run() -> None:
        operator = "GreaterThanThreshold"
        aws.cloudwatch.MetricAlarm("high", comparison_operator=operator, evaluation_periods=1, **inputs)

    assert idle(run) == {"Alarms, by metric": expected}


@pytest.mark.parametrize(("dashboards", "billed"), [(0, 0), (3, 0), (5, 2)])
def test_counts_dashboards_after_the_free_ones(dashboards: int, billed: int) -> None:
    """The estimate charges the first dashboard, leaves out the fourth, or lists an item that costs nothing."""

    def run() -> None:
        for index in range(dashboards):
            aws.cloudwatch.Dashboard(f"all-{index}", dashboard_name=f"all-{index}", dashboard_body="{}")

    expected = {"Dashboards after the first 3": (billed, "$3 / dashboard-month")}
    assert idle(run) == (expected if billed else {})


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        pytest.param(lambda: load_balancer(load_balancer_type="network"), "only application", id="balancer"),
        pytest.param(
            lambda: service(task_definition(), capacity_provider_strategies=[{"capacity_provider": "mine"}]),
            "capacity provider 'mine'",
            id="capacity provider",
        ),
        pytest.param(lambda: service(task_definition(), launch_type="EC2"), "only FARGATE", id="launch type"),
        pytest.param(lambda: service(task_definition("RISC_V")), "on RISC_V", id="architecture"),
        pytest.param(
            lambda: aws.ecs.Service("api", task_definition="arn:elsewhere"), "not declared here", id="task definition"
        ),
        pytest.param(
            lambda: aws.keyspaces.Keyspace(
                "shop", name="shop", replication_specification={"replication_strategy": "MULTI_REGION"}
            ),
            "several regions",
            id="keyspace",
        ),
    ],
)
def test_refuses_inputs_without_a_price(declared: Any, why: str) -> None:
    """A resource is priced as a cheaper kind of resource."""
    with pytest.raises(ProgramError, match=why):
        estimate_of(declared)


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("rate(1 day)", 730 / 24),
        ("rate(15 minutes)", 730 * 4),
        ("cron(0 3 * * ? *)", 730 / 24),
        ("cron(0,30 8-17 ? * MON-FRI *)", 730 / 24 * 5 / 7 * 10 * 2),
        ("cron(0/15 * * * ? *)", 730 * 4),
        ("cron(0 0 L 1,JUL ? *)", 730 / 24 / 31 * 2 / 12),
    ],
)
def test_prices_the_runs_of_a_schedule(expression: str, runs: float) -> None:
    """A task that runs each minute looks as cheap as one that runs each night."""

    def run() -> None:
        target: Any = {
            "arn": "cluster",
            "role_arn": "role",
            "ecs_parameters": {"task_definition_arn": task_definition().arn},
        }
        aws.scheduler.Schedule(
            "report", schedule_expression=expression, flexible_time_window={"mode": "OFF"}, target=target
        )

    (cpu,) = (count for what, (count, _) in idle(run).items() if what.endswith("vCPU, ARM64"))
    assert cpu == pytest.approx(runs / 4)


def test_refuses_a_schedule_it_cannot_price() -> None:
    """A schedule with another target than an ECS task counts as free."""

    def run() -> None:
        target: Any = {"arn": "function", "role_arn": "role"}
        aws.scheduler.Schedule(
            "report", schedule_expression="rate(1 day)", flexible_time_window={"mode": "OFF"}, target=target
        )

    with pytest.raises(ProgramError, match="its target is not an ECS task"):
        estimate_of(run)
