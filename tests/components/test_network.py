"""The network of a stack: a new VPC with one of four kinds of egress, or an existing VPC."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

import pulumi
import pulumi_aws as aws
import pytest

from components import Environment, ExistingVpc, NewVpc
from components.account import Account
from components.arguments import InvalidArguments
from components.network.endpoints import create_s3_gateway
from components.network.vpc import Egress
from declared.aws import ACCOUNT
from declared.program import Call, Inputs, Program
from tests.components.networks import ENDPOINT, declared, policies
from tests.evaluation import declare, dependencies, one

_EGRESSES = get_args(Egress)

# In the mocks, the last hex digit of a subnet's ID decides its zone: 0 is a, 1 is b, 2 is c, 3 is a again.
_A, _B, _ALSO_A = "subnet-00000000000000000", "subnet-00000000000000001", "subnet-00000000000000003"
_PUBLIC = ["subnet-aaaaaaaa", "subnet-bbbbbbbb"]


def _existing(**arguments: Any) -> ExistingVpc:
    return ExistingVpc(**{"vpc_id": "vpc-12345678", "public_subnet_ids": _PUBLIC, "task_subnet_ids": [_A], **arguments})


def _tasks(program: Program) -> Mapping[str, Any]:
    configuration = one(program, "aws:ecs/service:Service", "tasks").inputs["networkConfiguration"]
    assert isinstance(configuration, dict)
    return configuration


def _rules(program: Program) -> set[tuple[str, str, str, int]]:
    """Direction, group, peer and port of each rule."""
    return {
        (
            kind,
            rule.inputs["securityGroupId"],
            next(
                rule.inputs[key]
                for key in ("referencedSecurityGroupId", "prefixListId", "cidrIpv4")
                if key in rule.inputs
            ),
            rule.inputs["fromPort"],
        )
        for kind in ("Ingress", "Egress")
        for rule in program.of_type(f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule")
        if rule.inputs["fromPort"] == rule.inputs["toPort"] and rule.inputs["ipProtocol"] == "tcp"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cidr": "10.0.0.0"}, r"cidr is a /32; use a /16 to a /25 for 2 zones"),
        ({"cidr": "10.0.0.1/16"}, "cidr is '10.0.0.1/16', which is no IPv4 network"),
        ({"cidr": "fd00::/56"}, "which is no IPv4 network"),
        ({"cidr": "10.0.0.0/15"}, "use a /16 to a /25"),
        ({"cidr": "10.0.0.0/26"}, "use a /16 to a /25"),
        ({"cidr": "10.0.0.0/25", "zones": ["a", "b", "c"]}, "use a /16 to a /24 for 3 zones"),
        ({"cidr": "10.0.0.0/24", "zones": list("abcde")}, "use a /16 to a /23 for 5 zones"),
        ({"zones": ["us-east-1a"]}, "at least 2 different ones"),
        ({"zones": ["us-east-1a", "us-east-1a"]}, "at least 2 different ones"),
        ({"zones": ["us-east-1a", "us-east-1b", "us-east-1a"]}, "name each once"),
        ({"zones": "us-east-1a"}, "at least 2 different ones"),
        ({"zones": ["us-east-1a", ""]}, r"zones is \['us-east-1a', ''\], with an empty name; use at least 2"),
        ({"zones": ("us-east-1a", "us-east-1b", " ")}, "with an empty name"),
        ({"zones": ("us-east-1a",)}, r"zones is \['us-east-1a'\]; use"),
        ({"zones": ("us-east-1a", "us-east-1b", "us-east-1b")}, r"zones is \['us-east-1a', .*'\]; name each once"),
        ({"egress": "vpn"}, "egress is 'vpn'; use nat, nat-per-zone, endpoints, public"),
        ({"session_endpoint": True}, 'session_endpoint is for egress="endpoints"'),
        ({"parameter_endpoint": True}, 'parameter_endpoint is for egress="endpoints"'),
        ({"trace_endpoint": True}, 'trace_endpoint is for egress="endpoints"'),
        ({"secret_endpoint": True}, 'secret_endpoint is for egress="endpoints"'),
    ],
)
def test_refuses_new_vpc_aws_would_refuse(arguments: dict[str, Any], message: str) -> None:
    """The update fails halfway, with an error of awsx or EC2."""
    with pytest.raises(InvalidArguments, match=message):
        NewVpc(**arguments)


def test_names_every_mistake_in_a_new_vpc_at_once() -> None:
    """The owner has to run once for each mistake."""
    with pytest.raises(InvalidArguments) as refused:
        NewVpc(cidr="x", zones=["a"], egress="nat", session_endpoint=True, parameter_endpoint=True)
    assert refused.value.mistakes.keys() == {"cidr", "zones", "session_endpoint", "parameter_endpoint"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"cidr": "10.0.0.0/25"},
        {"cidr": "100.64.0.0/16", "zones": ["us-east-1a", "us-east-1c"]},
        {"cidr": "10.0.0.0/24", "zones": list("abcd")},
        {"egress": "endpoints", "session_endpoint": True, "parameter_endpoint": True},
    ],
)
def test_accepts_new_vpc_that_works(arguments: dict[str, Any]) -> None:
    """A team cannot use the addresses that its network plan assigns to it."""
    NewVpc(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vpc_id": "12345678"}, r"vpc_id has '12345678'; use plain IDs such as vpc-"),
        ({"vpc_id": "subnet-12345678"}, "vpc_id has"),
        ({"public_subnet_ids": _PUBLIC[:1]}, "public_subnet_ids has 1; give at least 2"),
        ({"public_subnet_ids": []}, "public_subnet_ids has 0"),
        ({"public_subnet_ids": _PUBLIC * 2}, "names one twice"),
        ({"task_subnet_ids": []}, "task_subnet_ids has 0; give at least 1"),
        ({"task_subnet_ids": _A}, "task_subnet_ids is one string"),
        ({"task_subnet_ids": [f"{_A}0"]}, "task_subnet_ids has"),
        ({"keyspaces_security_group_id": "vpce-12345678"}, "keyspaces_security_group_id has"),
    ],
)
def test_refuses_invalid_ids(arguments: dict[str, Any], message: str) -> None:
    """The update fails at the first resource that uses the ID."""
    with pytest.raises(InvalidArguments, match=message):
        _existing(**arguments)


def test_refuses_an_output_for_an_id() -> None:
    """A user gets an unclear error: the preview cannot look up an output's zone, so plain IDs are needed."""
    with pytest.raises(InvalidArguments, match="use plain IDs"):
        declare(lambda: _existing(task_subnet_ids=[pulumi.Output.from_input(_A)]))


