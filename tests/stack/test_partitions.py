"""The stack in GovCloud and China, which have their own ARNs; China also has its own DNS names."""

import dataclasses
import re

import pytest

from declared import aws
from declared.program import Call, Inputs, Program
from declared.program import evaluate as evaluate_program
from declared.settings import read_settings
from tests.evaluation import ROOT, container


def _evaluate(region: str, **settings: str) -> tuple[Program, list[Call]]:
    declared = read_settings(ROOT, "dev")
    values = {
        **declared.values,
        "aws:region": region,
        **{f"{declared.project}:{key}": v for key, v in settings.items()},
    }
    calls = []
    answers = aws.answers_for(region)

    def answer(call: Call) -> Inputs:
        calls.append(call)
        return answers(call)

    program = evaluate_program(
        ROOT,
        dataclasses.replace(declared, values=values),
        computed=aws.computed_by(region, "127.0.0.1:8080"),
        answer=answer,
    )
    return program, calls


@pytest.mark.parametrize(
    ("region", "partition", "endpoint"),
    [
        ("us-east-1", "aws", "cassandra.us-east-1.amazonaws.com:9142"),
        ("us-gov-west-1", "aws-us-gov", "cassandra.us-gov-west-1.amazonaws.com:9142"),
        ("cn-north-1", "aws-cn", "cassandra.cn-north-1.amazonaws.com.cn:9142"),
    ],
)
def test_uses_the_names_of_the_partition(region: str, partition: str, endpoint: str) -> None:
    """Half an hour into the update, tasks look for a host that does not exist, or roles allow nothing."""
    program, _ = _evaluate(region, egress="endpoints", accessLogDays="30")
    variables = {each["name"]: each["value"] for each in container(program, "query-api")["environment"]}
    assert variables["KEYSPACES_ENDPOINT"] == endpoint
    documents = [
        resource.inputs[property_]
        for resource in program.resources
        for property_ in ("policy", "assumeRolePolicy")
        if property_ in resource.inputs
    ]
    assert {arn for text in documents for arn in re.findall(r"arn:([a-z-]+):", text)} == {partition}


def test_looks_up_both_forms_of_a_services_name_in_china() -> None:
    """A preview in China fails with the provider's error: no matching VPC endpoint service."""
    _, calls = _evaluate("cn-north-1", egress="endpoints")
    asked = [call.args for call in calls if call.token == "aws:ec2/getVpcEndpointService:getVpcEndpointService"]
    assert {args["filters"][0]["name"] for args in asked} == {"service-name"}
    assert ["com.amazonaws.cn-north-1.ecr.api", "cn.com.amazonaws.cn-north-1.ecr.api"] in [
        args["filters"][0]["values"] for args in asked
    ]
