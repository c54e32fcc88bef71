"""A customer's own KMS key for log groups, repositories and generated secrets."""

from typing import Any

import pulumi_aws as aws
import pytest

from components import Environment, KeyspacesMicroservice, Service, Table, read
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.everything import KEY_ARN
from tests.evaluation import declare, one, policy


def _declare(key: Any, *, computed: bool = True, secrets: tuple[str, ...] = ("SIGNING_KEY",)) -> Program:
    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", kms_key_arn=key() if callable(key) else key),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            generated_secrets=secrets,
            run=Service(),
        )

    return declare(run, computed=computed)


def test_encrypts_every_resource_that_stores_data() -> None:
    """In an organisation that forbids AWS-owned keys, logs, images or secrets are encrypted with one."""
    program = _declare(KEY_ARN)
    assert one(program, "aws:cloudwatch/logGroup:LogGroup", "api").inputs["kmsKeyId"] == KEY_ARN
    assert one(program, "aws:ecr/repository:Repository", "api").inputs["encryptionConfigurations"] == [
        {"encryptionType": "KMS", "kmsKey": KEY_ARN}
    ]
    parameter = one(program, "pulumi-python:dynamic/ssm:SecretParameter", "api-SIGNING_KEY")
    assert parameter.inputs["kms_key"] == KEY_ARN


def test_ecs_may_decrypt_only_through_parameter_store() -> None:
    """With more rights, the host's role decrypts whatever else the key protects; with fewer, no task starts."""
    decrypting = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": KEY_ARN,
        "Condition": {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}},
    }
    assert policy(_declare(KEY_ARN), "api-execution")["Statement"][-1] == decrypting
    without_secrets = _declare(KEY_ARN, secrets=())
    assert "kms" not in str(policy(without_secrets, "api-execution")) + str(policy(without_secrets, "api-task"))


def test_changes_nothing_without_a_key() -> None:
    """Every stack without a key shows changes, and its repositories are replaced."""
    program = _declare(None)
    assert "kmsKeyId" not in one(program, "aws:cloudwatch/logGroup:LogGroup", "api").inputs
    assert "encryptionConfigurations" not in one(program, "aws:ecr/repository:Repository", "api").inputs
    assert "kms" not in str(policy(program, "api-execution"))


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_accepts_a_key_of_the_same_program(computed: bool) -> None:
    """The preview of a new stack fails, since the key's ARN is not known yet."""
    program = _declare(lambda: aws.kms.Key("own").arn, computed=computed)
    assert one(program, "aws:ecr/repository:Repository", "api").inputs["encryptionConfigurations"]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ("alias/mine", InvalidArguments, "Environment: kms_key_arn is 'alias/mine'; give an ARN such as"),
        (KEY_ARN.replace("us-east-1", "eu-west-1"), ValueError, "but this stack is in us-east-1"),
    ],
)
def test_refuses_a_key_of_another_region(key: str, error: type[Exception], message: str) -> None:
    """CloudWatch Logs refuses the key in the middle of an update."""
    with pytest.raises(error, match=message):
        _declare(key)