@pytest.mark.parametrize(
    ("egress", "nat", "subnets", "public_ip"),
    [
        ("nat", "Single", "private", False),
        ("nat-per-zone", "OnePerAz", "private", False),
        ("endpoints", "None", "private", False),
        ("public", "None", "public", True),
    ],
)
def test_runs_tasks_where_their_egress_is(egress: Egress, nat: str, subnets: str, public_ip: bool) -> None:
    """Tasks cannot pull an image, or are reachable from more places than intended, or cost more."""
    program = declared(NewVpc(egress=egress))
    assert one(program, "awsx:ec2:Vpc", "env").inputs["natGateways"] == {"strategy": nat}
    assert _tasks(program)["subnets"] == [f"subnet-{subnets}-us-east-1a", f"subnet-{subnets}-us-east-1b"]
    assert _tasks(program)["assignPublicIp"] is public_ip
    assert program.outputs["public_subnet_ids"] == ["subnet-public-us-east-1a", "subnet-public-us-east-1b"]
    endpoint = one(program, ENDPOINT, "env-keyspaces").inputs
    assert endpoint["subnetIds"] == ["subnet-private-us-east-1a", "subnet-private-us-east-1b"]


def test_keeps_the_subnets_whatever_the_egress() -> None:
    """A change of the egress replaces subnets in which tasks run, and AWS refuses their deletion."""
    vpcs = [dict(one(declared(NewVpc(egress=egress)), "awsx:ec2:Vpc", "env").inputs) for egress in _EGRESSES]
    for vpc in vpcs:
        del vpc["natGateways"]
        assert vpc == vpcs[0]
    assert [spec["type"] for spec in vpcs[0]["subnetSpecs"]] == ["Public", "Private"]


