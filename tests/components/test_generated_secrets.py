"""Generated secrets as a microservice declares them: names, permissions, order and refused arguments."""

from typing import Any

import pulumi
import pytest

from components import Environment, KeyspacesMicroservice, NewVpc, Once, Service, Table, read
from components.arguments import InvalidArguments
from declared.program import Program
from tests.evaluation import container, declare, dependencies, one, policy

_PARAMETER = "pulumi-python:dynamic/ssm:SecretParameter"
_ARN = "arn:aws:ssm:us-east-1:000000000000:parameter/keyspaces-platform/dev/api/{}"


def _declare(*secrets: str, computed: bool = True, **arguments: Any) -> Program:
    given: dict[str, Any] = {"network": NewVpc(), "run": Service(), "generated_secrets": secrets, **arguments}

    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", network=given.pop("network"), tags={"Team": "shop"}),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            **given,
        )

    return declare(run, computed=computed)


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_declares_a_parameter_for_each_and_no_value(computed: bool) -> None:
    """The preview of a new stack fails, two microservices share one parameter, or the value is stored in the state."""
    program = _declare("KEY_A", "KEY_B", computed=computed)
    parameters = {parameter.name: parameter for parameter in program.of_type(_PARAMETER)}
    assert parameters.keys() == {"api-KEY_A", "api-KEY_B"}
    inputs = dict(parameters["api-KEY_A"].inputs)
    assert inputs.pop("__provider")
    assert inputs == {
        "parameter": "/keyspaces-platform/dev/api/KEY_A",
        "arn": _ARN.format("KEY_A"),
        "tags": {"Team": "shop", "Microservice": "api", "GeneratedFor": "/keyspaces-platform/dev/api"},
        "connection": {"region": "us-east-1", "account": "000000000000"},
    }
    names = {variable["name"] for variable in container(program, "api")["environment"]} if computed else set()
    assert not names & {"KEY_A", "KEY_B"}


def test_ecs_may_read_only_these_parameters() -> None:
    """With more rights, one microservice's host role reads another's key; with fewer, no task starts."""
    without = policy(_declare(), "api-execution")["Statement"]
    more = [
        statement
        for statement in policy(_declare("KEY_A", "KEY_B"), "api-execution")["Statement"]
        if statement not in without
    ]
    assert more == [
        {"Effect": "Allow", "Action": ["ssm:GetParameters"], "Resource": _ARN.format(key)} for key in ("KEY_A", "KEY_B")
    ]
    assert "ssm" not in str(policy(_declare("KEY_A"), "api-task"))


@pytest.mark.parametrize(
    ("run", "type_"),
    [(Service(), "aws:ecs/service:Service"), (Once(), "pulumi-python:dynamic/ecs:TaskRun")],
    ids=["service", "once"],
)
def test_starts_tasks_once_their_secrets_are_there(run: Service | Once, type_: str) -> None:
    """The first tasks cannot start, and during a destroy the remaining tasks cannot be replaced."""
    program = _declare("KEY_A", run=run)
    for user in (one(program, type_, "api"), one(program, "aws:ecs/taskDefinition:TaskDefinition", "api")):
        assert "SecretParameter api-KEY_A" in dependencies(program, user)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"generated_secrets": "KEY"}, "generated_secrets is one string, 'KEY'; give a list of names"),
        ({"generated_secrets": ["A-KEY"]}, "generated_secrets has 'A-KEY'; use names of environment variables"),
        ({"generated_secrets": ["1KEY"]}, "generated_secrets has '1KEY'"),
        ({"generated_secrets": [""]}, "generated_secrets has ''"),
        ({"generated_secrets": ["A" * 129]}, "up to 128 letters"),
        ({"generated_secrets": ["PORT"]}, "generated_secrets has PORT, which the component sets; use another name"),
        (
            {"generated_secrets": ["KEY"], "variables": {"KEY": "x"}},
            "generated_secrets has KEY, which variables has too; name it in one of them",
        ),
        ({"generated_secrets": ["KEY", "KEY"]}, "generated_secrets has KEY twice; name each once"),
        (
            {"generated_secrets": ["KEY"], "network": NewVpc(egress="endpoints")},
            r"generated_secrets needs NewVpc\(parameter_endpoint=True\) where the egress is endpoints",
        ),
    ],
)
def test_refuses_invalid_arguments(arguments: dict[str, Any], said: str) -> None:
    """The update fails halfway with AWS's error, or a task starts with another value than its program expects."""
    with pytest.raises(InvalidArguments, match=said):
        _declare(**arguments)


@pytest.mark.parametrize("project", ["aws-shop", "SSM"])
def test_refuses_a_project_whose_parameters_would_be_awss(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    """PutParameter refuses the name after the rest of the stack is created."""
    monkeypatch.setattr(pulumi, "get_project", lambda: project)
    with pytest.raises(InvalidArguments, match=f"generated_secrets needs parameters under /{project}/dev, but names"):
        _declare("KEY")
    _declare()  # A project without generated secrets may have such a name.


def test_accepts_secrets_with_a_parameter_endpoint() -> None:
    """A stack without internet cannot have generated secrets."""
    program = _declare("KEY", network=NewVpc(egress="endpoints", parameter_endpoint=True))
    service = one(program, "aws:ecs/service:Service", "api")
    assert "VpcEndpoint shop-ssm" in dependencies(program, service)
