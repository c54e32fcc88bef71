"""Existing secrets: how a container gets them, who may read them, and which references are refused."""

from typing import Any

import pulumi_aws as aws
import pytest

from components import (
    Environment,
    ExistingParameter,
    ExistingSecret,
    KeyspacesMicroservice,
    NewVpc,
    Service,
    Table,
    read,
)
from components.arguments import InvalidArguments
from components.secrets.existing import Existing
from declared.program import Program
from tests.components.everything import KEY_ARN, SECRET_ARN
from tests.evaluation import container, declare, dependencies, one, policy

_PARAMETER_ARN = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/payments"


def _declare(computed: bool = True, **arguments: Any) -> Program:
    given: dict[str, Any] = {"network": NewVpc(), **arguments}

    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", network=given.pop("network")),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(),
            **given,
        )

    return declare(run, computed=computed)


@pytest.mark.parametrize(
    ("secret", "source"),
    [
        (ExistingSecret(arn=SECRET_ARN), SECRET_ARN),
        (ExistingSecret(arn=SECRET_ARN, key="password"), f"{SECRET_ARN}:password::"),
        (ExistingSecret(arn=SECRET_ARN, version_stage="AWSPREVIOUS"), f"{SECRET_ARN}::AWSPREVIOUS:"),
        (ExistingSecret(arn=SECRET_ARN, key="a", version_id="1234"), f"{SECRET_ARN}:a::1234"),
        (ExistingParameter(arn=_PARAMETER_ARN), _PARAMETER_ARN),
    ],
)
def test_passes_the_secrets_arn_to_ecs(secret: Existing, source: str) -> None:
    """The task does not start, or the container gets another secret's value."""
    declared = container(_declare(secrets={"KEY": secret}), "api")
    assert declared["secrets"] == [{"name": "KEY", "valueFrom": source}]


@pytest.mark.parametrize(
    ("secret", "action", "service"),
    [
        (
            ExistingSecret(arn=SECRET_ARN, key="a", kms_key_arn=KEY_ARN),
            "secretsmanager:GetSecretValue",
            "secretsmanager",
        ),
        (ExistingParameter(arn=_PARAMETER_ARN, kms_key_arn=KEY_ARN), "ssm:GetParameters", "ssm"),
    ],
)
def test_ecs_may_read_only_this_secret_with_this_key(secret: Existing, action: str, service: str) -> None:
    """With more rights, the host's role reads other secrets or decrypts in other ways; with fewer, no task starts."""
    before = policy(_declare(), "api-execution")["Statement"]
    program = _declare(secrets={"KEY": secret})
    more = [each for each in policy(program, "api-execution")["Statement"] if each not in before]
    assert more == [
        {"Effect": "Allow", "Action": [action], "Resource": secret.arn},
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": KEY_ARN,
            "Condition": {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}},
        },
    ]
    assert policy(program, "api-task") == policy(_declare(), "api-task")


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_accepts_a_secret_of_the_same_program(computed: bool) -> None:
    """The preview fails for a secret that is created beside the microservice, since its ARN is not known yet."""
    made: list[aws.secretsmanager.Secret] = []

    def run() -> None:
        made.append(aws.secretsmanager.Secret("payments"))
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop"),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(),
            secrets={"KEY": ExistingSecret(arn=made[0].arn, key="password")},
        )

    program = declare(run, computed=computed)
    assert "Secret payments" in dependencies(program, one(program, "aws:ecs/service:Service", "api"))


def test_starts_tasks_once_the_endpoints_of_their_secrets_are_there() -> None:
    """Tasks without internet cannot fetch the secret, and the deployment fails."""
    network = NewVpc(egress="endpoints", parameter_endpoint=True, secret_endpoint=True)
    secrets = {"A": ExistingSecret(arn=SECRET_ARN), "B": ExistingParameter(arn=_PARAMETER_ARN)}
    program = _declare(network=network, secrets=secrets)
    found = dependencies(program, one(program, "aws:ecs/service:Service", "api"))
    assert {"VpcEndpoint shop-ssm", "VpcEndpoint shop-secretsmanager"} <= found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"network": NewVpc(egress="endpoints"), "secrets": {"KEY": ExistingSecret(arn=SECRET_ARN)}},
            r"secrets has KEY, which needs NewVpc\(secret_endpoint=True\) where the egress is endpoints",
        ),
        (
            {"network": NewVpc(egress="endpoints"), "secrets": {"KEY": ExistingParameter(arn=_PARAMETER_ARN)}},
            r"secrets has KEY, which needs NewVpc\(parameter_endpoint=True\) where the egress is endpoints",
        ),
        ({"secrets": {"AWS_REGION": ExistingSecret(arn=SECRET_ARN)}}, "secrets has AWS_REGION, which the component"),
        (
            {"secrets": {"KEY": ExistingSecret(arn=SECRET_ARN)}, "variables": {"KEY": "1"}},
            "secrets has KEY, which variables has too; name it in one of them",
        ),
        (
            {"secrets": {"KEY": ExistingSecret(arn=SECRET_ARN)}, "generated_secrets": ["KEY"]},
            "secrets has KEY, which generated_secrets has too",
        ),
        ({"secrets": {"a-b": ExistingSecret(arn=SECRET_ARN)}}, "secrets has 'a-b'; use names of environment variables"),
        ({"secrets": {"KEY": SECRET_ARN}}, "secrets has str for KEY; give an ExistingSecret or an ExistingParameter"),
        (
            {"secrets": {"KEY": ExistingSecret(arn=SECRET_ARN.replace("us-east-1", "eu-west-1"))}},
            "but this stack is in us-east-1: give one of that region",
        ),
    ],
)
def test_refuses_secrets_ecs_could_not_read(arguments: dict[str, Any], message: str) -> None:
    """The deployment fails after minutes, when the first task cannot get its secrets."""
    with pytest.raises(ValueError, match=message):  # Once a region is known, Pulumi wraps the error in one of its own.
        _declare(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"arn": SECRET_ARN[:-7]}, "ExistingSecret: arn is 'arn:.*payments'; give an ARN such as"),
        ({"arn": _PARAMETER_ARN}, "ExistingSecret: arn is"),
        ({"arn": SECRET_ARN, "key": "a:b"}, "key is 'a:b'; use up to 256 characters without spaces and colons"),
        (
            {"arn": SECRET_ARN, "version_stage": "A", "version_id": "1"},
            "version_id is set, and so is version_stage; ECS takes one of them",
        ),
        ({"arn": SECRET_ARN, "kms_key_arn": "alias/key"}, "kms_key_arn is 'alias/key'; give an ARN such as"),
    ],
)
def test_refuses_an_invalid_reference(arguments: dict[str, Any], message: str) -> None:
    """A typing mistake becomes a permission for another secret, or a task that does not start."""
    with pytest.raises(InvalidArguments, match=message):
        ExistingSecret(**arguments)