@pytest.mark.parametrize(
    ("options", "endpoints", "sessions", "parameters"),
    [
        (NewVpc(), ["cassandra", "s3"], True, True),
        (NewVpc(egress="nat-per-zone"), ["cassandra", "s3"], True, True),
        (NewVpc(egress="public"), ["cassandra", "s3"], True, True),
        (NewVpc(egress="endpoints"), ["cassandra", "ecr.api", "ecr.dkr", "logs", "s3"], False, False),
        (
            NewVpc(egress="endpoints", session_endpoint=True),
            ["cassandra", "ecr.api", "ecr.dkr", "logs", "s3", "ssmmessages"],
            True,
            False,
        ),
        (
            NewVpc(egress="endpoints", parameter_endpoint=True),
            ["cassandra", "ecr.api", "ecr.dkr", "logs", "s3", "ssm"],
            False,
            True,
        ),
        (
            NewVpc(egress="endpoints", secret_endpoint=True),
            ["cassandra", "ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"],
            False,
            False,
        ),
        (
            NewVpc(egress="endpoints", trace_endpoint=True),
            ["cassandra", "ecr.api", "ecr.dkr", "logs", "s3", "xray"],
            False,
            False,
        ),
        (_existing(), ["cassandra"], True, True),
        (_existing(keyspaces_security_group_id="sg-12345678"), [], True, True),
    ],
)
def test_creates_the_endpoints_its_tasks_need_and_no_other(
    options: NewVpc | ExistingVpc, endpoints: list[str], sessions: bool, parameters: bool
) -> None:
    """Without a needed endpoint, tasks without internet cannot start; an unneeded endpoint is billed by the hour."""
    program = declared(options)
    assert program.outputs["endpoints"] == sorted(policies(program)) == endpoints
    assert (program.outputs["sessions"], program.outputs["parameters"]) == (sessions, parameters)
    for endpoint in program.of_type(ENDPOINT):
        if endpoint.inputs["serviceName"].endswith(".s3"):
            assert endpoint.inputs["vpcEndpointType"] == "Gateway"
            assert not endpoint.inputs.keys() & {"privateDnsEnabled", "subnetIds", "securityGroupIds"}
        else:
            assert (endpoint.inputs["vpcEndpointType"], endpoint.inputs["privateDnsEnabled"]) == ("Interface", True)


def test_finds_the_addresses_of_a_new_vpc() -> None:
    """A program behind the load balancer does not know which proxy addresses it may trust."""
    assert declared(NewVpc(cidr="10.9.0.0/16"), computed=False).outputs["cidr_blocks"] == ["10.9.0.0/16"]


def test_finds_the_addresses_of_an_existing_vpc(aws_answers: Callable[[Callable[[Call], Inputs]], None]) -> None:
    """A program does not trust a proxy in the VPC's second block, or trusts a block that the VPC is giving up."""
    states = {"10.1.0.0/16": "associated", "10.0.0.0/16": "associated", "10.2.0.0/16": "disassociating"}
    blocks = [{"associationId": cidr, "cidrBlock": cidr, "state": state} for cidr, state in states.items()]
    aws_answers(
        lambda call: (
            {"cidrBlock": "10.1.0.0/16", "cidrBlockAssociations": blocks} if call.token.endswith("getVpc") else {}
        )
    )
    assert declared(_existing()).outputs["cidr_blocks"] == ["10.0.0.0/16", "10.1.0.0/16"]


@pytest.mark.parametrize("egress", ["nat", "nat-per-zone", "public"])
def test_tasks_can_reach_keyspaces_and_https_anywhere(egress: Egress) -> None:
    """An extra rule exposes the tasks; with a rule missing, tasks cannot start or read their table."""
    assert _rules(declared(NewVpc(egress=egress))) == {
        ("Egress", "api-tasks-id", "env-keyspaces-id", 9142),
        ("Ingress", "env-keyspaces-id", "api-tasks-id", 9142),
        ("Egress", "api-tasks-id", "0.0.0.0/0", 443),
    }


