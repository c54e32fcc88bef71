"""Containers beside the program's: their settings, the program's remaining share, and refused arguments."""

import json
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from components import (
    Environment,
    ExistingSecret,
    KeyspacesMicroservice,
    NewVpc,
    Once,
    Scheduled,
    Service,
    Sidecar,
    Table,
    Worker,
    read,
)
from components.arguments import InvalidArguments
from components.network.vpc import Egress
from declared.program import Program
from tests.components.everything import KEY_ARN, PROXY, SECRET_ARN
from tests.evaluation import containers, declare, one, policy

_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_ECR = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/proxy@sha256:{'b' * 64}"
_LOCKS = ("readonlyRootFilesystem", "linuxParameters", "stopTimeout")


def _sidecar(**more: Any) -> Sidecar:
    return Sidecar(**{"name": "proxy", "image": PROXY, "cpu": 32, "memory": 64, **more})


def _declare(
    *sidecars: Sidecar, run: Any = None, computed: bool = True, egress: Egress = "nat", **more: Any
) -> Program:
    def declared() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", network=NewVpc(egress=egress)),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=run or Service(),
            sidecars=sidecars,
            **more,
        )

    return declare(declared, computed=computed)


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
@pytest.mark.parametrize("run", [Service(), Worker(), Once(), Scheduled(expression="rate(1 day)")], ids=type)
def test_adds_no_resource(run: Any, computed: bool) -> None:
    """A preview with a sidecar fails, or a sidecar adds resources, and costs, that nobody asked for."""

    def kinds(program: Program) -> list[tuple[str, str]]:
        return sorted((resource.type, resource.name) for resource in program.resources)

    assert kinds(_declare(_sidecar(), run=run, computed=computed)) == kinds(_declare(run=run, computed=computed))


def test_changes_nothing_unless_asked_for() -> None:
    """Every service is rolled when this version of the components is deployed."""
    program = _declare()
    (own,) = containers(program, "api")
    assert own.keys().isdisjoint({"cpu", "memory", "memoryReservation", "dependsOn"})
    assert one(program, _DEFINITION, "api").inputs["volumes"] == [{"name": "scratch"}]
    pulled = [each for each in policy(program, "api-execution")["Statement"] if "ecr:BatchGetImage" in each["Action"]]
    assert len(pulled) == 1


def test_is_locked_down_like_the_program() -> None:
    """An attacker in a sidecar becomes root in its container, or writes to the program's files."""
    program = _declare(_sidecar())
    own, proxy = containers(program, "api")
    assert {lock: proxy[lock] for lock in _LOCKS} == {lock: own[lock] for lock in _LOCKS}
    assert proxy["user"] == "10001:10001"
    assert proxy["portMappings"] == []
    assert proxy["mountPoints"] == [{"sourceVolume": "proxy-scratch", "containerPath": "/tmp", "readOnly": False}]
    assert one(program, _DEFINITION, "api").inputs["volumes"] == [{"name": "scratch"}, {"name": "proxy-scratch"}]


def test_takes_its_share_of_the_task_and_leaves_the_rest() -> None:
    """A busy sidecar leaves the program the fewest CPU shares that Linux has, or no memory."""
    own, proxy, agent = containers(
        _declare(_sidecar(), _sidecar(name="agent", cpu=64, memory=128), cpu=512, memory=1024), "api"
    )
    assert [(each["cpu"], each["memory"]) for each in (proxy, agent)] == [(32, 64), (64, 128)]
    assert (own["cpu"], own["memoryReservation"]) == (416, 832)
    assert "memory" not in own


