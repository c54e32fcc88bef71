"""The permissions of the roles: no wildcard actions, and `*` as resource only where AWS offers no narrower one."""

import json
from typing import Any

import pytest

from declared.program import Program
from tests.evaluation import policy

_TABLE = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/geography_domain/table/countries"
_SYSTEM = "arn:aws:cassandra:us-east-1:000000000000:/keyspace/system*"
_DESCRIBE = {"ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints"}

# Actions without resource-level permissions (service authorization reference).
_ON_EVERYTHING = _DESCRIBE | {"ecr:GetAuthorizationToken"}


def _grants(document: dict[str, Any]) -> set[tuple[str, str]]:
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
    return {(action, statement["Resource"]) for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize(
    ("role", "on_table"),
    [
        ("query-api-task", {"cassandra:Select"}),
        ("load-countries-task", {"cassandra:Select", "cassandra:Modify"}),
    ],
)
def test_a_task_may_use_its_table_and_nothing_else(program: Program, role: str, on_table: set[str]) -> None:
    """With more permissions, an attacker in the program reaches other data; with fewer, the program cannot connect."""
    assert _grants(policy(program, role)) == (
        {(action, _TABLE) for action in on_table}
        | {("cassandra:Select", _SYSTEM)}
        | {(action, "*") for action in _DESCRIBE}
    )


@pytest.mark.parametrize("name", ["load-countries", "query-api"])
def test_ecs_may_pull_one_image_write_one_log_and_read_its_secrets(program: Program, name: str) -> None:
    """With more permissions, one microservice's host role reads another's code; with fewer, the task cannot start."""
    repository = f"arn:aws:ecr:us-east-1:000000000000:repository/{name}"
    parameter = f"arn:aws:ssm:us-east-1:000000000000:parameter/keyspaces-platform/dev/{name}/CURSOR_KEY"
    log_group = f"arn:aws:logs:us-east-1:000000000000:log-group:{name}:*"
    assert _grants(policy(program, f"{name}-execution")) == {
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchCheckLayerAvailability", repository),
        ("ecr:BatchGetImage", repository),
        ("ecr:GetDownloadUrlForLayer", repository),
        ("logs:CreateLogStream", log_group),
        ("logs:PutLogEvents", log_group),
        *([("ssm:GetParameters", parameter)] if name == "query-api" else []),
    }


def test_grants_no_action_by_wildcard_and_no_needless_star(program: Program) -> None:
    """A new policy grants too much, and a reviewer of the component overlooks it."""
    policies = list(program.of_type("aws:iam/rolePolicy:RolePolicy"))
    assert len(policies) == 4
    for resource in policies:
        for action, on in _grants(json.loads(resource.inputs["policy"])):
            assert "*" not in action
            assert on != "*" or action in _ON_EVERYTHING


def test_trusts_ecs_tasks_of_this_account_only(program: Program) -> None:
    """Another account's tasks can run with the role."""
    for role in program.of_type("aws:iam/role:Role"):
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "000000000000"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:000000000000:*"},
        }


def test_attaches_no_managed_policy(program: Program) -> None:
    """A role gets permissions that nobody chose: managed policies use wildcards, and AWS changes them."""
    for role in program.of_type("aws:iam/role:Role"):
        assert not {"managedPolicyArns", "inlinePolicies"} & role.inputs.keys()
    assert not [resource for resource in program.resources if "policyAttachment" in resource.type]
