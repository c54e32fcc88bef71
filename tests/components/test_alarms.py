"""Alarms as CloudWatch gets them: their metrics, their thresholds and their notifications."""

import math
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from components.arguments import InvalidArguments
from components.iam import Access
from components.monitoring.alarms import Alarms
from components.monitoring.service_alarms import create_task_alarm, create_traffic_alarms, deployment_alarms
from components.monitoring.table_alarms import create_table_alarms
from declared.program import Program, Resource
from tests.evaluation import declare, dependencies, one

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
TARGET = {"LoadBalancer": "app/web/50dc6c495c0c9188", "TargetGroup": "targetgroup/api/0123456789abcdef"}
SERVICE = {"ClusterName": "main", "ServiceName": "api"}
WRITES = ("INSERT", "UPDATE", "DELETE")
TRAFFIC = ("api-errors", "api-latency", "api-unhealthy")


def alarmed(
    *,
    access: Access = "read",
    min_tasks: int = 2,
    container_insights: bool = False,
    computed: bool = True,
    **options: Any,
) -> Program:
    """A service with all its alarms. options: the arguments of `Alarms`; the topic is created in the same program."""

    def run() -> None:
        watched = Alarms(topic_arn=pulumi.Output.from_input(TOPIC), **options)
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        opts = pulumi.ResourceOptions(parent=parent)
        common: Any = {"tags": {"Project": "p"}, "parent": parent}
        served_by: Any = {
            "load_balancer_arn_suffix": aws.lb.LoadBalancer("web", opts=opts).arn_suffix,
            "target_groups": [aws.lb.TargetGroup("api", opts=opts)],
        }
        traffic = create_traffic_alarms(
            "api",
            watched,
            **served_by,
            **common,
        )
        cluster = aws.ecs.Cluster("main", opts=opts)
        service = aws.ecs.Service("api", cluster=cluster.arn, alarms=deployment_alarms(watched, traffic), opts=opts)
        create_task_alarm(
            "api",
            watched,
            **served_by,
            cluster_name=cluster.name,
            service_name=service.name,
            min_tasks=min_tasks,
            container_insights=container_insights,
            **common,
        )
        table = aws.keyspaces.Table(
            "rows",
            keyspace_name="store",
            table_name="rows",
            schema_definition={"columns": [], "partition_keys": []},
            opts=opts,
        )
        create_table_alarms("api", watched, of="api", table=table, access=access, **common)

    return declare(run, computed=computed)


@pytest.fixture(scope="module")
def program() -> Program:
    return alarmed()


def alarm(program: Program, name: str) -> Mapping[str, Any]:
    return one(program, "aws:cloudwatch/metricAlarm:MetricAlarm", name).inputs