def test_starts_in_the_declared_order() -> None:
    """The program starts before the proxy that it needs, or waits for a health check that does not exist."""
    own, proxy, agent, side = containers(
        _declare(
            _sidecar(health_check=["check"], grace_period=5),
            _sidecar(name="agent"),
            _sidecar(name="side", start="with", essential=False),
            cpu=512,
            memory=1024,
        ),
        "api",
    )
    assert own["dependsOn"] == [
        {"containerName": "proxy", "condition": "HEALTHY"},
        {"containerName": "agent", "condition": "START"},
    ]
    assert (proxy["healthCheck"]["command"], proxy["healthCheck"]["startPeriod"]) == (["CMD", "check"], 5)
    assert "healthCheck" not in agent
    assert [each["essential"] for each in (own, proxy, agent, side)] == [True, True, True, False]


@pytest.mark.parametrize("run", [Service(), Once()], ids=type)
def test_writes_to_streams_of_its_own(run: Any) -> None:
    """A sidecar's lines cannot be told from the program's, or a slow CloudWatch blocks the sidecar and so the
    program.
    """
    own, proxy = containers(_declare(_sidecar(), run=run), "api")
    of_own, of_proxy = (each["logConfiguration"]["options"] for each in (own, proxy))
    assert (of_own["awslogs-stream-prefix"], of_proxy["awslogs-stream-prefix"]) == ("api", "proxy")
    assert of_own["awslogs-group"] == of_proxy["awslogs-group"]
    assert of_proxy["mode"] == "non-blocking"


def test_is_a_definition_that_ecs_takes() -> None:
    """RegisterTaskDefinition refuses the definition in the middle of an update."""
    secrets = {"TOKEN": ExistingSecret(arn=SECRET_ARN)}
    program = _declare(_sidecar(command=["run"], variables={"LEVEL": "info"}, secrets=secrets, health_check=["check"]))
    definition = one(program, _DEFINITION, "api").inputs
    shape = Session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    assert shape is not None
    validate_parameters(
        {
            "family": definition["family"],
            "containerDefinitions": json.loads(definition["containerDefinitions"]),
            "volumes": definition["volumes"],
        },
        shape,
    )


def test_gets_its_own_variables_and_secrets_alone() -> None:
    """A sidecar gets the program's secrets, or cannot start since ECS may not read the sidecar's own."""
    secrets = {"TOKEN": ExistingSecret(arn=SECRET_ARN, kms_key_arn=KEY_ARN)}
    program = _declare(
        _sidecar(variables={"LEVEL": "info"}, secrets=secrets), generated_secrets=["KEY"], variables={"A": "b"}
    )
    own, proxy = containers(program, "api")
    assert proxy["environment"] == [{"name": "LEVEL", "value": "info"}]
    assert proxy["secrets"] == [{"name": "TOKEN", "valueFrom": SECRET_ARN}]
    assert [secret["name"] for secret in own["secrets"]] == ["KEY"]
    allowed = {
        action: each["Resource"]
        for each in policy(program, "api-execution")["Statement"]
        for action in each["Action"]
        if action in ("secretsmanager:GetSecretValue", "kms:Decrypt")
    }
    assert allowed == {"secretsmanager:GetSecretValue": SECRET_ARN, "kms:Decrypt": KEY_ARN}


