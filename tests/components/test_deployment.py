"""A service's deployment: every way it can go, against botocore's model of the ECS and CloudWatch Logs APIs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from components.service import deployment_check
from components.service.deployment import DeploymentProvider
from components.service.deployment_check import DeploymentFailed
from components.tasks import stopped_task
from tests.components.deployments import CLUSTER, NEW, PROPS, SERVICE

OLD = "arn:aws:ecs:us-east-1:000000000000:task-definition/api:1"
OTHER = "arn:aws:ecs:us-east-1:000000000000:task-definition/api:9"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/keyspaces/"
BEGAN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


ROLLS_BACK = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
GAVE_UP = "ECS deployment circuit breaker: tasks failed to start."

Described = dict[str, Any]
Step = tuple[str, Described]


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def deployment(
    number: int, definition: str, state: str, *, status: str = "PRIMARY", reason: str = "", begun: float | None = None
) -> Described:
    """A deployment as ECS lists it.

    It began `begun` seconds after the start, or by default as many minutes after it as its number.
    """
    return {
        "id": f"ecs-svc/{number}",
        "status": status,
        "taskDefinition": definition,
        "rolloutState": state,
        "rolloutStateReason": reason or f"ECS deployment ecs-svc/{number} {state.lower()}.",
        "createdAt": at(60.0 * number if begun is None else begun),
        "runningCount": 1,
    }


def replaced(number: int, definition: str, state: str, reason: str = "") -> Described:
    return deployment(number, definition, state, status="ACTIVE", reason=reason)


def event(seconds: float, message: str) -> Described:
    return {"id": f"event-{seconds}", "createdAt": at(seconds), "message": f"(service api-1a2b3c4) {message}"}


def service(*deployments: Described, desired: int = 2, events: Sequence[Described] = ()) -> Described:
    return {
        "serviceArn": SERVICE,
        "serviceName": "api-1a2b3c4",
        "status": "ACTIVE",
        "desiredCount": desired,
        "deployments": list(deployments),
        "events": list(events)[::-1],  # ECS lists the newest first.
    }


def look(*deployments: Described, **more: Any) -> Step:
    return "describe_services", service(*deployments, **more)


def told(*deployments: Described) -> Step:
    """A request to deploy, and the service in its response."""
    return "update_service", service(*deployments)


def stopped(name: str, seconds: float, reason: str, exit_code: int | None = 1, by: str = "ecs-svc/2") -> Described:
    container = {"name": "api", **({} if exit_code is None else {"exitCode": exit_code})}
    return {
        "taskArn": TASK + name,
        "startedBy": by,
        "stopCode": "EssentialContainerExited",
        "stoppedReason": reason,
        "stoppedAt": at(seconds),
        "containers": [container],
    }


class Aws:
    """The two clients of a check, with the expected requests and their responses, in order."""

    def __init__(self, clients: Mapping[str, Any]) -> None:
        self.clients = clients
        self.configuration: dict[str, Any] = {**PROPS["configuration"]}
        self.ecs, self.logs = Stubber(self.clients["ecs"]), Stubber(self.clients["logs"])

    def client(self, name: str) -> Any:
        return self.clients[name]

    def plays(self, *steps: Step) -> None:
        for action, described in steps:
            if action == "describe_services":
                self.ecs.add_response(
                    action, {"services": [described], "failures": []}, {"cluster": CLUSTER, "services": [SERVICE]}
                )
            else:
                # A rollback also reverted the configuration, so the request contains it.
                request = {
                    "cluster": CLUSTER,
                    "service": SERVICE,
                    "taskDefinition": NEW,
                    "forceNewDeployment": True,
                    **self.configuration,
                }
                self.ecs.add_response(action, {"service": described}, request)

    def has_stopped(self, *tasks: Described) -> None:
        arns = [task["taskArn"] for task in tasks]
        self.ecs.add_response(
            "list_tasks",
            {"taskArns": arns},
            {"cluster": CLUSTER, "serviceName": "api-1a2b3c4", "desiredStatus": "STOPPED"},
        )
        if tasks:
            self.ecs.add_response("describe_tasks", {"tasks": list(tasks)}, {"cluster": CLUSTER, "tasks": arns})

    def has_logged(self, task: str, *lines: str) -> None:
        self.logs.add_response(
            "get_log_events",
            {"events": [{"message": line} for line in lines]},
            {
                "logGroupName": "api-1a2b3c4",
                "logStreamName": f"api/api/{task}",
                "limit": ANY,
                "startFromHead": False,
            },
        )


@pytest.fixture(scope="module")
def clients() -> Mapping[str, Any]:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return {name: session.client(name) for name in ("ecs", "logs")}


@pytest.fixture
def aws(clients: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    fake = Aws(clients)
    monkeypatch.setattr(deployment_check, "session_from", lambda *_: fake)
    monkeypatch.setattr(deployment_check, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(stopped_task, "LOG_TIMEOUT_SECONDS", 0.0)
    with fake.ecs, fake.logs:
        yield fake
        fake.ecs.assert_no_pending_responses()
        fake.logs.assert_no_pending_responses()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the check judge the state of ECS at once, without a wait for later changes."""
    monkeypatch.setattr(deployment_check, "SETTLE_SECONDS", 0.0)


