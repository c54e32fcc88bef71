"""The deployment's provider as Pulumi's engine runs it, and the resource as a program declares it."""

import asyncio
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.service.deployment import Deployment, DeploymentProvider
from declared.program import Resource
from tests.components.deployments import NEW, PROPS, SERVICE
from tests.components.engine import Engine, FakeAws, start_engine
from tests.evaluation import declare, one

TYPE = "pulumi-python:dynamic/ecs:Deployment"


class FakeEcs(FakeAws):
    """ECS with a service whose deployment has failed. state: of the next deployment, which the provider starts."""

    def __init__(self, state: str) -> None:
        super().__init__(self._answer)
        self.state = state

    def _answer(self, action: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
        again = bool(self.called("UpdateService"))
        deployment = {
            "id": "ecs-svc/2" if again else "ecs-svc/1",
            "status": "PRIMARY",
            "taskDefinition": NEW,
            "rolloutState": self.state if again else "FAILED",
            "rolloutStateReason": "tasks failed to start.",
            "createdAt": 1_800_000_000,
        }
        service = {
            "serviceName": "api-1a2b3c4",
            "status": "ACTIVE",
            "desiredCount": 2,
            "deployments": [deployment],
            "events": [],
        }
        answers: dict[str, dict[str, Any]] = {
            "DescribeServices": {"services": [service], "failures": []},
            "UpdateService": {"service": service},
            "ListTasks": {"taskArns": []},
        }
        return answers[action]


@pytest.fixture(scope="module")
def ecs() -> FakeEcs:
    return FakeEcs("COMPLETED")


@pytest.fixture(scope="module")
def engine(ecs: FakeEcs) -> Iterator[Engine]:
    with start_engine(ecs) as engine:
        yield engine


def properties(**changes: Any) -> Any:
    props = {**PROPS, "__provider": serialize_provider(DeploymentProvider()), **changes}
    return asyncio.run(rpc.serialize_properties(props, {}))


def diff(engine: Engine, olds: Any, news: Any) -> Any:
    return engine.provider.Diff(provider_pb2.DiffRequest(id=SERVICE, urn="urn", olds=olds, news=news))


def test_shows_no_change_when_nothing_changed(engine: Engine) -> None:
    """Every `pulumi up` shows a change, since on the way through the engine numbers become floats and None vanishes."""
    news = properties(timeout=600, deployment_id=None, configuration={"grace": 2}, desired_count=None)
    olds = properties(timeout=600.0, deployment_id="ecs-svc/1", configuration={"grace": 2.0}, desired_count=None)
    assert diff(engine, olds, news).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_shows_an_update_when_an_input_is_taken_away(engine: Engine) -> None:
    """ECS keeps a setting that the program no longer declares."""
    olds = properties(deployment_id="ecs-svc/1", circuit_breaker={"resetOnHealthyTask": False})
    shown = diff(engine, olds, properties(circuit_breaker=None))
    assert shown.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(shown.replaces) == []


@pytest.mark.parametrize("unknown", [{"task_definition": rpc.UNKNOWN}, {"configuration": {"subnets": rpc.UNKNOWN}}])
def test_shows_an_update_in_a_preview_with_unknown_inputs(engine: Engine, unknown: dict[str, Any]) -> None:
    """A preview fails or hides the update, since a new image's digest and its task definition are not known yet."""
    shown = diff(engine, properties(deployment_id="ecs-svc/1"), properties(**unknown))
    assert shown.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(shown.replaces) == []


def test_pickles_by_name_only() -> None:
    """Every edit of the provider's code shows a change of every service, since the pickle contains the code."""
    assert len(serialize_provider(DeploymentProvider())) < 200


def test_deploys_from_a_pickled_provider() -> None:
    """The deployment cannot run from the provider that is stored in the state, or its output and errors do not reach
    the user.
    """
    ecs = FakeEcs("FAILED")
    with start_engine(ecs) as engine:
        request = provider_pb2.CreateRequest(urn="urn", properties=properties())
        with pytest.raises(grpc.RpcError, match=r"details = \"api: .*tasks failed to start\.[\s\S]*`pulumi up`"):
            engine.provider.Create(request)
        ecs.calls.clear()
        ecs.state = "COMPLETED"
        created = engine.provider.Create(request)
        assert (created.id, created.properties["deployment_id"]) == (SERVICE, "ecs-svc/2")
        engine.process.send_signal(signal.SIGINT)
        written, _ = engine.process.communicate(timeout=30)
    assert written.decode().splitlines() == ["(service api-1a2b3c4) runs api:2; it is told to deploy api:2"] * 2


def test_ends_when_interrupted() -> None:
    """After the second Ctrl-C, which interrupts the provider, the shell still waits for the deployment to end."""
    with start_engine(FakeEcs("IN_PROGRESS")) as engine:
        pending = engine.provider.Create.future(provider_pb2.CreateRequest(urn="urn", properties=properties()))
        assert engine.process.stdout is not None
        assert engine.process.stdout.readline()  # The deployment has begun.
        engine.process.send_signal(signal.SIGINT)
        assert engine.process.wait(30) == 0
        assert pending.exception() is not None


@pytest.mark.parametrize("computed", [True, False], ids=["update", "preview of a new stack"])
def test_declares_the_arguments_of_the_check(computed: bool) -> None:
    """The provider checks with other arguments than the program declares, or the preview of a new stack fails."""

    def run() -> None:
        cluster = aws.ecs.Cluster("platform")
        definition = aws.ecs.TaskDefinition("api", family="api", container_definitions="[]")
        service = aws.ecs.Service("api", cluster=cluster.arn, task_definition=definition.arn)
        group = aws.cloudwatch.LogGroup("api")
        Deployment(
            "api",
            cluster=cluster.arn,
            service=service.arn,
            task_definition=definition.arn,
            container="api",
            log_group=group.name,
            log_stream_prefix="api",
            timeout=600,
            configuration={"load_balancer": group.arn},
            desired_count=2,
            tags={},
            connection={"region": "us-east-1"},
            opts=pulumi.ResourceOptions(parent=cluster),
        )

    program = declare(run, computed=computed)
    declared = one(program, TYPE, "api")

    def output(type_: str, name: str, property_: str) -> Any:
        resource: Resource = one(program, type_, name)
        return resource.outputs[property_]

    computed_inputs = {
        "cluster": ("aws:ecs/cluster:Cluster", "platform", "arn"),
        "service": ("aws:ecs/service:Service", "api", "arn"),
        "task_definition": ("aws:ecs/taskDefinition:TaskDefinition", "api", "arn"),
        "log_group": ("aws:cloudwatch/logGroup:LogGroup", "api", "name"),
    }
    if computed:
        assert {key: declared.inputs[key] for key in computed_inputs} == {
            key: output(*of) for key, of in computed_inputs.items()
        }
    else:
        assert all(isinstance(declared.inputs[key], pulumi.output.Unknown) for key in computed_inputs)
    assert {key: declared.inputs[key] for key in ("container", "log_stream_prefix", "timeout", "connection")} == {
        "container": "api",
        "log_stream_prefix": "api",
        "timeout": 600,
        "connection": {"region": "us-east-1"},
    }
    assert "load_balancer" in declared.inputs["configuration"]
    assert declared.secrets == frozenset()
