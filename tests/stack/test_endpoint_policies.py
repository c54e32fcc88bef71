"""The policies of the VPC endpoints: they allow the tasks' permissions, for principals of this account, and
nothing else.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from components import NewVpc
from declared import aws as mocked
from declared.program import Program
from tests.components.networks import declared, policies
from tests.evaluation import policy

_ACCOUNT = mocked.ACCOUNT
_EVERY_ENDPOINT = NewVpc(egress="endpoints", session_endpoint=True, parameter_endpoint=True, secret_endpoint=True)
_ARN = f"us-east-1:{_ACCOUNT}"


def _passes(program: Program, service: str, action: str, resource: str, *, account: str = _ACCOUNT) -> bool:
    """True if the endpoint's policy allows a principal of `account`, by the parts of IAM's evaluation that are
    used here.
    """

    def matches(statement: Mapping[str, Any]) -> bool:
        assert (statement["Effect"], statement["Principal"]) == ("Allow", "*")
        condition = statement.get("Condition", {"StringEqualsIfExists": {"aws:PrincipalAccount": account}})
        assert condition.keys() == {"StringEqualsIfExists"}
        assert condition["StringEqualsIfExists"].keys() == {"aws:PrincipalAccount"}
        return (
            action in statement["Action"]
            and fnmatchcase(resource, statement["Resource"])
            and bool(condition["StringEqualsIfExists"]["aws:PrincipalAccount"] == account)
        )

    return any(map(matches, policies(program)[service]["Statement"]))


_ENDPOINTS_OF = {
    "cassandra": ["cassandra"],
    "ecr": ["ecr.api", "ecr.dkr"],
    "logs": ["logs"],
    "secretsmanager": ["secretsmanager"],
    "ssm": ["ssm"],
    "ssmmessages": ["ssmmessages"],
}


@pytest.mark.parametrize(
    "role", ["load-countries-task", "query-api-task", "load-countries-execution", "query-api-execution"]
)
def test_allows_the_permissions_of_each_role(program: Program, role: str) -> None:
    """An endpoint denies a task's legitimate call, and the error does not name the endpoint."""
    without_internet = declared(_EVERY_ENDPOINT, keyspace="geography_domain")
    checked = 0
    for statement in policy(program, role)["Statement"]:
        for action in statement["Action"]:
            for service in _ENDPOINTS_OF.get(action.partition(":")[0], []):
                for stack in (without_internet, program):
                    if service in policies(stack):
                        assert _passes(stack, service, action, statement["Resource"]), (action, statement["Resource"])
                        checked += 1
    assert checked >= 4


@pytest.mark.parametrize(
    "action", ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]
)
def test_allows_sessions(action: str) -> None:
    """ECS Exec does not connect."""
    program = declared(_EVERY_ENDPOINT)
    assert _passes(program, "ssmmessages", f"ssmmessages:{action}", "*")


_TABLE = f"arn:aws:cassandra:{_ARN}:/keyspace/shop/table/items"
_ALLOWED = [
    ("cassandra", "cassandra:Select", _TABLE),
    ("cassandra", "cassandra:Modify", _TABLE),
    ("cassandra", "cassandra:Select", f"arn:aws:cassandra:{_ARN}:/keyspace/system_schema/table/tables"),
    ("ecr.api", "ecr:GetAuthorizationToken", "*"),
    ("ecr.dkr", "ecr:BatchGetImage", f"arn:aws:ecr:{_ARN}:repository/api-0a1b2c3"),
    ("logs", "logs:PutLogEvents", f"arn:aws:logs:{_ARN}:log-group:api-0a1b2c3:log-stream:api/api/0"),
    ("ssm", "ssm:GetParameters", f"arn:aws:ssm:{_ARN}:parameter/keyspaces-platform/dev/api/SIGNING_KEY"),
    ("ssm", "ssm:GetParameters", f"arn:aws:ssm:{_ARN}:parameter/payments/key"),
    ("secretsmanager", "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{_ARN}:secret:payments-a1B2c3"),
    ("ssmmessages", "ssmmessages:OpenDataChannel", "*"),
]


@pytest.mark.parametrize(("service", "action", "resource"), _ALLOWED)
def test_refuses_principals_of_other_accounts(service: str, action: str, resource: str) -> None:
    """An attacker in a task sends data out with credentials of another account."""
    program = declared(_EVERY_ENDPOINT)
    assert _passes(program, service, action, resource)
    assert not _passes(program, service, action, resource, account="111111111111")


@pytest.mark.parametrize(
    ("service", "action", "resource"),
    [
        ("cassandra", "cassandra:Select", f"arn:aws:cassandra:{_ARN}:/keyspace/shopping/table/items"),
        ("cassandra", "cassandra:Select", _TABLE.replace(_ACCOUNT, "111111111111")),
        ("cassandra", "cassandra:Modify", f"arn:aws:cassandra:{_ARN}:/keyspace/system_schema/table/tables"),
        ("cassandra", "cassandra:Drop", _TABLE),
        ("ecr.api", "ecr:BatchGetImage", "arn:aws:ecr:us-east-1:111111111111:repository/api"),
        ("ecr.dkr", "ecr:PutImage", f"arn:aws:ecr:{_ARN}:repository/api"),
        ("logs", "logs:PutLogEvents", "arn:aws:logs:us-east-1:111111111111:log-group:api:log-stream:a"),
        ("logs", "logs:GetLogEvents", f"arn:aws:logs:{_ARN}:log-group:api:log-stream:a"),
        ("logs", "logs:DescribeLogGroups", f"arn:aws:logs:{_ARN}:log-group::log-stream:"),
        ("logs", "logs:DescribeLogStreams", f"arn:aws:logs:{_ARN}:log-group:api:log-stream:"),
        (
            "secretsmanager",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:us-east-1:111111111111:secret:payments-a1B2c3",
        ),
        ("secretsmanager", "secretsmanager:PutSecretValue", f"arn:aws:secretsmanager:{_ARN}:secret:payments-a1B2c3"),
        ("ssm", "ssm:GetParameters", "arn:aws:ssm:us-east-1:111111111111:parameter/keyspaces-platform/dev/api/KEY"),
        ("ssm", "ssm:PutParameter", f"arn:aws:ssm:{_ARN}:parameter/keyspaces-platform/dev/api/SIGNING_KEY"),
        ("ssmmessages", "ssmmessages:GetEndpoint", "*"),
        ("s3", "s3:GetObject", "arn:aws:s3:::another-bucket/object"),
        ("s3", "s3:PutObject", "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/object"),
    ],
)
def test_denies_everything_else(service: str, action: str, resource: str) -> None:
    """A task can reach other keyspaces, accounts and buckets through the endpoint."""
    assert not _passes(declared(_EVERY_ENDPOINT), service, action, resource)


def test_allows_layers_of_images_for_every_signer() -> None:
    """Tasks cannot pull an image: ECR signs the URLs of layers as itself, so a condition on this account blocks
    them.
    """
    layer = "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/0a1b2c"
    assert _passes(declared(NewVpc()), "s3", "s3:GetObject", layer, account="222222222222")
