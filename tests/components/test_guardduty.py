"""Access for GuardDuty's agent: through every egress, and only if asked for."""

import json

import pytest

from components import Environment, GuardDutyAgent, KeyspacesMicroservice, NewVpc, Once, Table, read
from components.arguments import InvalidArguments
from components.network.vpc import Egress
from declared.program import Program
from tests.evaluation import declare, one, policy

_URI = "593207742271.dkr.ecr.us-east-1.amazonaws.com/aws-guardduty-agent-fargate"
_ARN = "arn:aws:ecr:us-east-1:593207742271:repository/aws-guardduty-agent-fargate"
_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def _declare(egress: Egress, agent: GuardDutyAgent | None) -> Program:
    def run() -> None:
        KeyspacesMicroservice(
            "job",
            environment=Environment("shop", keyspace="shop", network=NewVpc(egress=egress), guardduty=agent),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["run"],
            run=Once(),
        )

    return declare(run)


@pytest.mark.parametrize("egress", ["nat", "nat-per-zone", "public", "endpoints"])
def test_the_agent_can_connect_with_every_egress(egress: Egress) -> None:
    """No task starts since the agent's image cannot be pulled, or the agent cannot report its findings."""
    program = _declare(egress, GuardDutyAgent(repository=_URI))
    pulled = [
        each["Resource"]
        for each in policy(program, "job-execution")["Statement"]
        if "ecr:BatchGetImage" in each["Action"]
    ]
    assert pulled == ["arn:aws:ecr:us-east-1:000000000000:repository/job", _ARN]
    endpoint = one(program, _ENDPOINT, "shop-guardduty-data")
    assert endpoint.inputs["privateDnsEnabled"] is True
    groups = {group.id: group.name for group in program.of_type("aws:ec2/securityGroup:SecurityGroup")}
    (group,) = endpoint.inputs["securityGroupIds"]
    rules = [
        rule.inputs
        for rule in program.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if rule.inputs["securityGroupId"] == group
    ]
    assert [rule["fromPort"] for rule in rules] == [443]
    if egress == "endpoints":
        assert (groups[group], rules[0]["referencedSecurityGroupId"]) == ("shop-https", "job-tasks-id")
        document = json.loads(one(program, _ENDPOINT, "shop-ecr-dkr").inputs["policy"])
        assert _ARN in [statement["Resource"] for statement in document["Statement"]]
    else:
        assert (groups[group], rules[0]["cidrIpv4"]) == ("shop-guardduty", "10.0.0.0/16")


@pytest.mark.parametrize("egress", ["nat", "endpoints"])
def test_admits_nothing_by_default(egress: Egress) -> None:
    """An environment pays for an endpoint, or trusts a repository of another account, without being asked to."""
    program = _declare(egress, None)
    assert "shop-guardduty-data" not in {endpoint.name for endpoint in program.of_type(_ENDPOINT)}
    assert "593207742271" not in str([resource.inputs for resource in program.resources])


def test_refuses_an_invalid_repository() -> None:
    """Tasks stop when GuardDuty is turned on."""
    with pytest.raises(InvalidArguments, match="repository is 'aws-guardduty-agent-fargate'; give the one"):
        GuardDutyAgent(repository="aws-guardduty-agent-fargate")
