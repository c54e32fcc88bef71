"""The one-off task: every way it can end, against botocore's model of the ECS and CloudWatch Logs APIs."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from components.once import task_execution
from components.once.task_execution import TaskFailed
from components.once.task_run import TaskRunProvider, TaskStopProvider
from components.tasks import stopped_task
from tests.components.task_runs import CLUSTER, DEFINITION, PROPS, TASK

LEFTOVER = "arn:aws:ecs:us-east-1:000000000000:task/keyspaces/fedcba9876543210"
STREAM = "load-countries/load-countries/0123456789abcdef"


class Aws:
    """The two clients of a run, with the expected requests and their responses, in order."""

    def __init__(self) -> None:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        self.clients = {name: session.client(name) for name in ("ecs", "logs")}
        self.ecs, self.logs = Stubber(self.clients["ecs"]), Stubber(self.clients["logs"])

    def client(self, name: str) -> Any:
        return self.clients[name]

    def lists(self, *tasks: str) -> None:
        self.ecs.add_response(
            "list_tasks", {"taskArns": list(tasks)}, {"cluster": CLUSTER, "startedBy": "project/dev/load-countries"}
        )

    def runs(self, assign_public_ip: str = "DISABLED") -> None:
        self.ecs.add_response(
            "run_task",
            {"tasks": [{"taskArn": TASK}], "failures": []},
            {
                "cluster": CLUSTER,
                "taskDefinition": DEFINITION,
                "launchType": "FARGATE",
                "count": 1,
                "startedBy": "project/dev/load-countries",
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "subnets": ["subnet-a", "subnet-b"],
                        "securityGroups": ["sg-tasks"],
                        "assignPublicIp": assign_public_ip,
                    }
                },
                "enableECSManagedTags": True,
                "propagateTags": "TASK_DEFINITION",
                "tags": [{"key": "Stack", "value": "dev"}],
            },
        )

    def describes(self, status: str, task: str = TASK, **more: Any) -> None:
        described = {"taskArn": task, "lastStatus": status, "containers": [], **more}
        self.ecs.add_response(
            "describe_tasks", {"tasks": [described], "failures": []}, {"cluster": CLUSTER, "tasks": [task]}
        )

    def describes_exit(self, **container: Any) -> None:
        self.describes(
            "STOPPED",
            stopCode="EssentialContainerExited",
            stoppedReason="Essential container in task exited",
            containers=[{"name": "load-countries", **container}],
        )

    def stops(self, task: str = TASK) -> None:
        self.ecs.add_response("stop_task", {"task": {}}, {"cluster": CLUSTER, "task": task, "reason": ANY})

    def logs_lines(self, *lines: str) -> None:
        self.logs.add_response(
            "get_log_events",
            {"events": [{"message": line} for line in lines]},
            {"logGroupName": "load-countries-1a2b3c4", "logStreamName": STREAM, "limit": ANY, "startFromHead": False},
        )


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    fake = Aws()
    monkeypatch.setattr(task_execution, "session_from", lambda *_: fake)
    monkeypatch.setattr(task_execution, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(stopped_task, "LOG_TIMEOUT_SECONDS", 0.0)
    with fake.ecs, fake.logs:
        yield fake
        fake.ecs.assert_no_pending_responses()
        fake.logs.assert_no_pending_responses()


def create(**changes: Any) -> Any:
    return TaskRunProvider().create({**PROPS, **changes})


def test_succeeds_when_the_container_exits_with_0(aws: Aws) -> None:
    """No update ever succeeds."""
    aws.lists()
    aws.runs()
    aws.describes_exit(exitCode=0)
    result = create()
    assert result.id == TASK
    assert result.outs == {**PROPS, "task_arn": TASK}


def test_gives_the_task_a_public_address_when_asked(aws: Aws) -> None:
    """A task in a public subnet cannot pull its image: the subnet has no NAT gateway."""
    aws.lists()
    aws.runs(assign_public_ip="ENABLED")
    aws.describes_exit(exitCode=0)
    assert create(assign_public_ip=True).id == TASK


def test_waits_through_every_state_a_task_has(aws: Aws) -> None:
    """An update fails for a task that is never seen running, passes through many states, or is unknown to ECS
    at first.
    """
    aws.lists()
    aws.runs()
    aws.ecs.add_response(
        "describe_tasks",
        {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]},
        {"cluster": CLUSTER, "tasks": [TASK]},
    )
    for status in ("PROVISIONING", "PENDING", "DEPROVISIONING"):
        aws.describes(status)
    aws.describes_exit(exitCode=0)
    assert create().id == TASK


def test_fails_with_reasons_and_log_when_the_container_exits_with_1(aws: Aws) -> None:
    """`pulumi up` reports success with an empty table, or fails without saying why."""
    aws.lists()
    aws.runs()
    aws.describes_exit(exitCode=1)
    aws.logs_lines("connecting", "cannot connect: boom\n")
    with pytest.raises(TaskFailed) as failed:
        create()
    message = str(failed.value)
    for part in ("Essential container in task exited", "exit code 1", "connecting", "cannot connect: boom", TASK):
        assert part in message
    assert "pulumi up" in message


def test_fails_when_the_container_never_started(aws: Aws) -> None:
    """A task whose image cannot be pulled counts as a success: it has no exit code, which is not 0."""
    aws.lists()
    aws.runs()
    aws.describes(
        "STOPPED",
        stopCode="TaskFailedToStart",
        stoppedReason="CannotPullContainerError: not found",
        containers=[{"name": "load-countries", "reason": "CannotPullContainerError: not found"}],
    )
    aws.logs.add_client_error("get_log_events", "ResourceNotFoundException", "no such stream")
    with pytest.raises(TaskFailed, match=r"TaskFailedToStart: CannotPullContainerError: not found") as failed:
        create()
    assert "exit code missing" in str(failed.value)
    assert "is empty" in str(failed.value)


def test_succeeds_although_a_container_that_aws_added_did_not_start(aws: Aws) -> None:
    """The update fails after GuardDuty adds its agent's container, whose image the execution role may not pull."""
    aws.lists()
    aws.runs()
    aws.describes(
        "STOPPED",
        containers=[
            {"name": "aws-guardduty-agent-x", "reason": "CannotPullContainerError"},
            {"name": "load-countries", "exitCode": 0},
        ],
    )
    assert create().id == TASK


