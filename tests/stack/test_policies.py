"""The program complies with the policy pack, in its dev stack and in production."""

import dataclasses
import inspect
import re
from typing import Any

import pulumi
import pulumi_aws
import pytest

from components import Canary, Environment, KeyspacesMicroservice, LambdaHook, Pause, Service, Table, read
from declared import aws
from declared.program import Program, Resource
from declared.program import evaluate as evaluate_program
from declared.settings import read_settings
from rules.tags import TAGGABLE
from tests.components.everything import declare_everything
from tests.evaluation import REGION, ROOT, declare, evaluate
from tests.policy.validation import UNKNOWN, Given, all_violations


def _given(program: Program) -> list[Given]:
    """The resources as an engine passes them, without the values that only the provider adds.

    An engine knows the dependencies of each input; here, each unknown input depends on all dependencies of the
    resource.
    """
    by_urn: dict[str, Given] = {}
    for resource in program.resources:
        inputs = _spelled(resource.inputs)
        needed = [by_urn[urn] for urn in resource.depends_on if urn in by_urn]
        by_urn[resource.urn] = Given(
            type=resource.type,
            inputs=inputs,
            outputs={**_spelled(resource.outputs), "id": resource.id or UNKNOWN},
            name=resource.name,
            stack=resource.urn.removeprefix("urn:pulumi:").partition("::")[0],
            protect=resource.protect,
            depends_on={name: needed for name, value in inputs.items() if _has_unknown(value)},
        )
    return list(by_urn.values())


def _spelled(value: Any) -> Any:
    if isinstance(value, pulumi.output.Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, pulumi.FileAsset):
        return {"path": value.path}
    return [_spelled(item) for item in value] if isinstance(value, list) else value


def _has_unknown(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_unknown, value.values() if isinstance(value, dict) else value))
    return bool(value == UNKNOWN)


def test_keeps_dev_stack_to_the_policies(program: Program) -> None:
    """`pulumi up --policy-pack policy` refuses the project's own stack."""
    assert all_violations(_given(program)) == set()


def test_keeps_production_to_the_policies(production: Program) -> None:
    """Production cannot be deployed, or a rule no longer refuses anything."""
    given = _given(production)
    assert {resource.stack for resource in given} == {"prod"}
    assert all_violations(given) == set()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_accepts_the_first_preview(stack: str) -> None:
    """The preview of a new stack fails, since no ID or ARN is known."""
    given = _given(evaluate(computed=False, stack=stack))
    assert any(resource.inputs.get("policy") == UNKNOWN for resource in given)
    assert all_violations(given) == set()


def test_refuses_dev_settings_in_production() -> None:
    """Production's rules do not recognise a production stack, or miss a setting that it lacks."""
    dev = dataclasses.replace(read_settings(ROOT, "dev"), stack="production")
    program = evaluate_program(
        ROOT, dev, computed=aws.computed_by(REGION, "127.0.0.1:8080"), answer=aws.answers_for(REGION)
    )
    assert all_violations(_given(program)) >= {
        ("production-tables-are-recoverable", "load-countries-countries"),
        ("production-data-is-protected", "load-countries-countries"),
        ("production-data-is-protected", "keyspaces"),
        ("production-keeps-logs", "load-countries"),
        ("production-keeps-logs", "query-api"),
        ("production-keeps-load-balancers", "keyspaces"),
        ("production-http-rules-redirect", "query-api"),
    }


@pytest.mark.parametrize("computed", [True, False])
@pytest.mark.parametrize("blocked", [True, False])
def test_judges_buckets_and_their_blocks_as_a_program_declares_them(computed: bool, blocked: bool) -> None:
    """A bucket's public access block is not recognised, at least in a new stack's preview, or a missing one is
    accepted.
    """

    def run() -> None:
        tags = {"Project": "shop", "Stack": "dev"}
        bucket = pulumi_aws.s3.Bucket("logs", tags=tags)
        if blocked:
            pulumi_aws.s3.BucketPublicAccessBlock(
                "logs",
                bucket=bucket.id,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            )

    found = all_violations(_given(declare(run, computed=computed)))
    assert found == (set() if blocked else {("buckets-block-public-access", "logs")})


