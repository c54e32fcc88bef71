"""Errors of AWS as Pulumi's engine gets them from each dynamic resource: a process of its own, called over gRPC."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.once.task_run import TaskRunProvider, TaskStopProvider
from components.secrets.parameter import SecretParameterProvider
from components.service.deployment import DeploymentProvider
from tests.components import deployments, secret_parameters, task_runs
from tests.components.engine import Engine, FakeAws, start_engine

# Each resource with its name in errors, and the first action that it calls.
CREATED: dict[str, tuple[ResourceProvider, dict[str, Any], str, str]] = {
    "TaskRun": (TaskRunProvider(), task_runs.PROPS, "the run of load-countries", "ecs:ListTasks"),
    "Deployment": (DeploymentProvider(), deployments.PROPS, "the deployment of api", "ecs:DescribeServices"),
    "SecretParameter": (
        SecretParameterProvider(),
        secret_parameters.PROPS,
        f"parameter {secret_parameters.NAME}",
        "ssm:PutParameter",
    ),
}
DELETED: dict[str, tuple[ResourceProvider, dict[str, Any], str, str]] = {
    "TaskStop": (TaskStopProvider(), task_runs.PROPS, "the tasks of load-countries", "ecs:ListTasks"),
    "SecretParameter": (
        SecretParameterProvider(),
        secret_parameters.PROPS,
        f"parameter {secret_parameters.NAME}",
        "ssm:DeleteParameter",
    ),
}
ADVICE = {
    "AccessDeniedException": "{action} is not allowed: grant it to the principal that runs Pulumi",
    "ThrottlingException": "{action} is throttled: wait a minute",
    "ExpiredTokenException": "the credentials have expired at {action}: sign in again",
    "UnrecognizedClientException": "AWS does not accept the credentials for {action}: sign in by aws:profile,"
    " aws:assumeRoles or the AWS_* environment variables",
    "ServerException": "{action} failed: remove the cause",
}


class FailingAws(FakeAws):
    """Answers every request with the error `code`."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.code = ""

    def _answer(self, action: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"__type": self.code, "message": "the words\nof AWS"}


@pytest.fixture(scope="module")
def aws() -> FailingAws:
    return FailingAws()


@pytest.fixture(scope="module")
def engine(aws: FailingAws) -> Iterator[Engine]:
    with start_engine(aws, AWS_MAX_ATTEMPTS="1") as engine:
        yield engine


def failure(engine: Engine, provider: ResourceProvider, props: Mapping[str, Any], *, deleted: bool = False) -> str:
    """The error that the engine shows for a resource that cannot be created or deleted."""
    serialized = {**props, "__provider": serialize_provider(provider)}
    properties = asyncio.run(rpc.serialize_properties(serialized, {}))
    with pytest.raises(grpc.RpcError) as failed:
        if deleted:
            engine.provider.Delete(provider_pb2.DeleteRequest(id="id", urn="urn", properties=properties))
        else:
            engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties))
    assert isinstance(failed.value, grpc.Call)
    return str(failed.value.details())


@pytest.mark.parametrize("code", ADVICE)
@pytest.mark.parametrize("resource", CREATED)
def test_reports_in_one_sentence_why_a_resource_was_not_created(
    engine: Engine, aws: FailingAws, resource: str, code: str
) -> None:
    """A user gets a traceback of botocore, which names neither the resource nor a way to continue."""
    aws.code = code
    provider, props, name, action = CREATED[resource]
    advice = ADVICE[code].format(action=action)
    assert failure(engine, provider, props) == f"{name}: {advice}, then run this again ({code}: the words of AWS)"


@pytest.mark.parametrize("resource", DELETED)
def test_reports_in_one_sentence_why_a_resource_was_not_deleted(engine: Engine, aws: FailingAws, resource: str) -> None:
    """`pulumi destroy` ends in a traceback."""
    aws.code = "AccessDeniedException"
    provider, props, name, action = DELETED[resource]
    said = failure(engine, provider, props, deleted=True)
    assert said.startswith(f"{name}: {action} is not allowed: grant it to the principal that runs Pulumi, then run")
    assert "\n" not in said


def test_reports_when_there_are_no_credentials() -> None:
    """A user without credentials gets a traceback."""
    action = "sts:GetCallerIdentity"  # The first call of each resource.
    with start_engine(FailingAws(), AWS_ACCESS_KEY_ID="", AWS_EC2_METADATA_DISABLED="true", HOME="/nowhere") as engine:
        for provider, props, name, _ in CREATED.values():
            assert failure(engine, provider, props) == (
                f"{name}: there are no credentials for {action}: sign in by aws:profile, aws:assumeRoles or the AWS_*"
                " environment variables, then run this again (Unable to locate credentials)"
            )


def test_reports_which_endpoint_cannot_be_reached() -> None:
    """A user behind a proxy, or with a mistyped region, gets a traceback of urllib3."""
    advice = "cannot reach its endpoint: check the region, the network and the proxy of this machine, then run this"
    nowhere = "http://127.0.0.1:9"
    with start_engine(
        FailingAws(), AWS_MAX_ATTEMPTS="1", AWS_ENDPOINT_URL_ECS=nowhere, AWS_ENDPOINT_URL_SSM=nowhere
    ) as engine:
        for provider, props, name, action in CREATED.values():
            said = failure(engine, provider, props)
            assert said.startswith(f"{name}: {action} {advice}")
            assert nowhere in said
            assert "\n" not in said


def test_calls_nothing_in_another_account_than_the_providers() -> None:
    """A secret is made or a task is stopped in the wrong account, since boto3 does not know an explicit provider."""
    aws = FakeAws(lambda action, body: {}, account="999999999999")
    with start_engine(aws) as engine:
        for deleted, resources in ((False, CREATED), (True, DELETED)):
            for provider, props, name, _ in resources.values():
                said = failure(engine, provider, props, deleted=deleted)
                assert said.startswith(
                    f"{name}: the stack's aws provider is signed in to account 000000000000, and boto3 to 999999999999"
                    " as arn:aws:iam::999999999999:user/deployer: sign both in to 000000000000 by aws:profile"
                )
                assert "\n" not in said
    assert not aws.calls


def test_reports_that_a_profile_is_missing() -> None:
    """A user whose machine lacks a colleague's profile gets a traceback."""
    provider, props, name, _ = CREATED["SecretParameter"]
    with start_engine(FailingAws(), settings={"aws:profile": "colleague"}) as engine:
        said = failure(engine, provider, props)
    assert said.startswith(f"{name}: the profile is not in the AWS configuration of this machine: create it or correct")


def test_shows_the_traceback_of_a_mistake_in_the_program(engine: Engine) -> None:
    """A maintainer cannot find a bug in a provider."""
    provider, props, _, _ = CREATED["SecretParameter"]
    incomplete = {key: value for key, value in props.items() if key != "connection"}
    assert failure(engine, provider, incomplete).startswith("Traceback (most recent call last):")
