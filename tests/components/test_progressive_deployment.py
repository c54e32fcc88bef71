"""Blue/green, linear and canary deployments: every way they can go, against botocore's model of the ECS API."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from components.service import deployment_check
from components.service.deployment import DeploymentProvider
from components.service.deployment_check import DeploymentFailed
from components.tasks import stopped_task
from tests.components.deployments import CLUSTER, NEW, PROPS, SERVICE

OLD = "arn:aws:ecs:us-east-1:000000000000:task-definition/api:1"
OF = "arn:aws:ecs:us-east-1:000000000000:service-deployment/keyspaces/api-1a2b3c4/"
REVISION = "arn:aws:ecs:us-east-1:000000000000:service-revision/keyspaces/api-1a2b3c4/"
CONFIGURATION = {
    **PROPS["configuration"],
    "deploymentConfiguration": {
        **PROPS["configuration"]["deploymentConfiguration"],
        "strategy": "CANARY",
        "bakeTimeInMinutes": 5.0,
        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 10.0},
    },
}
CANARY: dict[str, Any] = {**PROPS, "configuration": CONFIGURATION}

Described = dict[str, Any]
PAUSED = {
    "hookId": "ecs-pause-1",
    "targetType": "PAUSE",
    "status": "AWAITING_ACTION",
    "expiresAt": datetime(2026, 11, 27, 13, 0, tzinfo=UTC),
    "timeoutAction": "ROLLBACK",
}


def begun(number: int) -> datetime:
    return datetime(2026, 11, 27, 12, number, tzinfo=UTC)


def deployed(
    number: int, status: str, stage: str | None = None, *, percent: float = 0, strategy: str = "CANARY", **more: Any
) -> Described:
    """A service deployment as ECS describes it; a higher number began later."""
    return {
        "serviceDeploymentArn": f"{OF}{number}",
        "status": status,
        "createdAt": begun(number),
        **({"lifecycleStage": stage} if stage else {}),
        "targetServiceRevision": {"arn": f"{REVISION}{number}", "requestedProductionTrafficWeight": percent},
        "deploymentConfiguration": {"strategy": strategy},
        **more,
    }


class Ecs:
    """ECS with its expected requests: the stubber refuses another order."""

    def __init__(self, clients: Mapping[str, Any]) -> None:
        self.clients = clients
        self.stub = Stubber(clients["ecs"])

    def client(self, name: str) -> Any:
        return self.clients[name]

    def shows_service(self, strategy: str = "CANARY") -> None:
        described = {
            "serviceArn": SERVICE,
            "serviceName": "api-1a2b3c4",
            "status": "ACTIVE",
            "desiredCount": 2,
            "deploymentConfiguration": {"strategy": strategy},
            "deployments": [
                {"id": "ecs-svc/2", "status": "PRIMARY", "taskDefinition": NEW, "createdAt": begun(2)},
                {"id": "ecs-svc/1", "status": "ACTIVE", "taskDefinition": OLD, "createdAt": begun(1)},
            ],
            "events": [],
        }
        self.stub.add_response("describe_services", {"services": [described], "failures": []})

    def lists(self, *deployments: Described) -> None:
        """Lists the deployments in two pages, the newest one last."""
        request: dict[str, Any] = {"cluster": CLUSTER, "service": SERVICE}
        oldest_first = sorted(deployments, key=lambda each: each["createdAt"])
        pages: list[list[Described]] = [oldest_first[:1], oldest_first[1:]]
        for page, token in zip(pages, ["more", None], strict=True):
            briefs = [{key: each[key] for key in ("serviceDeploymentArn", "status", "createdAt")} for each in page]
            answer = {"serviceDeployments": briefs, **({"nextToken": token} if token else {})}
            self.stub.add_response("list_service_deployments", answer, dict(request))
            request["nextToken"] = token
        if deployments:
            self.describes(oldest_first[-1])

    def describes(self, deployment: Described) -> None:
        self.stub.add_response(
            "describe_service_deployments",
            {"serviceDeployments": [deployment]},
            {"serviceDeploymentArns": [deployment["serviceDeploymentArn"]]},
        )

    def knows_revision(self, number: int, task_definition: str = NEW) -> None:
        arn = f"{REVISION}{number}"
        self.stub.add_response(
            "describe_service_revisions",
            {"serviceRevisions": [{"serviceRevisionArn": arn, "taskDefinition": task_definition}]},
            {"serviceRevisionArns": [arn]},
        )

    def goes_on(self, *steps: Described) -> None:
        for step in steps:
            self.shows_service()
            self.describes(step)

    def is_told(self) -> None:
        """Expects a deployment with the whole configuration, which a rollback also reverted, and with whole
        numbers as integers.
        """
        request = {
            "cluster": CLUSTER,
            "service": SERVICE,
            "taskDefinition": NEW,
            "forceNewDeployment": True,
            **CONFIGURATION,
        }
        self.stub.add_response("update_service", {"service": {"serviceName": "api-1a2b3c4"}}, request)

    def has_stopped(self, *reasons: str) -> None:
        arns = [f"arn:aws:ecs:us-east-1:000000000000:task/keyspaces/{number}" for number in range(len(reasons))]
        self.stub.add_response("list_tasks", {"taskArns": arns})
        if arns:
            tasks = [
                {
                    "taskArn": arn,
                    "startedBy": "ecs-svc/2",
                    "stopCode": "EssentialContainerExited",
                    "stoppedReason": reason,
                    "stoppedAt": begun(5),
                    "containers": [],
                }
                for arn, reason in zip(arns, reasons, strict=True)
            ]
            self.stub.add_response("describe_tasks", {"tasks": tasks})


@pytest.fixture(scope="module")
def clients() -> Mapping[str, Any]:
    session = boto3.Session("key", "secret", region_name="us-east-1")
    return {name: session.client(name) for name in ("ecs", "logs")}


@pytest.fixture
def ecs(clients: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    fake = Ecs(clients)
    monkeypatch.setattr(deployment_check, "session_from", lambda *_: fake)
    monkeypatch.setattr(deployment_check, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(deployment_check, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(stopped_task, "LOG_TIMEOUT_SECONDS", 0.0)
    with fake.stub, Stubber(clients["logs"]) as logs:
        logs.add_client_error("get_log_events", "ResourceNotFoundException")
        yield fake
        fake.stub.assert_no_pending_responses()


def create(**changes: Any) -> Any:
    return DeploymentProvider().create({**CANARY, **changes}).outs


def failure(**changes: Any) -> str:
    with pytest.raises(DeploymentFailed) as failed:
        create(**changes)
    return str(failed.value)


def test_logs_each_step_until_the_bake_time_is_over(ecs: Ecs, capsys: pytest.CaptureFixture[str]) -> None:
    """The owner sees no progress for half an hour, or `pulumi up` succeeds while ECS may still roll back."""
    ecs.shows_service()
    ecs.lists(deployed(1, "SUCCESSFUL"), deployed(2, "IN_PROGRESS", "SCALE_UP"))
    ecs.knows_revision(2)
    ecs.goes_on(
        deployed(2, "IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", percent=10),
        deployed(2, "IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", percent=10),
        deployed(2, "IN_PROGRESS", "BAKE_TIME", percent=100),
        deployed(2, "SUCCESSFUL", "CLEAN_UP", percent=100),
    )
    assert create()["deployment_id"] == f"{OF}2"
    assert capsys.readouterr().out.splitlines() == [
        "(service api-1a2b3c4) starts the new tasks (SCALE_UP); 0 % of the requests are for the new tasks",
        "(service api-1a2b3c4) moves requests (PRODUCTION_TRAFFIC_SHIFT); 10 % of the requests are for the new tasks",
        "(service api-1a2b3c4) keeps the old tasks for the bake time (BAKE_TIME); 100 % of the requests are for the new"
        " tasks",
    ]


def test_reports_how_to_continue_a_paused_one(ecs: Ecs, capsys: pytest.CaptureFixture[str]) -> None:
    """The owner has to find out which of three ARNs to continue before ECS rolls back by itself."""
    paused = deployed(2, "IN_PROGRESS", "POST_SCALE_UP", lifecycleHookDetails=[PAUSED])
    ecs.shows_service()
    ecs.lists(deployed(1, "SUCCESSFUL"), paused)
    ecs.knows_revision(2)
    ecs.goes_on(paused, deployed(2, "SUCCESSFUL"))
    create()
    command = (
        "aws ecs continue-service-deployment --region us-east-1 --service-deployment-arn"
        f" {OF}2 --hook-id ecs-pause-1 --action"
    )
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"(service api-1a2b3c4) is paused at POST_SCALE_UP. Continue by `{command} CONTINUE`, or roll back by"
        f" `{command} ROLLBACK`. At 2026-11-27 13:00 UTC, ECS does ROLLBACK by itself."
    ]


def test_fails_at_the_timeout_with_the_step_and_how_to_continue(ecs: Ecs) -> None:
    """A pipeline that waited for a person ends without saying how to continue."""
    ecs.shows_service()
    ecs.lists(deployed(2, "IN_PROGRESS", "POST_SCALE_UP", lifecycleHookDetails=[PAUSED]))
    ecs.knows_revision(2)
    ecs.has_stopped()
    message = failure(timeout=0.0)
    for part in (
        "to the service api-1a2b3c4 has not ended after 0 s: the service has started the new tasks",
        "\nIt is paused at POST_SCALE_UP. Continue by `aws ecs continue-service-deployment",
        f"it waits again; or raise the timeout. ({OF}2)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (
            deployed(
                2,
                "ROLLBACK_SUCCESSFUL",
                statusReason="alarms detected a failure.",
                alarms={"status": "TRIGGERED", "triggeredAlarmNames": ["api-errors"]},
            ),
            "failed: alarms detected a failure. In alarm: api-errors. ECS has rolled back to the earlier tasks.",
        ),
        (
            deployed(2, "ROLLBACK_FAILED", rollback={"reason": "A hook failed."}),
            "failed: A hook failed. ECS could not roll back to the earlier tasks: check the service now.",
        ),
        (
            deployed(2, "STOPPED"),
            "failed: ECS gives no reason. It was stopped halfway: check which tasks get the requests.",
        ),
    ],
    ids=lambda value: value["status"] if isinstance(value, dict) else "",
)
def test_fails_once_ecs_has_rolled_back(ecs: Ecs, end: Described, says: str) -> None:
    """`pulumi up` reports success while the old tasks serve the requests."""
    ecs.shows_service()
    ecs.lists(deployed(1, "SUCCESSFUL"), deployed(2, "IN_PROGRESS", "BAKE_TIME"))
    ecs.knows_revision(2)
    ecs.goes_on(deployed(2, "ROLLBACK_IN_PROGRESS"), end)
    ecs.lists(deployed(1, "SUCCESSFUL"), end)
    ecs.has_stopped("Essential container in task exited")
    message = failure()
    for part in (says, "Essential container in task exited", f"run `pulumi up` again: it deploys again. ({OF}2)"):
        assert part in message


@pytest.mark.parametrize(
    "newest",
    [
        [deployed(2, "ROLLBACK_SUCCESSFUL")],
        [deployed(2, "STOPPED")],
        [deployed(2, "SUCCESSFUL", strategy="ROLLING")],
        [],
    ],
    ids=["rolled back", "stopped", "of another strategy", "none"],
)
def test_deploys_again_when_the_newest_is_not_the_one_asked_for(ecs: Ecs, newest: Sequence[Described]) -> None:
    """After a rollback, `pulumi up` reports success, and the new tasks never run."""
    ecs.shows_service()
    ecs.lists(*newest)
    ecs.is_told()
    ecs.lists(*newest)  # ECS shows the new deployment a moment later.
    ecs.lists(*newest, deployed(3, "IN_PROGRESS", "SCALE_UP"))
    ecs.goes_on(deployed(3, "SUCCESSFUL"))
    assert create()["deployment_id"] == f"{OF}3"


def test_deploys_again_when_the_newest_is_of_another_task_definition(ecs: Ecs) -> None:
    """`pulumi up` reports that its tasks run, although somebody has deployed another task definition by hand."""
    ecs.shows_service()
    ecs.lists(deployed(2, "SUCCESSFUL"))
    ecs.knows_revision(2, OLD)
    ecs.is_told()
    ecs.lists(deployed(2, "SUCCESSFUL"), deployed(3, "SUCCESSFUL"))
    assert create()["deployment_id"] == f"{OF}3"


def test_waits_for_a_rollback_before_it_deploys_again(ecs: Ecs) -> None:
    """ECS gets a deployment during its rollback, and the result is undefined."""
    ecs.shows_service()
    ecs.lists(deployed(2, "ROLLBACK_IN_PROGRESS"))
    ecs.goes_on(deployed(2, "ROLLBACK_SUCCESSFUL"))
    ecs.is_told()
    ecs.lists(deployed(2, "ROLLBACK_SUCCESSFUL"), deployed(3, "SUCCESSFUL"))
    assert create()["deployment_id"] == f"{OF}3"


def test_follows_a_newer_one_of_the_same_tasks(ecs: Ecs) -> None:
    """An update whose tasks run fails, since somebody has forced a newer deployment of the same tasks."""
    ecs.shows_service()
    ecs.lists(deployed(2, "IN_PROGRESS", "SCALE_UP"))
    ecs.knows_revision(2)
    ecs.goes_on(deployed(2, "STOPPED"))
    ecs.lists(deployed(2, "STOPPED"), deployed(3, "SUCCESSFUL"))
    ecs.knows_revision(3)
    assert create()["deployment_id"] == f"{OF}3"


def test_deploys_when_a_changed_configuration_has_begun_no_deployment(ecs: Ecs) -> None:
    """A longer bake time is reported as deployed, although only the earlier deployment ran."""
    ecs.shows_service()
    ecs.lists(deployed(2, "SUCCESSFUL"))
    ecs.is_told()
    ecs.lists(deployed(2, "SUCCESSFUL"), deployed(3, "SUCCESSFUL"))
    before = {**CANARY, "configuration": {}, "deployment_id": f"{OF}2"}
    outs: Any = DeploymentProvider().update(SERVICE, before, CANARY).outs
    assert outs["deployment_id"] == f"{OF}3"


def test_removes_a_strategy_explicitly(ecs: Ecs) -> None:
    """A removed strategy stays active, and the update waits for a state that ECS never reports."""
    ecs.shows_service()
    request = {
        "cluster": CLUSTER,
        "service": SERVICE,
        "taskDefinition": NEW,
        "forceNewDeployment": True,
        **PROPS["configuration"],
    }
    request["deploymentConfiguration"] = {"strategy": "ROLLING", **request["deploymentConfiguration"]}
    rolling = {
        "serviceName": "api-1a2b3c4",
        "desiredCount": 2,
        "deployments": [
            {"id": "ecs-svc/3", "status": "PRIMARY", "taskDefinition": NEW, "rolloutState": "COMPLETED"},
        ],
    }
    ecs.stub.add_response("update_service", {"service": rolling}, request)
    assert create(configuration=PROPS["configuration"])["deployment_id"] == "ecs-svc/3"
