"""The dev and production examples declare no resource of a capability that their settings do not ask for."""

import json
from collections.abc import Iterator

import pytest

from components import Environment, GuardDutyAgent, KeyspacesMicroservice, Service, Table, Tracing, read
from declared.program import Program, Resource
from tests.components.everything import declare_everything
from tests.evaluation import declare

# Each capability, and the beginnings of the lines that `_declared` writes for it.
_MARKS = {
    "alarms": ["type aws:cloudwatch/metricAlarm:"],
    "dashboard": ["type aws:cloudwatch/dashboard:"],
    "access logs": ["type aws:s3/bucket:", "access logs"],
    "web ACL": ["type aws:wafv2/"],
    "HTTPS": ["type aws:acm/", "type aws:route53/", "input Listener.certificateArn"],
    "existing secrets": ["action secretsmanager:", "action kms:"],
    "scaling": ["type aws:appautoscaling/policy:"],
    "scaling by schedule": ["type aws:appautoscaling/scheduledAction:"],
    "Spot": ["capacity FARGATE_SPOT"],
    "tracing": ["variable OTEL_", "action xray:", "endpoint xray"],
    "sidecars": ["sidecar "],
    "GuardDuty": ["endpoint guardduty-data", "pulls another account's image"],
    "ECS Exec": ["action ssmmessages:", "endpoint ssmmessages"],
    "sources in S3": ["action s3:", "buckets "],
    "deployments that move requests": ["input Service.deploymentConfiguration", "action elasticloadbalancing:"],
    "schedules": ["type aws:scheduler/", "type aws:sqs/", "type aws:cloudwatch/eventRule:"],
    "bulk loads": ["type aws:glue/"],
    "own key": ["input LogGroup.kmsKeyId", "input Repository.encryptionConfigurations"],
    "limits of roles": ["input Role.permissionsBoundary", "input Role.path"],
    "endpoints as egress": ["endpoint ecr", "endpoint logs", "endpoint ssm", "endpoint secretsmanager"],
}
_DEV_ASKS = {"dashboard"}  # by the default of its setting
_PRODUCTION_ASKS = {"alarms", "dashboard", "access logs", "web ACL", "HTTPS", "scaling", "Spot"}


def _declared(program: Program) -> Iterator[str]:
    """One line for each kind of resource, input, action, environment variable, container and endpoint in the
    program.
    """
    for resource in program.resources:
        kind = resource.type.rpartition(":")[2]
        yield f"type {resource.type}"
        yield from (f"input {kind}.{key}" for key, value in resource.inputs.items() if value not in (None, False))
        yield from (f"capacity {each['capacityProvider']}" for each in _list(resource, "capacityProviderStrategies"))
        if kind == "TaskDefinition":
            for container in json.loads(resource.inputs["containerDefinitions"]):
                yield from (f"variable {each['name']}" for each in container.get("environment", []))
                if container["name"] != resource.name:
                    yield f"sidecar {container['name']}"
        elif kind == "LoadBalancer" and resource.inputs["accessLogs"]["enabled"]:
            yield "access logs"
        elif kind == "VpcEndpoint":
            service = resource.inputs["serviceName"].removeprefix("com.amazonaws.us-east-1.")
            yield f"endpoint {service}"
            statements = json.loads(resource.inputs["policy"])["Statement"]
            if service == "s3" and len(statements) > 1:
                yield f"buckets {statements[1:]}"
        elif kind == "RolePolicy":
            for statement in json.loads(resource.inputs["policy"])["Statement"]:
                yield from (f"action {action}" for action in statement["Action"])
                if "ecr:BatchGetImage" in statement["Action"] and ":000000000000:" not in statement["Resource"]:
                    yield f"pulls another account's image {statement['Resource']}"


def _list(resource: Resource, key: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = resource.inputs.get(key) or []
    return found


def _everything() -> None:
    declare_everything()
    env = Environment(
        "more",
        keyspace="more",
        guardduty=GuardDutyAgent(repository="593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate"),
        role_path="/teams/",
        permissions_boundary_arn="arn:aws:iam::123456789012:policy/boundary",
    )
    KeyspacesMicroservice(
        "traced",
        environment=env,
        tables=[read(Table(name="more", columns={"id": "text"}, partition_key=["id"]))],
        dockerfile="app/countries.Dockerfile",
        command=["serve"],
        run=Service(tracing=Tracing()),
    )


def _of(program: Program, capability: str) -> set[str]:
    return {line for line in _declared(program) if line.startswith(tuple(_MARKS[capability]))}


@pytest.fixture(scope="module")
def everything() -> Program:
    return declare(_everything)


@pytest.mark.parametrize("capability", _MARKS)
def test_lists_the_declarations_of_each_capability(everything: Program, capability: str) -> None:
    """The tests below look for lines that are never declared, so they pass whatever a stack declares."""
    lines = _of(everything, capability)
    assert [mark for mark in _MARKS[capability] if not any(line.startswith(mark) for line in lines)] == []


@pytest.mark.parametrize("capability", sorted(_MARKS.keys() - _DEV_ASKS))
def test_declares_nothing_of_it_in_the_dev_stack(program: Program, capability: str) -> None:
    """A user of the dev stack pays for a resource, or grants a permission, that nobody asked for."""
    assert _of(program, capability) == set()


@pytest.mark.parametrize("capability", sorted(_MARKS.keys() - _PRODUCTION_ASKS))
def test_declares_nothing_of_it_in_the_production_example(production: Program, capability: str) -> None:
    """A user of the production example pays for a resource, or grants a permission, that nobody asked for."""
    assert _of(production, capability) == set()