def test_tasks_without_internet_can_reach_only_endpoints() -> None:
    """A task without internet can still send data to the internet."""
    program = declared(NewVpc(egress="endpoints", session_endpoint=True))
    assert _rules(program) == {
        ("Egress", "api-tasks-id", "env-keyspaces-id", 9142),
        ("Ingress", "env-keyspaces-id", "api-tasks-id", 9142),
        ("Egress", "api-tasks-id", "env-https-id", 443),
        ("Ingress", "env-https-id", "api-tasks-id", 443),
        ("Egress", "api-tasks-id", "pl-env-s3", 443),
    }
    for service in ("ecr-api", "ecr-dkr", "logs", "ssmmessages"):
        assert one(program, ENDPOINT, f"env-{service}").inputs["securityGroupIds"] == ["env-https-id"]
    for group in program.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & group.inputs.keys()


def test_tasks_can_reach_an_existing_endpoint() -> None:
    """The security group of an existing endpoint blocks the tasks, or EC2 refuses a second endpoint with
    private DNS.
    """
    program = declared(_existing(keyspaces_security_group_id="sg-12345678"))
    assert _rules(program) == {
        ("Egress", "api-tasks-id", "sg-12345678", 9142),
        ("Ingress", "sg-12345678", "api-tasks-id", 9142),
        ("Egress", "api-tasks-id", "0.0.0.0/0", 443),
    }


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (NewVpc(), {"VpcEndpoint env-s3", "SecurityGroupEgressRule api-to-https"}),
        (NewVpc(egress="public"), {"VpcEndpoint env-s3", "SecurityGroupEgressRule api-to-https"}),
        (
            NewVpc(egress="endpoints", session_endpoint=True),
            {
                *(f"VpcEndpoint env-{service}" for service in ("s3", "ecr-api", "ecr-dkr", "logs", "ssmmessages")),
                "SecurityGroupEgressRule api-to-endpoints",
                "SecurityGroupEgressRule api-to-s3",
                "SecurityGroupIngressRule api-into-endpoints",
            },
        ),
        (_existing(), {"SecurityGroupEgressRule api-to-https"}),
    ],
)
def test_starts_tasks_once_their_network_is_there(options: NewVpc | ExistingVpc, needed: set[str]) -> None:
    """The first tasks of a new stack cannot pull their image, and a destroy cuts running tasks off from the network."""
    program = declared(options)
    assert dependencies(program, one(program, "aws:ecs/service:Service", "tasks")) >= needed | {
        "VpcEndpoint env-keyspaces",
        "SecurityGroupEgressRule api-to-keyspaces",
        "SecurityGroupIngressRule api-into-keyspaces",
        *({"Vpc env"} if isinstance(options, NewVpc) else set()),
    }


def test_routes_all_subnets_to_s3() -> None:
    """Tasks without internet get no image, and those behind a NAT gateway pay for each byte of it."""

    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "parent")
        create_s3_gateway(
            "env",
            vpc_id="vpc-12345678",
            # The list of resources, as an engine passes the VPC's; mocks have no children of a remote component.
            route_tables=pulumi.Output.from_input(
                [aws.ec2.RouteTable(name, vpc_id="vpc-12345678") for name in ("public", "private")]
            ),
            buckets=[],
            account=Account.of(parent),
            tags={},
            parent=parent,
        )

    program = declare(run)
    assert one(program, ENDPOINT, "env-s3").inputs["routeTableIds"] == ["public-id", "private-id"]
    assert dependencies(program, one(program, ENDPOINT, "env-s3")) == {"RouteTable public", "RouteTable private"}


def test_spreads_over_the_given_zones() -> None:
    """A stack moves its subnets when AWS offers Keyspaces in another zone."""
    zones = ["us-east-1c", "us-east-1a"]
    vpc = one(declared(NewVpc(zones=zones, cidr="10.9.0.0/20")), "awsx:ec2:Vpc", "env").inputs
    assert vpc["availabilityZoneNames"] == zones
    assert vpc["cidrBlock"] == "10.9.0.0/20"


def test_refuses_zones_without_the_keyspaces_endpoint() -> None:
    """EC2 refuses the endpoint after the VPC is created."""
    with pytest.raises(
        InvalidArguments, match=r"zones has us-east-1f, which does not offer .*cassandra and Fargate; use us-"
    ):
        declared(NewVpc(zones=["us-east-1a", "us-east-1f"]))