def create(**changes: Any) -> Any:
    return DeploymentProvider().create({**PROPS, **changes})


def failure(**changes: Any) -> str:
    with pytest.raises(DeploymentFailed) as failed:
        create(**changes)
    return str(failed.value)


@pytest.mark.parametrize(
    ("steps", "deployed"),
    [
        pytest.param(
            [
                look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
                look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
                look(deployment(2, NEW, "COMPLETED")),
            ],
            "ecs-svc/2",
            id="completes",
        ),
        pytest.param([look(deployment(2, NEW, "COMPLETED"))], "ecs-svc/2", id="was completed before"),
        pytest.param(
            [look(deployment(1, NEW, "IN_PROGRESS")), look(deployment(1, NEW, "COMPLETED"))],
            "ecs-svc/1",
            id="is a new service's first",
        ),
        pytest.param(
            [
                look(deployment(1, OLD, "COMPLETED")),
                look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
                look(deployment(2, NEW, "COMPLETED")),
            ],
            "ecs-svc/2",
            id="is shown some seconds late",
        ),
        pytest.param(
            [
                look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
                look(
                    deployment(3, NEW, "IN_PROGRESS"),
                    replaced(2, NEW, "IN_PROGRESS"),
                    events=[event(100, "rolling back to deployment ecs-svc/0.")],
                ),
                look(deployment(3, NEW, "COMPLETED")),
            ],
            "ecs-svc/3",
            id="is started again by somebody else",
        ),
        pytest.param(
            [
                look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
                look(deployment(1, OLD, "COMPLETED")),
                look(deployment(2, NEW, "COMPLETED")),
            ],
            "ecs-svc/2",
            id="is missing in one response",
        ),
        pytest.param(
            [look(deployment(1, NEW, "IN_PROGRESS", reason=ROLLS_BACK)), look(deployment(1, NEW, "COMPLETED"))],
            "ecs-svc/1",
            id="is the one that ECS rolled back to, since the program was reverted too",
        ),
        pytest.param(
            [
                look(deployment(2, NEW, "FAILED")),
                told(deployment(3, NEW, "IN_PROGRESS"), replaced(2, NEW, "FAILED")),
                look(deployment(3, NEW, "COMPLETED")),
            ],
            "ecs-svc/3",
            id="failed before and no earlier deployment exists",
        ),
        pytest.param(
            [
                look(deployment(1, OLD, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "FAILED", GAVE_UP)),
                told(deployment(3, NEW, "IN_PROGRESS"), replaced(1, OLD, "IN_PROGRESS")),
                look(deployment(1, OLD, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "FAILED", GAVE_UP)),
                look(deployment(3, NEW, "IN_PROGRESS"), replaced(1, OLD, "IN_PROGRESS")),
                look(deployment(3, NEW, "COMPLETED")),
            ],
            "ecs-svc/3",
            id="failed before and ECS still shows its rollback for some seconds",
        ),
    ],
)
def test_succeeds_when_the_deployment(aws: Aws, steps: Sequence[Step], deployed: str) -> None:
    """An update fails, or hangs, although the service runs what was asked for."""
    aws.plays(*steps)
    result = create()
    assert result.id == SERVICE
    assert result.outs == {**PROPS, "deployment_id": deployed}


