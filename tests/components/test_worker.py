"""A service without load balancer: its resources, and refused arguments."""

from typing import Any

import pytest

from components import Alarms, Environment, KeyspacesMicroservice, NewCluster, Scaling, Spot, Table, Worker, read
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.everything import TOPIC_ARN
from tests.evaluation import container, declare, one

_OF_LOAD_BALANCERS = ("aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule")


def _declare(worker: Worker, *, computed: bool = True, cluster: NewCluster | None = None, **more: Any) -> Program:
    made: list[KeyspacesMicroservice] = []

    def run() -> None:
        made.append(
            KeyspacesMicroservice(
                "mailer",
                environment=Environment("shop", keyspace="shop", cluster=cluster),
                tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
                dockerfile="app/countries.Dockerfile",
                command=["work"],
                run=worker,
                **more,
            )
        )
        with pytest.raises(AttributeError, match="mailer is a worker; it has no url"):
            _ = made[0].url

    return declare(run, computed=computed)


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_runs_as_a_service_that_nobody_calls(computed: bool) -> None:
    """The deployment waits for a health check of a load balancer that never passes, or somebody can reach the task."""
    program = _declare(Worker(tasks=3, spot=Spot(), exec=True), computed=computed, dashboard=True)
    service = one(program, "aws:ecs/service:Service", "mailer")
    assert not {"loadBalancers", "healthCheckGracePeriodSeconds"} & service.inputs.keys()
    assert service.inputs["desiredCount"] == 3
    assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert not [each for type_ in _OF_LOAD_BALANCERS for each in program.of_type(type_)]
    if computed:
        declared = container(program, "mailer")
        assert (declared["portMappings"], "healthCheck" in declared) == ([], False)
        assert not {"PORT", "TRUSTED_PROXIES"} & {variable["name"] for variable in declared["environment"]}
    into_tasks = [
        rule
        for rule in program.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if rule.inputs.get("securityGroupId") == "mailer-tasks-id"
    ]
    assert not into_tasks


def test_is_deployed_and_checked_like_a_service() -> None:
    """`pulumi up` reports success for a deployment that ECS rolled back, or names a load balancer on a retry."""
    deployment = one(_declare(Worker(tasks=2)), "pulumi-python:dynamic/ecs:Deployment", "mailer")
    assert deployment.inputs["desired_count"] == 2
    configuration = deployment.inputs["configuration"]
    assert configuration["loadBalancers"] == []
    assert "healthCheckGracePeriodSeconds" not in configuration


def test_declares_a_health_check_of_the_container() -> None:
    """A worker that hangs is never replaced."""
    program = _declare(Worker(health_check=["python", "-m", "check"], grace_period=10))
    assert container(program, "mailer")["healthCheck"] == {
        "command": ["CMD", "python", "-m", "check"],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
        "startPeriod": 10,
    }


@pytest.mark.parametrize(
    ("insights", "metrics"),
    [
        ("disabled", {("AWS/ECS", "CPUUtilization", "SampleCount")}),
        ("enabled", {"DesiredTaskCount", "RunningTaskCount"}),
    ],
)
def test_alarms_when_tasks_are_missing(insights: Any, metrics: set[Any]) -> None:
    """The owner is not told that no worker runs: a worker has no callers who would notice."""
    cluster = NewCluster(container_insights=insights)
    program = _declare(Worker(tasks=2), cluster=cluster, alarms=Alarms(topic_arn=TOPIC_ARN))
    alarm = one(program, "aws:cloudwatch/metricAlarm:MetricAlarm", "mailer-tasks").inputs
    if insights == "disabled":
        assert {(alarm["namespace"], alarm["metricName"], alarm["statistic"])} == metrics
        assert (alarm["threshold"], alarm["comparisonOperator"]) == (2, "LessThanThreshold")
    else:
        assert {query["metric"]["metricName"] for query in alarm["metricQueries"] if "metric" in query} == metrics
    assert alarm["treatMissingData"] == "breaching"
    others = {each.name for each in program.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert not {"mailer-errors", "mailer-latency", "mailer-unhealthy"} & others


def test_scales_by_cpu() -> None:
    """A backlog grows while the tasks are busy."""
    program = _declare(Worker(scaling=Scaling(max_tasks=4)))
    (policy,) = program.of_type("aws:appautoscaling/policy:Policy")
    assert policy.name == "mailer-cpu"
    assert one(program, "aws:ecs/service:Service", "mailer").ignore_changes == {"desiredCount"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"health_check": "python -m check"}, "Worker: health_check is one string, 'python -m check'; give a list"),
        ({"scaling": Scaling(max_tasks=2, requests=10)}, "scaling has requests, but no load balancer counts requests"),
        ({"grace_period": 301}, "grace_period is 301; use 0 to 300 seconds"),
        ({"scaling": Scaling(max_tasks=2), "tasks": 3}, "Worker: scaling has max_tasks 2, but tasks is 3"),
    ],
)
def test_refuses_arguments_a_worker_cannot_have(arguments: dict[str, Any], message: str) -> None:
    """AWS refuses the argument in the middle of an update."""
    with pytest.raises(InvalidArguments, match=message):
        Worker(**arguments)