def alarms_of(program: Program) -> list[Resource]:
    return list(program.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"))


def operands(inputs: Mapping[str, Any]) -> dict[str, tuple[str, str, str, dict[str, str]]]:
    """The metrics in an alarm's math, by their IDs: namespace, name, statistic and dimensions."""
    return {
        query["id"]: (metric["namespace"], metric["metricName"], metric["stat"], metric["dimensions"])
        for query in inputs["metricQueries"]
        if (metric := query.get("metric"))
    }


def metrics_billed(program: Program) -> int:
    return sum(len(operands(a.inputs)) if "metricQueries" in a.inputs else 1 for a in alarms_of(program))


def result(inputs: Mapping[str, Any], **values: float | None) -> float:
    """One minute's value of an alarm's math. None: the metric has no data in this minute."""

    class Count(float):
        def __rtruediv__(self, dividend: float) -> float:
            return dividend / float(self) if self else math.nan  # CloudWatch drops such a value.

    functions = {
        "FILL": lambda value, other: other if value is None else value,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
    }
    (query,) = (query for query in inputs["metricQueries"] if query.get("returnData"))
    assert operands(inputs).keys() == values.keys()
    counts = {id_: None if value is None else Count(value) for id_, value in values.items()}
    return float(eval(query["expression"], {"__builtins__": {}}, {**functions, **counts}))


def fires(inputs: Mapping[str, Any], minutes: list[float]) -> bool:
    assert inputs["comparisonOperator"] == "GreaterThanThreshold"
    recent = minutes[-int(inputs["evaluationPeriods"]) :]
    bad = [value for value in recent if value > inputs["threshold"]]
    return len(bad) >= int(inputs["datapointsToAlarm"])


def test_counts_failed_requests_of_this_service_only(program: Program) -> None:
    """A fault of one service alarms another service's owner, or rolls the other service's deployment back."""
    namespace = "AWS/ApplicationELB"
    assert operands(alarm(program, "api-errors")) == {
        "requests": (namespace, "RequestCount", "Sum", TARGET),
        "errors": (namespace, "HTTPCode_Target_5XX_Count", "Sum", TARGET),
        "unreached": (namespace, "TargetConnectionErrorCount", "Sum", TARGET),
    }


@pytest.mark.parametrize(
    ("requests", "errors", "unreached", "percent"),
    [
        (1000, 20, None, 2),
        (1000, None, 5, 0.5),
        (200, 1, 1, 1),
        (500, None, None, 0),
        (0, None, None, 0),
        (1, 1, 0, 100),
    ],
)
def test_computes_the_percentage_of_failed_requests(
    program: Program, requests: float, errors: float | None, unreached: float | None, percent: float
) -> None:
    """The alarm fires without a fault, or stays silent during one: without a failed request, error counts have
    no data.
    """
    inputs = alarm(program, "api-errors")
    assert result(inputs, requests=requests, errors=errors, unreached=unreached) == percent


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [([0, 0, 100, 0, 0], False), ([100, 0, 0, 100, 0], False), ([2, 0, 2, 0, 2], True), ([1, 1, 1, 1, 1], False)],
)
def test_fires_after_three_bad_minutes_of_five(program: Program, minutes: list[float], expected: bool) -> None:
    """One failed request at night wakes the operator, or a lasting fault wakes nobody."""
    assert fires(alarm(program, "api-errors"), minutes) is expected