def test_refuses_a_region_with_one_zone_for_keyspaces(aws_answers: Any) -> None:
    """The load balancer is refused after the VPC is created."""
    aws_answers(lambda call: {"availabilityZones": ["us-east-1a"]} if "EndpointService" in call.token else {})
    with pytest.raises(InvalidArguments, match=r"has 1 availability zones that offer .*choose another region"):
        declared(NewVpc())


def _in(region: str) -> Callable[[Call], Inputs]:
    """AWS's answers in a region with the zones 1 to 4, named a to d."""
    prefix = {"us-west-1": "usw1", "ap-northeast-1": "apne1", "cn-north-1": "cnn1", "eu-west-1": "euw1"}[region]
    zones = [f"{region}{letter}" for letter in "abcd"]
    answers: dict[str, Inputs] = {
        "getRegion": {"region": region},
        "getAvailabilityZones": {"names": zones, "zoneIds": [f"{prefix}-az{number}" for number in range(1, 5)]},
        "getVpcEndpointService": {"availabilityZones": zones},
    }
    return lambda call: answers.get(call.token.rpartition(":")[2], {})


@pytest.mark.parametrize(
    ("region", "zones"), [("us-west-1", "ac"), ("ap-northeast-1", "ab"), ("cn-north-1", "ab"), ("eu-west-1", "ab")]
)
def test_spreads_over_zones_that_run_tasks(aws_answers: Any, region: str, zones: str) -> None:
    """ECS cannot place half of the tasks, after everything is created."""
    aws_answers(_in(region))
    vpc = one(declared(NewVpc()), "awsx:ec2:Vpc", "env").inputs
    assert vpc["availabilityZoneNames"] == [f"{region}{zone}" for zone in zones]


def test_refuses_zones_that_run_no_tasks(aws_answers: Any) -> None:
    """The update creates subnets in a zone in which no task ever starts."""
    aws_answers(_in("us-west-1"))
    with pytest.raises(InvalidArguments, match=r"us-west-1b, which .* Fargate; use us-west-1a, us-west-1c$"):
        declared(NewVpc(zones=["us-west-1a", "us-west-1b"]))


@pytest.mark.parametrize("group", [None, "sg-12345678"])
def test_refuses_task_subnets_in_zones_that_run_no_tasks(aws_answers: Any, group: str | None) -> None:
    """In an existing VPC, with or without an endpoint, tasks are placed in a zone in which no task starts."""
    answers = _in("us-west-1")
    aws_answers(lambda call: {"availabilityZone": "us-west-1b"} if call.args.get("id") == _B else answers(call))
    with pytest.raises(InvalidArguments, match=rf"task_subnet_ids has {_B} in us-west-1b, where Fargate runs no tasks"):
        declared(_existing(task_subnet_ids=[_A, _B], keyspaces_security_group_id=group))


def test_looks_up_zones_only_where_fargate_has_exceptions(aws_answers: Any) -> None:
    """In every region, the deployer's role needs a permission that only a few regions require."""
    asked: list[str] = []

    def answer(call: Call) -> Inputs:
        asked.append(call.token)
        return {}

    aws_answers(answer)
    declared(NewVpc())
    assert asked and not [token for token in asked if token.endswith(":getAvailabilityZones")]


def test_refuses_zones_without_an_endpoint_that_tasks_without_internet_need(aws_answers: Any) -> None:
    """EC2 refuses the endpoint after the VPC is created."""
    aws_answers(lambda call: {"availabilityZones": ["us-east-1a"]} if call.args.get("service") == "ecr.dkr" else {})
    with pytest.raises(InvalidArguments, match=r"ecr\.dkr has no endpoint in us-east-1b; use other zones"):
        declared(NewVpc(egress="endpoints"))
    declared(NewVpc(egress="nat"))


def test_uses_an_existing_vpc_unchanged() -> None:
    """A second VPC appears, or the tasks run outside the given subnets."""
    program = declared(_existing(task_subnet_ids=[_B, _A], assign_public_ip=True))
    assert not list(program.of_type("awsx:ec2:Vpc"))
    assert program.outputs["vpc_id"] == "vpc-12345678"
    assert program.outputs["public_subnet_ids"] == _PUBLIC
    assert (_tasks(program)["subnets"], _tasks(program)["assignPublicIp"]) == ([_B, _A], True)
    for group in program.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert group.inputs["vpcId"] == "vpc-12345678"


