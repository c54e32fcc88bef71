"""A task on a schedule: its times, the scheduler's permissions and the notification of failures."""

import json
from typing import Any

import pytest

from components import Alarms, Environment, KeyspacesMicroservice, Scheduled, Table, write
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.everything import TOPIC_ARN
from tests.evaluation import container, declare, dependencies, one, policy

_ARN = "arn:aws:{}:us-east-1:000000000000:{}"
_FAMILY = _ARN.format("ecs", "task-definition/report-dev:")


def _declare(scheduled: Scheduled | None = None, *, computed: bool = True, **more: Any) -> Program:
    def run() -> None:
        KeyspacesMicroservice(
            "report",
            environment=Environment("shop", keyspace="shop", tags={"Team": "shop"}, role_path="/jobs/"),
            tables=[write(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["report"],
            run=scheduled or Scheduled(expression="rate(1 day)"),
            **more,
        )

    return declare(run, computed=computed)


@pytest.fixture(scope="module")
def program() -> Program:
    return _declare(alarms=Alarms(topic_arn=TOPIC_ARN), dashboard=True)


def test_starts_the_task_at_its_times() -> None:
    """The task runs at other times or in another network, or an outage is followed by a hundred starts."""
    nightly = Scheduled(expression="cron(0 3 * * ? *)", timezone="Europe/Berlin", retries=2, max_age=600)
    schedule = one(_declare(nightly), "aws:scheduler/schedule:Schedule", "report").inputs
    assert (schedule["scheduleExpression"], schedule["scheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Europe/Berlin",
    )
    target = schedule["target"]
    assert target["arn"] == _ARN.format("ecs", "cluster/shop")
    assert target["retryPolicy"] == {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 600}
    assert target["deadLetterConfig"] == {"arn": _ARN.format("sqs", "report-failures")}
    task = target["ecsParameters"]
    assert (task["taskDefinitionArn"], task["taskCount"]) == (f"{_FAMILY}1", 1)
    assert task["networkConfiguration"] == {
        "subnets": ["subnet-private-us-east-1a", "subnet-private-us-east-1b"],
        "securityGroups": ["report-tasks-id"],
        "assignPublicIp": False,
    }


def test_the_scheduler_may_start_only_this_task(program: Program) -> None:
    """With more rights, a user who may change the schedule runs other tasks or roles; with fewer, the task
    never starts.
    """
    role = one(program, "aws:iam/role:Role", "report-scheduler").inputs
    assert role["path"] == "/jobs/"
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "scheduler.amazonaws.com"}, "sts:AssumeRole")
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "000000000000"},
        "ArnEquals": {"aws:SourceArn": _ARN.format("scheduler", "schedule-group/report")},
    }
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert [
        (statement["Action"], statement["Resource"], statement.get("Condition"))
        for statement in policy(program, "report-scheduler")["Statement"]
    ] == [
        (["ecs:RunTask"], f"{_FAMILY}*", {"ArnEquals": {"ecs:cluster": _ARN.format("ecs", "cluster/shop")}}),
        (["ecs:TagResource"], _ARN.format("ecs", "task/shop/*"), {"StringEquals": {"ecs:CreateAction": "RunTask"}}),
        (["iam:PassRole"], "arn:aws:iam::000000000000:role/report-task", to_tasks),
        (["iam:PassRole"], "arn:aws:iam::000000000000:role/report-execution", to_tasks),
        (["sqs:SendMessage"], _ARN.format("sqs", "report-failures"), None),
    ]


def test_keeps_the_failures_of_its_tasks(program: Program) -> None:
    """A nightly run fails for weeks, and its owner cannot see why or when."""
    rule = one(program, "aws:cloudwatch/eventRule:EventRule", "report-failures")
    pattern = json.loads(rule.inputs["eventPattern"])
    assert (pattern["source"], pattern["detail-type"]) == (["aws.ecs"], ["ECS Task State Change"])
    assert pattern["detail"] == {
        "clusterArn": [_ARN.format("ecs", "cluster/shop")],
        "taskDefinitionArn": [{"prefix": _FAMILY}],
        "lastStatus": ["STOPPED"],
        "$or": [
            {"containers": {"name": ["report"], "exitCode": [{"anything-but": [0]}]}},
            {"stopCode": ["TaskFailedToStart"]},
        ],
    }
    target = one(program, "aws:cloudwatch/eventTarget:EventTarget", "report-failures")
    queue = one(program, "aws:sqs/queue:Queue", "report-failures")
    assert target.inputs["arn"] == queue.outputs["arn"]
    assert queue.inputs["sqsManagedSseEnabled"] is True
    (statement,) = json.loads(one(program, "aws:sqs/queuePolicy:QueuePolicy", "report-failures").inputs["policy"])[
        "Statement"
    ]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, ["sqs:SendMessage"])
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule.outputs["arn"]}}


def test_reports_failures(program: Program) -> None:
    """The owner is not told that the task did not run, or that it failed."""
    alarm = one(program, "aws:cloudwatch/metricAlarm:MetricAlarm", "report-failures").inputs
    assert {
        (query["metric"]["namespace"], query["metric"]["metricName"], *query["metric"]["dimensions"].items())
        for query in alarm["metricQueries"]
        if "metric" in query
    } == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName", "report-failures")),
        ("AWS/Scheduler", "InvocationDroppedCount", ("ScheduleGroup", "report")),
    }
    assert (alarm["alarmActions"], alarm["threshold"], alarm["datapointsToAlarm"]) == ([TOPIC_ARN], 0, 1)


def test_starts_nothing_before_all_is_created(program: Program) -> None:
    """The first run fails since a permission or a rule is missing, and on destroy the last run fails likewise."""
    found = dependencies(program, one(program, "aws:scheduler/schedule:Schedule", "report"))
    assert {
        "Table report-things",
        "RolePolicy report-task",
        "RolePolicy report-execution",
        "RolePolicy report-scheduler",
        "SecurityGroupEgressRule report-to-keyspaces",
        "VpcEndpoint shop-keyspaces",
        "QueuePolicy report-failures",
    } <= found


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_is_no_service_and_does_not_run_in_the_update(computed: bool) -> None:
    """The preview of a new stack fails, or `pulumi up` runs the task too."""
    program = _declare(computed=computed)
    types = {resource.type for resource in program.resources}
    assert not types & {
        "aws:ecs/service:Service",
        "pulumi-python:dynamic/ecs:TaskRun",
        "aws:lb/targetGroup:TargetGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
    }
    if computed:
        assert container(program, "report")["logConfiguration"]["options"]["mode"] == "blocking"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"retries": 186}, "retries is 186; use 0 to 185"), ({"max_age": 59}, "max_age is 59; use 60 to 86400 seconds")],
)
def test_refuses_arguments_scheduler_would_refuse(arguments: dict[str, Any], message: str) -> None:
    """The update fails at the schedule, after everything else is created."""
    with pytest.raises(InvalidArguments, match=message):
        Scheduled(expression="rate(1 day)", **arguments)