@pytest.mark.parametrize("computed", [True, False])
def test_keeps_a_service_that_moves_requests_to_the_policies(computed: bool) -> None:
    """A canary cannot be previewed with the policy pack, which refuses its roles and its rule."""

    def run() -> None:
        judge = LambdaHook(function_arn="arn:aws:lambda:us-east-1:123456789012:function:judge")
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", tags={"Project": "shop", "Stack": "dev"}),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(strategy=Canary(hooks=[Pause(), judge])),
        )

    assert all_violations(_given(declare(run, computed=computed))) == set()


@pytest.mark.parametrize("computed", [True, False])
def test_keeps_every_kind_of_resource_to_the_policies(computed: bool) -> None:
    """A worker, a schedule, an existing secret, a customer's own key or a bulk load cannot be deployed with the
    pack.
    """
    given = _given(declare(declare_everything, computed=computed))
    assert {"aws:glue/job:Job", "aws:scheduler/schedule:Schedule"} <= {resource.type for resource in given}
    assert {type_ for resource in given if _takes_tags(type_ := resource.type)} <= TAGGABLE
    assert all_violations(given) == set()


@pytest.mark.parametrize("computed", [True, False])
@pytest.mark.parametrize("name", ["query-api-tasks", "load-countries-tasks", "keyspaces-alb"])
def test_refuses_a_network_in_a_rule_of_the_programs_tasks(name: str, computed: bool) -> None:
    """A rule that somebody adds to a microservice's security group opens its tasks, even port 443 to the world."""
    given = _given(evaluate(computed=computed))
    (group,) = (each for each in given if each.type.endswith(":SecurityGroup") and each.name == name)
    opened = Given(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        inputs={
            "securityGroupId": group.outputs["id"],
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrIpv4": "0.0.0.0/0",
            "tags": {"Project": "keyspaces-platform", "Stack": "dev"},
        },
        name="opened",
        depends_on={} if computed else {"securityGroupId": [group]},
    )
    to_tasks = name.endswith("-tasks")
    assert all_violations([*given, opened]) == (
        {("tasks-accept-security-groups-only", "opened")} if to_tasks else set()
    )


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_requires_tags_of_every_taggable_resource(program: Program, production: Program, stack: str) -> None:
    """A resource of a type that rules/tags.py does not list may lack its tags, and the pack does not report it."""
    declared = {resource.type for resource in (program if stack == "dev" else production).resources}
    assert {type_ for type_ in declared if _takes_tags(type_)} <= TAGGABLE


def _takes_tags(type_: str) -> bool:
    match = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", type_)
    if not match:
        return False
    class_ = getattr(getattr(pulumi_aws, match[1]), match[2])
    return "tags" in inspect.signature(class_._internal_init).parameters


@pytest.mark.parametrize(
    ("type_", "name", "changes", "rule"),
    [
        ("aws:iam/rolePolicy:RolePolicy", "query-api-task", {"policy": "*"}, "iam-names-actions"),
        (
            "aws:ecr/repository:Repository",
            "query-api",
            {"imageScanningConfiguration": None},
            "repositories-scan-images",
        ),
        ("aws:keyspaces/table:Table", "load-countries-countries", {"tags": {}}, "resources-are-tagged"),
    ],
)
def test_notices_one_fault_in_the_program(
    program: Program, type_: str, name: str, changes: dict[str, Any], rule: str
) -> None:
    """The tests above pass although the rules find nothing in this program."""

    def spoil(resource: Resource) -> Resource:
        inputs = {**resource.inputs, **changes}
        if "policy" in changes:
            inputs["policy"] = resource.inputs["policy"].replace("cassandra:Select", "cassandra:*")
        return dataclasses.replace(resource, inputs=inputs)

    spoilt = [spoil(r) if (r.type, r.name) == (type_, name) else r for r in program.resources]
    assert all_violations(_given(Program(resources=spoilt))) == {(rule, name)}