def test_watches_the_slowest_of_a_hundred_requests_at_any_rate(program: Program) -> None:
    """A slow service with fewer than 1,000 requests a minute raises no alarm."""
    inputs = alarm(program, "api-latency")
    assert (inputs["namespace"], inputs["metricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")
    assert (inputs["extendedStatistic"], inputs["evaluateLowSampleCountPercentiles"]) == ("p99", "evaluate")
    assert "statistic" not in inputs
    assert inputs["dimensions"] == TARGET


def test_watches_targets_every_node_finds_unhealthy(program: Program) -> None:
    """A new node of the load balancer, which has not checked the tasks yet, raises a false alarm."""
    inputs = alarm(program, "api-unhealthy")
    assert (inputs["metricName"], inputs["statistic"], inputs["threshold"]) == ("UnHealthyHostCount", "Minimum", 0)
    assert inputs["dimensions"] == TARGET


def test_fires_when_fewer_tasks_are_healthy_than_should(program: Program) -> None:
    """A service runs on one task, or none, without an alarm; or a metric that AWS does not report raises an alarm for
    ever.
    """
    inputs = alarm(program, "api-tasks")
    metric = (inputs["namespace"], inputs["metricName"], inputs["statistic"])
    assert metric == ("AWS/ApplicationELB", "HealthyHostCount", "Minimum")
    assert inputs["dimensions"] == TARGET
    assert (inputs["comparisonOperator"], inputs["threshold"]) == ("LessThanThreshold", 2)


def test_compares_tasks_with_the_desired_count_under_container_insights() -> None:
    """After scaling out, a service runs with too few tasks and raises no alarm."""
    inputs = alarm(alarmed(container_insights=True), "api-tasks")
    assert operands(inputs) == {
        "desired": ("ECS/ContainerInsights", "DesiredTaskCount", "Average", SERVICE),
        "running": ("ECS/ContainerInsights", "RunningTaskCount", "Average", SERVICE),
    }
    assert [fires(inputs, [result(inputs, desired=3, running=n)] * 5) for n in (2, 3, 6)] == [True, False, False]


@pytest.mark.parametrize("container_insights", [True, False])
def test_allows_time_to_replace_a_task_and_to_start_the_first(container_insights: bool) -> None:
    """Each crash after which ECS replaces the task raises an alarm, and so does each new stack."""
    inputs = alarm(alarmed(container_insights=container_insights), "api-tasks")
    assert inputs["datapointsToAlarm"] == inputs["evaluationPeriods"] == 5
    assert inputs["warmUpConfiguration"] == {"warmUpPeriodDurationInMinutes": 15}


def test_watches_no_tasks_of_a_service_that_may_have_none() -> None:
    """A service that is scaled to no task is in alarm for ever."""
    names = {resource.name for resource in alarms_of(alarmed(min_tasks=0))}
    assert names == {*TRAFFIC, "api-throttles", "api-system-errors", "api-user-errors"}


@pytest.mark.parametrize("kind", ["throttles", "system-errors", "user-errors"])
@pytest.mark.parametrize("access", ["read", "write"])
def test_watches_the_operations_of_the_access_with_all_three_dimensions(access: Access, kind: str) -> None:
    """The alarm never fires: Keyspaces reports no data with fewer dimensions."""
    inputs = alarm(alarmed(access=access), f"api-{kind}")
    names = {"system-errors": "SystemErrors", "user-errors": "UserErrors"}
    expected = {
        operation: names.get(kind, "ReadThrottleEvents" if operation == "SELECT" else "WriteThrottleEvents")
        for operation in ("SELECT", *(WRITES if access == "write" else ()))
    }
    assert set(operands(inputs)) == {f"{operation.lower()}s" for operation in expected}
    for operation, name in expected.items():
        dimensions = {"Keyspace": "store", "TableName": "rows", "Operation": operation}
        assert operands(inputs)[f"{operation.lower()}s"] == ("AWS/Cassandra", name, "Sum", dimensions)


@pytest.mark.parametrize(
    ("selects", "inserts", "deletes", "total"), [(None, None, None, 0), (2, None, None, 2), (None, 3, 4, 7)]
)
def test_sums_over_operations_of_which_most_never_happen(
    selects: float | None, inserts: float | None, deletes: float | None, total: float
) -> None:
    """An alarm of a program that never deletes has no data at all."""
    inputs = alarm(alarmed(access="write"), "api-throttles")
    assert result(inputs, selects=selects, inserts=inserts, updates=None, deletes=deletes) == total


def test_uses_the_set_thresholds() -> None:
    """An owner cannot set thresholds that fit a service that is always slow."""
    settings: dict[str, Any] = {
        "error_percent": 5.0,
        "p99_seconds": 0.2,
        "throttles": 10,
        "system_errors": 1,
        "user_errors": 7,
    }
    program = alarmed(**settings)
    names = ("errors", "latency", "throttles", "system-errors", "user-errors")
    assert [alarm(program, f"api-{name}")["threshold"] for name in names] == list(settings.values())


@pytest.mark.parametrize("container_insights", [True, False])
def test_treats_missing_data_as_an_alarm_only_for_tasks(container_insights: bool) -> None:
    """A quiet night raises an alarm, or a service without a running task, which reports no data, raises none."""
    missing = {a.name: a.inputs["treatMissingData"] for a in alarms_of(alarmed(container_insights=container_insights))}
    assert missing.pop("api-tasks") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_notifies_the_topic_of_each_alarm_and_of_its_end(program: Program) -> None:
    """The operator is not told that an alarm began, or not told that it ended."""
    assert len(alarms_of(program)) == 7
    for resource in alarms_of(program):
        assert resource.inputs["alarmActions"] == resource.inputs["okActions"] == [TOPIC]
        assert resource.inputs["tags"] == {"Project": "p"}
        assert "Look first at" in resource.inputs["alarmDescription"]
        assert "name" not in resource.inputs  # A fixed name would collide when the alarm is replaced.


@pytest.mark.parametrize(
    ("access", "container_insights", "metrics"), [("read", False, 9), ("read", True, 10), ("write", False, 18)]
)
def test_reads_as_many_metrics_as_documented(access: Access, container_insights: bool, metrics: int) -> None:
    """The bill is higher than the documented cost: CloudWatch bills each metric that an alarm reads."""
    assert metrics_billed(alarmed(access=access, container_insights=container_insights)) == metrics
    assert Alarms.__doc__ and "6 for a service" in Alarms.__doc__
    assert "3 for each table that it reads or 12 for each that it writes" in Alarms.__doc__


@pytest.mark.parametrize("container_insights", [True, False])
def test_declares_alarms_of_the_form_cloudwatch_takes(container_insights: bool) -> None:
    """PutMetricAlarm refuses an alarm in the middle of an update."""
    shape = Session().get_service_model("cloudwatch").operation_model("PutMetricAlarm").input_shape
    assert shape is not None
    for resource in alarms_of(alarmed(access="write", container_insights=container_insights)):
        inputs = resource.inputs
        request = {
            "AlarmName": resource.name,
            "AlarmDescription": inputs["alarmDescription"],
            "EvaluationPeriods": int(inputs["evaluationPeriods"]),
            "DatapointsToAlarm": int(inputs["datapointsToAlarm"]),
            "Threshold": inputs["threshold"],
            "ComparisonOperator": inputs["comparisonOperator"],
            "TreatMissingData": inputs["treatMissingData"],
        }
        validate_parameters(request, shape)
        assert len(inputs["alarmDescription"]) <= 1024
        assert ("metricName" in inputs) is not ("metricQueries" in inputs)
        queries = inputs.get("metricQueries", [])
        assert sum(bool(query.get("returnData")) for query in queries) == (1 if queries else 0)
        assert all(("metric" in query) is not ("expression" in query) for query in queries)
        assert all(query["id"][0].islower() for query in queries)
        assert {query["metric"]["period"] for query in queries if "metric" in query} <= {60}
        assert inputs.get("period", 60) == 60


def test_rolls_a_deployment_back_when_its_traffic_is_in_alarm() -> None:
    """ECS keeps a deployment whose tasks start but fail their requests."""
    service = one(alarmed(rollback=True), "aws:ecs/service:Service", "api").inputs
    assert service["alarms"] == {"alarmNames": list(TRAFFIC), "enable": True, "rollback": True}


def test_rolls_nothing_back_unless_asked_to(program: Program) -> None:
    """An alarm that should only notify the operator rolls a deployment back."""
    assert "alarms" not in one(program, "aws:ecs/service:Service", "api").inputs


def test_creates_the_alarms_of_the_traffic_before_the_service() -> None:
    """ECS watches alarms that do not exist, or a dependency cycle prevents both from being created."""
    program = alarmed(rollback=True)
    service = one(program, "aws:ecs/service:Service", "api")
    assert {f"MetricAlarm {name}" for name in TRAFFIC} <= dependencies(program, service)
    for name in TRAFFIC:
        needed = dependencies(program, one(program, "aws:cloudwatch/metricAlarm:MetricAlarm", name))
        assert needed == {"LoadBalancer web", "TargetGroup api"}


@pytest.mark.parametrize("container_insights", [True, False])
def test_declares_the_same_alarms_in_a_preview_where_nothing_is_known(container_insights: bool) -> None:
    """The first preview of a new stack fails, or shows less than `pulumi up` creates."""
    known = alarmed(container_insights=container_insights)
    preview = alarmed(container_insights=container_insights, computed=False)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in known.resources}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topic_arn": "on-call"}, "topic_arn is 'on-call'; give an ARN such as arn:aws:sns"),
        ({"topic_arn": "arn:aws:sqs:eu-west-1:123456789012:on-call"}, "topic_arn is"),
        ({"topic_arn": f"{TOPIC}:6b0e71bd-7e97-4d97-80ce-4a0994e55286"}, "topic_arn is"),  # The ARN of a subscription.
        ({"error_percent": 100}, "error_percent is 100; use 0 to 99"),
        ({"error_percent": -1}, "error_percent is -1"),
        ({"p99_seconds": 0}, "p99_seconds is 0; use 0.001 to 4000 seconds"),
        ({"throttles": -1}, "throttles is -1; use 0 or more"),
        ({"system_errors": -1}, "system_errors is -1"),
        ({"user_errors": -1}, "user_errors is -1"),
    ],
)
def test_refuses_alarms_that_could_not_be_heard_or_never_end(options: dict[str, Any], message: str) -> None:
    """The update fails at the first alarm, or the alarm never gives a correct signal."""
    with pytest.raises(InvalidArguments) as refused:
        Alarms(**{"topic_arn": TOPIC, **options})
    assert message in str(refused.value)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_accepts_topics_of_every_partition(partition: str) -> None:
    """A team in GovCloud or China cannot have alarms."""
    Alarms(topic_arn=f"arn:{partition}:sns:eu-west-1:123456789012:On_call-1")
