"""How a service is put together: each part gets what it is about, in every way to set it."""

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
    """`pulumi up` looks at another service, signs in to another account, or judges another task definition."""
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
def test_tells_ecs_the_same_when_it_deploys_again(settings: dict[str, str]) -> None:
    """ECS has taken all of it back: else the second `pulumi up` after a rollback deploys half of what was asked for."""
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
def test_leaves_the_number_of_tasks_to_autoscaling_if_there_is_any(scaled: bool) -> None:
    """Every `pulumi up` under load takes tasks away; or a number changed by hand stays."""
    program = evaluate({"queryApiMaxTasks": "6"} if scaled else {})
    assert _service(program).ignore_changes == ({"desiredCount"} if scaled else set())
    assert ("desired_count" in _deployment(program)) is not scaled


def test_goes_back_by_the_alarms_of_its_traffic(production: Program) -> None:
    """A deployment that answers 500 stays, or an alarm that needs the service is to be there before it."""
    alarms = _service(production).inputs["alarms"]
    assert alarms["alarmNames"] == ["query-api-errors", "query-api-latency", "query-api-unhealthy"]
    assert alarms["enable"] is alarms["rollback"] is True


def test_declares_alarms_of_traffic_tasks_and_table(production: Program) -> None:
    """Nobody learns of a fault."""
    of_table = (f"countries-{kind}" for kind in ("throttles", "system-errors", "user-errors"))
    kinds = ("errors", "latency", "unhealthy", "tasks", *of_table)
    declared = {alarm.name for alarm in production.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert declared == {f"query-api-{kind}" for kind in kinds}


def test_has_the_url_once_it_is_deployed() -> None:
    """A user of the URL, such as a smoke test, meets the tasks that ran before."""
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