@pytest.mark.parametrize("account", ["000000000000", "111111111111"])
def test_may_pull_its_repository_alone(account: str) -> None:
    """The task cannot start, or its execution role may read other teams' images."""
    program = _declare(
        _sidecar(image=_ECR.replace("000000000000", account)), _sidecar(name="other"), cpu=512, memory=1024
    )
    pulled = [
        each["Resource"]
        for each in policy(program, "api-execution")["Statement"]
        if "ecr:BatchGetImage" in each["Action"]
    ]
    assert pulled == [
        "arn:aws:ecr:us-east-1:000000000000:repository/api",
        f"arn:aws:ecr:us-east-1:{account}:repository/shop/proxy",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "Proxy"}, "name is 'Proxy'; use up to 40 of a-z"),
        ({"image": "public.ecr.aws/nginx/nginx:1"}, "image is .*; give it by digest and with its registry"),
        ({"image": PROXY.replace("@", ":1@")}, "image is .*; give it by digest"),
        ({"image": f"nginx@sha256:{'a' * 64}"}, "image is .*; give it by digest and with its registry"),
        ({"image": _ECR[:-1]}, "image is .*; give it by digest"),
        ({"image": _ECR.replace("ecr", "ecr-fips")}, "image is .*; give it by digest"),
        ({"cpu": 1}, "cpu is 1; use 2 to 16384 units"),
        ({"memory": 5}, "memory is 5; use 6 to 122880 MiB"),
        ({"command": "run it"}, "command is one string, 'run it'; give a list of words"),
        ({"health_check": "check"}, "health_check is one string, 'check'; give a list of words"),
        ({"secrets": {"1": ExistingSecret(arn=SECRET_ARN)}}, "secrets has '1'; use names of environment variables"),
        (
            {"secrets": {"A": ExistingSecret(arn=SECRET_ARN)}, "variables": {"A": "b"}},
            "secrets has A, which variables has too",
        ),
        ({"grace_period": 301}, "grace_period is 301; use 0 to 300 seconds"),
        ({"start": "after"}, "start is 'after'; use before, with"),
        *(
            ({"user": user}, "user is .*; use a user ID above 0")
            for user in ("0", "00", "0:0", "+0", "root", "", "\u0661")
        ),
    ],
)
def test_refuses_invalid_arguments(arguments: dict[str, Any], message: str) -> None:
    """AWS refuses the sidecar in the middle of an update, or a container runs as root."""
    with pytest.raises(InvalidArguments, match=f"Sidecar .*: {message}"):
        _sidecar(**arguments)


@pytest.mark.parametrize(
    ("sidecars", "message"),
    [
        ([_sidecar(cpu=129)], "sidecars takes 129 units of the task's cpu, which is 256; use up to 128"),
        (
            [_sidecar(), _sidecar(name="b", memory=193)],
            "takes 257 MiB of the task's memory, which is 512; use up to 256",
        ),
        ([_sidecar(), _sidecar()], "sidecars has proxy twice"),
        ([_sidecar(name="api")], "sidecars has api twice, or it is the microservice's name"),
        ([_sidecar(name=f"s{i}", cpu=2, memory=6) for i in range(10)], "sidecars has 10; use up to 9"),
        ([_sidecar(secrets={"A": "plain"})], "has proxy, whose argument secrets has str for A; give an ExistingSecret"),
    ],
)
def test_refuses_sidecars_that_do_not_fit_the_task(sidecars: list[Sidecar], message: str) -> None:
    """ECS refuses the task definition, or the sidecars leave the program too little CPU or memory."""
    with pytest.raises(InvalidArguments, match=message):
        _declare(*sidecars)


@pytest.mark.parametrize("sidecar", [_sidecar(cpu=128, memory=256)])
def test_accepts_a_sidecar_that_just_fits(sidecar: Sidecar) -> None:
    """The components refuse the very sizes that their error message suggests."""
    own, _ = containers(_declare(sidecar), "api")
    assert (own["cpu"], own["memoryReservation"]) == (128, 256)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "sidecars has proxy with the image public.ecr.aws/.*, which the egress endpoints does not reach"),
        ({"image": _ECR.replace("us-east-1", "eu-west-1")}, "sidecar proxy: image is .*, and the endpoints reach only"),
        (
            {"image": _ECR, "secrets": {"A": ExistingSecret(arn=SECRET_ARN)}},
            r"proxy, whose argument secrets has A, which needs NewVpc\(secret_endpoint=True\)",
        ),
    ],
)
def test_refuses_images_and_secrets_out_of_the_endpoints_reach(more: dict[str, Any], message: str) -> None:
    """Tasks stop before they start, minutes into the update."""
    with pytest.raises(ValueError, match=message):
        _declare(_sidecar(**more), egress="endpoints")


def test_pulls_from_this_account_through_the_endpoints() -> None:
    """A sidecar whose image was copied to this account, as the error message suggests, is refused too."""
    assert len(containers(_declare(_sidecar(image=_ECR), egress="endpoints"), "api")) == 2