@pytest.mark.parametrize("named", [[_A, _B, _ALSO_A], [_ALSO_A, _B, _A]])
def test_gives_the_endpoint_one_subnet_in_each_zone(named: list[str]) -> None:
    """EC2 refuses the endpoint with DuplicateSubnetsInSameZone."""
    program = declared(_existing(task_subnet_ids=named))
    assert one(program, ENDPOINT, "env-keyspaces").inputs["subnetIds"] == [_A, _B]
    assert _tasks(program)["subnets"] == named


def test_refuses_task_subnets_in_zones_without_the_keyspaces_endpoint(aws_answers: Any) -> None:
    """EC2 refuses the endpoint, without saying which zones have it."""
    aws_answers(lambda call: {"availabilityZone": "us-east-1f"} if call.args.get("id") == _B else {})
    with pytest.raises(InvalidArguments, match=r"task_subnet_ids are in us-east-1f, .*keyspaces_security_group_id"):
        declared(_existing(task_subnet_ids=[_A, _B]))
    declared(_existing(task_subnet_ids=[_A, _B], keyspaces_security_group_id="sg-12345678"))


@pytest.mark.parametrize("group", [None, "sg-12345678"])
def test_reports_which_subnets_are_not_in_the_vpc(aws_answers: Any, group: str | None) -> None:
    """AWS refuses the load balancer, the endpoint or the service, one after the other."""
    searched: list[Any] = []

    def answer(call: Call) -> Inputs:
        if not call.token.endswith(":getSubnets"):
            return {}
        searched.extend(call.args["filters"])
        return {"ids": [_A, _PUBLIC[0]]}

    aws_answers(answer)
    with pytest.raises(InvalidArguments) as refused:
        declared(_existing(task_subnet_ids=[_A, _B], keyspaces_security_group_id=group))
    assert refused.value.mistakes == {
        "public_subnet_ids": f"has {_PUBLIC[1]}, not found in vpc-12345678; use subnets of that VPC",
        "task_subnet_ids": f"has {_B}, not found in vpc-12345678; use subnets of that VPC",
    }
    assert {"name": "vpc-id", "values": ["vpc-12345678"]} in searched


@pytest.mark.parametrize(
    "options",
    [
        *(NewVpc(egress=egress) for egress in _EGRESSES),
        _existing(),
        _existing(keyspaces_security_group_id="sg-12345678"),
    ],
)
def test_declares_the_same_network_in_a_preview_where_nothing_is_known(options: NewVpc | ExistingVpc) -> None:
    """The first `pulumi preview` of a new stack fails, or shows less than `pulumi up` creates."""
    preview = declared(options, computed=False)
    assert {resource.urn for resource in preview.resources} == {
        resource.urn for resource in declared(options).resources
    }
    if isinstance(options, ExistingVpc):  # Both are known before anything is created.
        assert _tasks(preview)["subnets"] == [_A]


def test_passes_its_network_and_keyspace_on() -> None:
    """An environment ignores the given network, or its endpoint blocks its own tasks."""
    program = declare(lambda: Environment("env", keyspace="shop", network=NewVpc(cidr="10.1.0.0/16")))
    assert one(program, "awsx:ec2:Vpc", "env").inputs["cidrBlock"] == "10.1.0.0/16"
    tables, _ = policies(program)["cassandra"]["Statement"]
    assert tables["Resource"] == f"arn:aws:cassandra:us-east-1:{ACCOUNT}:/keyspace/shop/*"


def test_sends_no_policy_to_a_service_that_accepts_none(aws_answers: Any) -> None:
    """EC2 refuses the endpoint in regions where the service does not support an endpoint policy."""
    aws_answers(lambda call: {"vpcEndpointPolicySupported": False} if call.args.get("service") == "ssmmessages" else {})
    program = declared(NewVpc(egress="endpoints", session_endpoint=True))
    assert "policy" not in one(program, ENDPOINT, "env-ssmmessages").inputs
    assert "policy" in one(program, ENDPOINT, "env-logs").inputs