def test_fails_when_the_task_has_no_container(aws: Aws) -> None:
    """`pulumi up` reports success for a task that stopped before it had containers."""
    aws.lists()
    aws.runs()
    aws.describes("STOPPED", stopCode="TaskFailedToStart", stoppedReason="no capacity")
    aws.logs_lines()
    with pytest.raises(TaskFailed, match="no capacity"):
        create()


def test_fails_when_run_task_reports_failures(aws: Aws) -> None:
    """`pulumi up` waits for a task that was never started, since RunTask answers 200 even then."""
    aws.lists()
    aws.ecs.add_response(
        "run_task", {"tasks": [], "failures": [{"arn": CLUSTER, "reason": "RESOURCE:FARGATE", "detail": "none left"}]}
    )
    with pytest.raises(TaskFailed, match=r"did not start.*RESOURCE:FARGATE none left"):
        create()


def test_stops_the_task_when_time_is_up(aws: Aws) -> None:
    """A task that hangs makes `pulumi up` hang, and is billed until somebody notices."""
    aws.lists()
    aws.runs()
    aws.describes("RUNNING")
    aws.stops()
    aws.logs_lines("waiting for table")
    with pytest.raises(TaskFailed, match=r"had not ended after 0 s[\s\S]*waiting for table"):
        create(timeout=0.0)


def test_stops_the_task_when_waiting_fails(aws: Aws) -> None:
    """After a network error, the task keeps running although nobody waits for it."""
    aws.lists()
    aws.runs()
    aws.ecs.add_client_error("describe_tasks", "ServerException", "try later")
    aws.stops()
    with pytest.raises(Exception, match="try later"):
        create()


def test_stops_its_own_leftover_before_it_runs(aws: Aws) -> None:
    """Two runs write at the same time after an update was killed."""
    aws.lists(LEFTOVER)
    aws.stops(LEFTOVER)
    aws.describes("DEACTIVATING", LEFTOVER)
    aws.describes("STOPPED", LEFTOVER)
    aws.runs()
    aws.describes_exit(exitCode=0)
    assert create().id == TASK


