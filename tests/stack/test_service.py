"""How a service is put together: each part gets its inputs, with every combination of settings."""

from typing import Any

import pulumi
import pytest

from declared.program import Program, Resource
from tests.evaluation import evaluate, one

_TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def _service(program: Program) -> Resource:
    return one(program, "aws:ecs/service:Service", "query-api")


def _deployment(program: Program) -> Any:
    return one(program, "pulumi-python:dynamic/ecs:Deployment", "query-api").inputs


def test_waits_for_the_deployment_it_asked_for(program: Program) -> None:
    """`pulumi up` watches another service, signs in to another account, or checks another task definition."""
    service, check = _service(program), _deployment(program)
    assert check["service"] == service.outputs["name"]
    assert check["cluster"] == service.inputs["cluster"]
    assert check["task_definition"] == service.inputs["taskDefinition"]
    assert check["desired_count"] == service.inputs["desiredCount"]
    assert check["tags"] == service.inputs["tags"]
    assert check["container"] == check["log_stream_prefix"] == "query-api"
    assert check["log_group"] == one(program, "aws:cloudwatch/logGroup:LogGroup", "query-api").outputs["name"]
    assert check["timeout"] == 1800
    assert check["connection"]["region"] == "us-east-1"
    assert check["connection"]["account"] == "000000000000"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"spotWeight": "3", "onDemandBase": "2"},
        {"egress": "public", "exec": "true"},
        {"alarmTopicArn": _TOPIC, "rollbackOnAlarms": "true"},
    ],
)
def test_sends_ecs_the_same_settings_when_it_deploys_again(settings: dict[str, str]) -> None:
    """After a rollback, which reverts all settings, the second `pulumi up` deploys only some of the declared ones."""
    program = evaluate(settings)
    service, again = _service(program).inputs, _deployment(program)["configuration"]
    network = service["networkConfiguration"]
    assert again["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": sorted(network["subnets"]),
        "securityGroups": network["securityGroups"],
        "assignPublicIp": "ENABLED" if network["assignPublicIp"] else "DISABLED",
    }
    assert again["loadBalancers"] == service["loadBalancers"]
    assert [{"base": 0, **strategy} for strategy in service["capacityProviderStrategies"]] == again[
        "capacityProviderStrategy"
    ]
    assert again["healthCheckGracePeriodSeconds"] == service["healthCheckGracePeriodSeconds"] == 60
    assert again["enableExecuteCommand"] is service["enableExecuteCommand"]
    deploying = again["deploymentConfiguration"]
    assert deploying["deploymentCircuitBreaker"] == service["deploymentCircuitBreaker"]
    assert deploying["minimumHealthyPercent"] == service["deploymentMinimumHealthyPercent"]
    assert deploying["maximumPercent"] == service["deploymentMaximumPercent"]
    assert deploying["alarms"] == service.get("alarms", {"alarmNames": [], "enable": False, "rollback": False})


@pytest.mark.parametrize("scaled", [True, False])
def test_leaves_the_number_of_tasks_to_autoscaling(scaled: bool) -> None:
    """Every `pulumi up` under load removes tasks, or a count changed by hand stays although nothing scales the
    service.
    """
    program = evaluate({"queryApiMaxTasks": "6"} if scaled else {})
    assert _service(program).ignore_changes == ({"desiredCount"} if scaled else set())
    assert ("desired_count" in _deployment(program)) is not scaled


def test_rolls_back_by_the_alarms_of_its_traffic(production: Program) -> None:
    """A deployment that answers 500 stays, or the service waits for an alarm that itself needs the service."""
    alarms = _service(production).inputs["alarms"]
    assert alarms["alarmNames"] == ["query-api-errors", "query-api-latency", "query-api-unhealthy"]
    assert alarms["enable"] is alarms["rollback"] is True


def test_declares_alarms_of_traffic_tasks_and_table(production: Program) -> None:
    """The owner is not told of a fault."""
    of_table = (f"countries-{kind}" for kind in ("throttles", "system-errors", "user-errors"))
    kinds = ("errors", "latency", "unhealthy", "tasks", *of_table)
    declared = {alarm.name for alarm in production.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert declared == {f"query-api-{kind}" for kind in kinds}


def test_has_the_url_once_it_is_deployed() -> None:
    """A smoke test of the URL output reaches the tasks of the previous deployment."""
    listener = (
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2"
    )
    existing = {
        "listenerArn": listener,
        "listenerSecurityGroupId": "sg-0123456789abcdef0",
        "listenerUrl": "https://api.example.com",
    }
    assert evaluate(existing).outputs["url"] == "https://api.example.com"
    assert isinstance(evaluate(existing, computed=False).outputs["url"], pulumi.output.Unknown)