def test_succeeds_when_the_service_is_to_have_no_task(aws: Aws) -> None:
    """An update of a service with no tasks never ends, since ECS may leave its deployment in progress."""
    aws.plays(look(deployment(2, NEW, "IN_PROGRESS"), desired=0))
    assert create(desired_count=0.0).outs["deployment_id"] == "ecs-svc/2"


@pytest.mark.parametrize(("left", "desired_count", "told_to"), [(8, 2.0, 2), (8, None, None), (2, 2.0, None)])
def test_takes_back_the_tasks_autoscaling_has_left(
    aws: Aws, left: int, desired_count: float | None, told_to: int | None
) -> None:
    """Surplus tasks keep running and are billed, or an update undoes what autoscaling decided."""
    aws.plays(look(deployment(2, NEW, "COMPLETED"), desired=left))
    if told_to is not None:
        request = {"cluster": CLUSTER, "service": SERVICE, "desiredCount": told_to}
        aws.ecs.add_response("update_service", {"service": service()}, request)
    create(desired_count=desired_count)


@pytest.mark.parametrize("wanted", [True, False])
def test_stops_watching_alarms_that_do_not_exist(aws: Aws, wanted: bool) -> None:
    """ECS looks for alarms that no longer exist, since the aws provider does not tell ECS of their removal."""
    alarms = {"alarmNames": ["api-errors"], "enable": True, "rollback": True}
    aws.ecs.add_response(
        "describe_services",
        {"services": [{**service(deployment(2, NEW, "COMPLETED")), "deploymentConfiguration": {"alarms": alarms}}]},
    )
    configuration = {**PROPS["configuration"], **({"deploymentConfiguration": {"alarms": alarms}} if wanted else {})}
    if not wanted:
        request = {"cluster": CLUSTER, "service": SERVICE, "deploymentConfiguration": ANY}
        aws.ecs.add_response("update_service", {"service": service()}, request)
    create(configuration=configuration)