def test_fails_when_a_leftover_does_not_stop(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run waits for ever, or runs beside a leftover task."""
    monkeypatch.setattr(task_execution, "STOP_TIMEOUT_SECONDS", 0.0)
    aws.lists(LEFTOVER)
    aws.stops(LEFTOVER)
    aws.describes("RUNNING", LEFTOVER)
    with pytest.raises(TaskFailed, match="still runs"):
        create()


@pytest.mark.parametrize("times", [1, 3])
def test_tries_again_while_ecs_cannot_assume_the_role(aws: Aws, times: int) -> None:
    """The first update of a new stack fails, since IAM is eventually consistent and the role is only seconds old."""
    aws.lists()
    for _ in range(times):
        aws.ecs.add_client_error(
            "run_task",
            "ClientException",
            "ECS was unable to assume the role 'arn:...' that was provided for this task.",
        )
    aws.runs()
    aws.describes_exit(exitCode=0)
    assert create().id == TASK


def test_tries_again_when_the_task_stopped_for_its_role(aws: Aws) -> None:
    """The update fails for a new role, since ECS can refuse the role even after RunTask has accepted the task."""
    aws.lists()
    aws.runs()
    aws.describes(
        "STOPPED",
        stopCode="TaskFailedToStart",
        stoppedReason="ECS was unable to assume the role 'arn:...' that was provided for this task.",
    )
    aws.runs()
    aws.describes_exit(exitCode=0)
    assert create().id == TASK


def test_stops_waiting_for_a_role_after_a_while(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pulumi up` never ends when the role's trust policy is wrong."""
    monkeypatch.setattr(task_execution, "ROLE_TIMEOUT_SECONDS", 0.0)
    aws.lists()
    aws.ecs.add_client_error("run_task", "ClientException", "ECS was unable to assume the role")
    with pytest.raises(TaskFailed, match="could not start for 0 s: ECS was unable to assume the role"):
        create()


def test_does_not_try_again_for_another_refusal(aws: Aws) -> None:
    """The update waits two minutes before it reports that the deployer lacks a permission."""
    aws.lists()
    aws.ecs.add_client_error("run_task", "AccessDeniedException", "not authorized to perform: ecs:RunTask")
    with pytest.raises(Exception, match="ecs:RunTask"):
        create()


def test_reports_when_the_log_cannot_be_read(aws: Aws) -> None:
    """A missing permission for logs hides why the task failed."""
    aws.lists()
    aws.runs()
    aws.describes_exit(exitCode=2)
    aws.logs.add_client_error("get_log_events", "AccessDeniedException", "logs:GetLogEvents")
    with pytest.raises(TaskFailed, match=r"exit code 2[\s\S]*could not be read.*logs:GetLogEvents"):
        create()


def test_stops_running_tasks_when_deleted(aws: Aws) -> None:
    """A task outlives `pulumi destroy`, keeps its security group in use and is billed."""
    aws.lists(LEFTOVER)
    aws.stops(LEFTOVER)
    aws.describes("STOPPED", LEFTOVER)
    TaskStopProvider().delete("id", PROPS)


def test_changes_nothing_until_it_is_deleted() -> None:
    """The resource that stops tasks on destroy causes changes in ordinary updates."""
    created = TaskStopProvider().create(PROPS).outs
    assert created == PROPS
    assert TaskStopProvider().diff("id", created, PROPS).changes is False
    moved = {**PROPS, "cluster": "other"}
    assert TaskStopProvider().diff("id", created, moved).changes is True
    assert not TaskStopProvider().diff("id", created, moved).replaces
    assert TaskStopProvider().update("id", created, moved).outs == moved


def test_deletes_nothing_when_the_cluster_does_not_exist(aws: Aws) -> None:
    """A stack whose cluster was removed by hand cannot be destroyed."""
    aws.ecs.add_client_error("list_tasks", "ClusterNotFoundException", "Cluster not found.")
    TaskStopProvider().delete("id", PROPS)


@pytest.mark.parametrize(
    ("change", "replaces", "changes"),
    [
        ({}, [], False),
        ({"task_definition": DEFINITION.replace(":1", ":2")}, ["task_definition"], True),
        ({"run_id": "2"}, ["run_id"], True),
        ({"subnets": ["subnet-c"]}, [], True),
        ({"assign_public_ip": True}, [], True),
        ({"tags": {"Stack": "prod"}}, [], True),
        ({"timeout": 60.0}, [], True),
        ({"connection": {"region": "us-east-1", "account": "111111111111"}}, [], True),
    ],
)
def test_runs_again_only_for_another_task_definition_or_run_id(
    change: dict[str, Any], replaces: list[str], changes: bool
) -> None:
    """The data is loaded at every update, or is not loaded when it changes."""
    diff = TaskRunProvider().diff(TASK, {**PROPS, "task_arn": TASK}, {**PROPS, **change})
    assert (diff.replaces, diff.changes) == (replaces, changes)


def test_remembers_the_run_when_something_else_changed() -> None:
    """An update loses the task's ARN, and each later update shows a change."""
    news = {**PROPS, "timeout": 60.0}
    updated = TaskRunProvider().update(TASK, {**PROPS, "task_arn": TASK}, news).outs
    assert updated == {**news, "task_arn": TASK}
    assert TaskRunProvider().diff(TASK, updated, news).changes is False