_BREAKER = {"enable": True, "rollback": True}
_COUNT = {"thresholdConfiguration": {"type": "COUNT", "value": 5}, "resetOnHealthyTask": False}
_DEFAULT = {"thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}, "resetOnHealthyTask": True}


@pytest.mark.parametrize(
    ("described", "wanted", "told_to"),
    [
        pytest.param({}, None, None, id="ECS's own"),
        pytest.param(_DEFAULT, None, None, id="ECS's own, spelled out"),
        pytest.param({}, _COUNT, _COUNT, id="set"),
        pytest.param(_COUNT, _COUNT, None, id="set before"),
        pytest.param(_COUNT, None, _DEFAULT, id="taken away"),
    ],
)
def test_passes_the_threshold_of_the_circuit_breaker_to_ecs(
    aws: Aws, described: Described, wanted: Described | None, told_to: Described | None
) -> None:
    """ECS gives a deployment up too late or too early, since the aws provider has no argument for the threshold."""
    configuration = {"alarms": {"alarmNames": [], "enable": False, "rollback": False}}
    shown = {**configuration, "deploymentCircuitBreaker": {**_BREAKER, **described}}
    found = {**service(deployment(2, NEW, "COMPLETED")), "deploymentConfiguration": shown}
    aws.ecs.add_response("describe_services", {"services": [found]})
    if told_to:
        asked = {**configuration, "deploymentCircuitBreaker": {**_BREAKER, **told_to}}
        request = {"cluster": CLUSTER, "service": SERVICE, "deploymentConfiguration": asked}
        aws.ecs.add_response("update_service", {"service": service()}, request)
    given = {"deploymentConfiguration": {**configuration, "deploymentCircuitBreaker": _BREAKER}}
    as_handed_over = wanted and {**wanted, "thresholdConfiguration": {"type": "COUNT", "value": 5.0}}
    create(configuration=given, **({"circuit_breaker": as_handed_over} if wanted else {}))


@pytest.mark.usefixtures("settled")
def test_deploys_again_with_the_threshold(aws: Aws) -> None:
    """The deployment after a failed one is stopped by another threshold than the program declares."""
    breaker = {**_BREAKER, **_COUNT}
    configuration = {"deploymentConfiguration": {"deploymentCircuitBreaker": _BREAKER}}
    aws.configuration = {"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}
    shown = {"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}
    aws.plays(
        ("describe_services", {**service(deployment(1, OLD, "COMPLETED")), **shown}),
        told(deployment(3, NEW, "COMPLETED")),
    )
    create(configuration=configuration, circuit_breaker=_COUNT)


@pytest.mark.parametrize(
    ("before", "after"), [(None, _COUNT), (_COUNT, None), (_COUNT, _DEFAULT)], ids=["set", "taken away", "changed"]
)
def test_looks_again_when_the_threshold_changes(before: Described | None, after: Described | None) -> None:
    """`pulumi up` shows no change, and ECS keeps the old threshold."""

    def inputs(breaker: Described | None) -> Described:
        # The engine leaves out arguments that are None.
        return {**PROPS, **({"circuit_breaker": breaker} if breaker else {})}

    olds = {**inputs(before), "deployment_id": "ecs-svc/2", "__provider": "a"}
    provider = DeploymentProvider()
    assert provider.diff("id", olds, {**inputs(after), "__provider": "b"}).changes
    assert not provider.diff("id", olds, {**inputs(before), "__provider": "b"}).changes


@pytest.mark.usefixtures("settled")
def test_deploys_again_after_ecs_has_rolled_back(aws: Aws) -> None:
    """After a rollback, each `pulumi up` fails or reports a false success: `aws.ecs.Service` shows no change to
    deploy.
    """
    aws.plays(
        look(deployment(1, OLD, "COMPLETED")),
        told(deployment(3, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
        look(deployment(3, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
        look(deployment(3, NEW, "COMPLETED")),
    )
    assert create().outs["deployment_id"] == "ecs-svc/3"


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    ("steps", "says"),
    [
        pytest.param(
            [look(deployment(1, OLD, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "FAILED", GAVE_UP))],
            [GAVE_UP, "ECS is rolling back to api:1."],
            id="the circuit breaker rolls back",
        ),
        pytest.param(
            [look(deployment(1, OLD, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "IN_PROGRESS"))] * 2,
            [ROLLS_BACK, "ECS is rolling back to api:1."],
            id="the circuit breaker rolls back and the failed deployment's state is not shown yet",
        ),
        pytest.param(
            [
                look(
                    deployment(3, OLD, "IN_PROGRESS", reason="ECS deployment alarms: rolling back."),
                    replaced(2, NEW, "FAILED", "ECS deployment failed: alarm detected."),
                )
            ],
            ["alarm detected.", "ECS is rolling back to api:1."],
            id="an alarm rolls back",
        ),
        pytest.param(
            [
                look(
                    deployment(1, OLD, "COMPLETED"),
                    events=[
                        event(170, "(deployment ecs-svc/2) deployment failed: alarm detected."),
                        event(170.1, "rolling back to deployment ecs-svc/1."),
                    ],
                )
            ]
            * 2,
            ["(deployment ecs-svc/2) deployment failed: alarm detected. ECS has rolled back to api:1."],
            id="ECS rolled back between two looks",
        ),
        pytest.param(
            [look(deployment(2, NEW, "FAILED", reason=GAVE_UP), replaced(1, OLD, "COMPLETED"))],
            [GAVE_UP, "has not rolled back"],
            id="rollback is off, or no earlier deployment exists",
        ),
        pytest.param(
            [look(deployment(3, OTHER, "IN_PROGRESS"), replaced(2, NEW, "IN_PROGRESS"))] * 2,
            ["another deployment has replaced it", "api:9"],
            id="somebody else deploys something else",
        ),
        pytest.param(
            [look(deployment(3, NEW, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "IN_PROGRESS"))] * 2,
            [ROLLS_BACK, "ECS is rolling back to api:2."],
            id="ECS rolls back to the same task definition in another network",
        ),
        pytest.param(
            [look(deployment(3, NEW, "COMPLETED"), events=[event(178, "rolling back to deployment ecs-svc/1.")])] * 2,
            ["ECS has rolled back to api:2."],
            id="ECS rolled back to the same task definition between two looks",
        ),
        pytest.param(
            [look(deployment(1, NEW, "COMPLETED"))] * 2,
            ["failed: ECS gives no reason. ECS has rolled back to api:2."],
            id="ECS rolled back to an earlier deployment of the same task definition, without an event",
        ),
    ],
)
def test_fails_when(aws: Aws, steps: Sequence[Step], says: Sequence[str]) -> None:
    """`pulumi up` reports success while the service runs another task definition.

    ECS may show an earlier state, so the check takes two looks before it calls a deployment missing.
    """
    aws.plays(look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")), *steps)
    aws.has_stopped()
    message = failure()
    assert message.startswith("api: the deployment of api:2 to the service api-1a2b3c4 failed: ")
    for part in (*says, "run `pulumi up` again: it deploys again. (ecs-svc/2)"):
        assert part in message


@pytest.mark.usefixtures("settled")
def test_fails_when_its_new_deployment_disappears_at_once(aws: Aws) -> None:
    """`pulumi up` waits until its timeout for a deployment that is already over."""
    aws.plays(
        look(deployment(1, OLD, "COMPLETED")),
        told(deployment(3, NEW, "IN_PROGRESS")),
        *[look(deployment(4, OLD, "IN_PROGRESS", reason=ROLLS_BACK))] * 2,
    )
    aws.has_stopped()
    assert "ECS is rolling back to api:1." in failure()


def test_reports_the_progress_at_the_timeout(aws: Aws) -> None:
    """`pulumi up` never ends: without circuit breaker and alarms ECS tries for ever, so only the timeout ends the
    update.
    """
    aws.plays(
        look(
            deployment(2, NEW, "IN_PROGRESS"),
            replaced(1, OLD, "COMPLETED"),
            events=[event(130, "is unable to consistently start tasks successfully.")],
        )
    )
    aws.has_stopped(stopped("a", 140, "Essential container in task exited"))
    aws.has_logged("a", "cannot connect")
    message = failure(timeout=0.0)
    for part in (
        "has not ended after 0 s: 1 of 2 tasks run. ECS continues by itself.",
        "unable to consistently start",
        "Essential container in task exited",
        "cannot connect",
        "raise the timeout",
    ):
        assert part in message


def test_shows_why_the_last_tasks_stopped(aws: Aws) -> None:
    """The owner has to look for the cause in three consoles, and ECS forgets stopped tasks after an hour."""
    aws.plays(
        look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, OLD, "COMPLETED")),
        look(deployment(2, NEW, "FAILED", reason=GAVE_UP)),
    )
    aws.has_stopped(
        stopped("scaled-in", 300, "Scaling activity initiated by (deployment ecs-svc/3)", 0),
        stopped("first", 130, "too early to be shown"),
        stopped("third", 200, "Task failed ELB health checks", 143),
        stopped("another's", 250, "of another deployment", by="ecs-svc/1"),
        stopped("second", 160, "Essential container in task exited", None),
        stopped("fourth", 230, "Essential container in task exited", 3),
    )
    aws.has_logged("fourth", "connecting", "cannot connect: boom\n")
    message = failure()
    shown = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    assert shown == [
        "task fourth: EssentialContainerExited: Essential container in task exited",
        "container api: exit code 3",
        "task third: EssentialContainerExited: Task failed ELB health checks",
        "container api: exit code 143",
        "task second: EssentialContainerExited: Essential container in task exited",
        "container api: exit code missing",
        "connecting",
        "cannot connect: boom",
    ]


def test_shows_the_last_events_since_the_deployment_began(aws: Aws) -> None:
    """Events of an earlier deployment mislead the owner, or a hundred events hide the cause."""
    events = [event(100 + 10 * number, f"event {number}") for number in range(12)]
    aws.plays(
        look(deployment(2, NEW, "IN_PROGRESS", begun=150)),
        look(deployment(2, NEW, "FAILED", begun=150), events=events[:8]),
    )
    aws.has_stopped()
    message = failure()
    assert "  12:02:30 (service api-1a2b3c4) event 5\n  12:02:40 (service api-1a2b3c4) event 6" in message
    assert "event 4" not in message

    aws.plays(
        look(deployment(2, NEW, "IN_PROGRESS", begun=150)),
        look(deployment(2, NEW, "FAILED", begun=150), events=events),
    )
    aws.has_stopped()
    shown = [line.rpartition(" ")[2] for line in failure().splitlines() if line.startswith("  ")]
    assert shown == ["7", "8", "9", "10", "11"]


def test_fails_with_the_reason_when_the_stopped_tasks_cannot_be_read(aws: Aws) -> None:
    """A missing permission to list tasks hides why the deployment failed."""
    aws.plays(look(deployment(2, NEW, "IN_PROGRESS")), look(deployment(2, NEW, "FAILED", reason=GAVE_UP)))
    aws.ecs.add_client_error("list_tasks", "AccessDeniedException", "not authorized to perform: ecs:ListTasks")
    message = failure()
    assert GAVE_UP in message
    assert "ecs:ListTasks" in message


def test_writes_each_new_event_once(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """An owner sees no progress for minutes, or sees last week's events."""
    before, started, steady = event(10, "before"), event(130, "has started 2 tasks"), event(190, "is steady")
    aws.plays(
        look(deployment(2, NEW, "IN_PROGRESS"), events=[before]),
        look(deployment(2, NEW, "IN_PROGRESS"), events=[before, started]),
        look(deployment(2, NEW, "IN_PROGRESS"), events=[before]),
        look(deployment(2, NEW, "COMPLETED"), events=[before, started, steady]),
    )
    create()
    assert capsys.readouterr().out.splitlines() == [
        "(service api-1a2b3c4) has started 2 tasks",
        "(service api-1a2b3c4) is steady",
    ]


@pytest.mark.parametrize("status", ["INACTIVE", "DRAINING"])
def test_fails_when_the_service_was_deleted(aws: Aws, status: str) -> None:
    """`pulumi up` waits for deployments of a deleted service, which never come."""
    aws.plays(("describe_services", {**service(), "status": status}))
    assert f"{SERVICE} is {status} in the cluster {CLUSTER}" in failure()


def test_waits_for_a_service_that_does_not_show_yet(aws: Aws) -> None:
    """The first `pulumi up` fails although all is well: ECS may not show a service that was created a moment ago."""
    aws.ecs.add_response("describe_services", {"services": [], "failures": [{"arn": SERVICE, "reason": "MISSING"}]})
    aws.plays(look(deployment(1, NEW, "COMPLETED")))
    create()


@pytest.mark.usefixtures("settled")
def test_fails_when_the_service_does_not_exist(aws: Aws) -> None:
    """The owner gets a traceback without an explanation: for a missing service, ECS answers 200 with a failure in the
    body.
    """
    aws.ecs.add_response("describe_services", {"services": [], "failures": [{"arn": SERVICE, "reason": "MISSING"}]})
    assert f"{SERVICE} is MISSING in the cluster {CLUSTER}" in failure()


def test_fails_in_words_when_deploying_again_is_refused(aws: Aws) -> None:
    """The owner gets a traceback when the deployer has no right to deploy, or the task definition is deregistered."""
    aws.plays(look(deployment(2, NEW, "FAILED")))
    aws.ecs.add_client_error("update_service", "ClientException", "TaskDefinition is inactive")
    message = failure()
    assert "the deployment of api:2 to the service api-1a2b3c4 is refused by ECS" in message
    assert "TaskDefinition is inactive" in message


@pytest.mark.usefixtures("settled")
def test_fails_when_the_service_has_no_deployments(aws: Aws) -> None:
    """The owner gets a traceback for a service with another deployment controller, which lists no deployments."""
    aws.plays(look(), told())
    assert "does it use rolling updates?" in failure()


def update(olds: dict[str, Any], news: dict[str, Any]) -> str:
    before = {**PROPS, "deployment_id": "ecs-svc/1", **olds}
    outs: dict[str, Any] = DeploymentProvider().update(SERVICE, before, {**PROPS, **news}).outs or {}
    deployed = outs.pop("deployment_id")
    assert outs == {**PROPS, **news}
    return str(deployed)


MOVED = {"configuration": {**PROPS["configuration"], "healthCheckGracePeriodSeconds": 90.0}}


def test_waits_for_the_deployment_of_a_changed_configuration(aws: Aws) -> None:
    """An update reports success at once: the earlier deployment has the same task definition and is complete."""
    aws.plays(
        look(deployment(1, NEW, "COMPLETED")),
        look(deployment(2, NEW, "IN_PROGRESS"), replaced(1, NEW, "COMPLETED")),
        look(deployment(2, NEW, "COMPLETED")),
    )
    assert update({}, MOVED) == "ecs-svc/2"


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "rolled_back",
    [
        look(deployment(1, NEW, "COMPLETED")),
        look(deployment(3, NEW, "IN_PROGRESS", reason=ROLLS_BACK), replaced(2, NEW, "FAILED", GAVE_UP)),
        look(deployment(3, NEW, "COMPLETED"), events=[event(178, "rolling back to deployment ecs-svc/1.")]),
    ],
    ids=["to the earlier deployment", "with a new deployment", "with a new deployment, which is complete"],
)
def test_deploys_again_after_ecs_has_rolled_back_for_a_changed_configuration(aws: Aws, rolled_back: Step) -> None:
    """The second `pulumi up` reports success with the old configuration, since ECS rolled back to a complete
    deployment.
    """
    aws.configuration = MOVED["configuration"]
    aws.plays(rolled_back, told(deployment(4, NEW, "IN_PROGRESS")), look(deployment(4, NEW, "COMPLETED")))
    assert update({}, MOVED) == "ecs-svc/4"


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        ({}, {"timeout": 60.0}),
        ({}, {"connection": {"region": "us-east-1", "account": "111111111111"}}),
        ({"task_definition": OLD}, {}),
        ({"task_definition": OLD}, MOVED),
        ({"service": SERVICE.replace("api", "former")}, MOVED),
    ],
)
def test_accepts_the_current_deployment_when_no_other_is_due(
    aws: Aws, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    """A longer timeout replaces every task, although nothing needs a new deployment."""
    aws.plays(look(deployment(1, NEW, "COMPLETED")))
    assert update(olds, news) == "ecs-svc/1"


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        ({}, False),
        ({"cluster": "other"}, True),
        ({"service": "other"}, True),
        ({"task_definition": OTHER}, True),
        ({"container": "other"}, True),
        ({"log_group": "other"}, True),
        ({"timeout": 60.0}, True),
        (MOVED, True),
        ({"connection": {"region": "us-east-1", "account": "111111111111"}}, True),
    ],
)
def test_looks_again_in_place_when_an_input_changes(change: dict[str, Any], changes: bool) -> None:
    """A change is not checked, or the check is replaced, and everything that depends on it with it."""
    diff = DeploymentProvider().diff(SERVICE, {**PROPS, "deployment_id": "ecs-svc/1"}, {**PROPS, **change})
    assert (diff.changes, diff.replaces) == (changes, [])


def test_does_nothing_when_deleted(aws: Aws) -> None:
    """A stack whose service was deleted by hand cannot be destroyed."""
    DeploymentProvider().delete(SERVICE, {**PROPS, "deployment_id": "ecs-svc/1"})
