"""Small programs to price, and a function that changes a program after its evaluation."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from costs.assumptions import DEFAULTS, Assumptions
from costs.estimate import Estimate, estimate
from declared.program import Program
from tests.evaluation import declare

ZONES = ["us-east-1a", "us-east-1b"]


def estimate_of(run: Callable[[], object], assumptions: Assumptions = DEFAULTS) -> Estimate:
    return estimate(declare(run), assumptions)


def idle(run: Callable[[], object], assumptions: Assumptions = DEFAULTS) -> dict[str, tuple[float, str]]:
    """Each idle item, by its name: its count, and the displayed price of one unit."""
    return {item.what: (item.count, str(item.price)) for item in estimate_of(run, assumptions).idle}


def changed(program: Program, type_: str, **inputs: Any) -> Program:
    """`program` with other inputs in every resource of this type."""
    return Program(
        resources=[
            dataclasses.replace(resource, inputs={**resource.inputs, **inputs}) if resource.type == type_ else resource
            for resource in program.resources
        ],
        outputs=program.outputs,
    )


def vpc(strategy: str | None = "None") -> awsx.ec2.Vpc:
    if strategy is None:
        return awsx.ec2.Vpc("net", availability_zone_names=ZONES)
    gateways = awsx.ec2.NatGatewayConfigurationArgs(strategy=awsx.ec2.NatGatewayStrategy(strategy))
    return awsx.ec2.Vpc("net", availability_zone_names=ZONES, nat_gateways=gateways)


def endpoint(service: str, *, kind: str = "Interface") -> aws.ec2.VpcEndpoint:
    return aws.ec2.VpcEndpoint(
        service,
        vpc_id="vpc",
        service_name=f"com.amazonaws.us-east-1.{service}",
        vpc_endpoint_type=kind,
        subnet_ids=["subnet-a", "subnet-b"] if kind == "Interface" else None,
    )


def load_balancer(**inputs: Any) -> aws.lb.LoadBalancer:
    return aws.lb.LoadBalancer("web", subnets=["subnet-a", "subnet-b"], **inputs)


def task_definition(architecture: str = "ARM64", **inputs: Any) -> aws.ecs.TaskDefinition:
    return aws.ecs.TaskDefinition(
        "task",
        family="task",
        cpu="256",
        memory="512",
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": architecture},
        container_definitions="[]",
        **inputs,
    )


def service(
    definition: aws.ecs.TaskDefinition, *, tasks: int = 2, public: bool = False, **inputs: Any
) -> aws.ecs.Service:
    network: Any = {"subnets": ["subnet-a"], "assign_public_ip": public}
    return aws.ecs.Service(
        "api", task_definition=definition.arn, desired_count=tasks, network_configuration=network, **inputs
    )


def table(**inputs: Any) -> aws.keyspaces.Table:
    schema: Any = {"columns": []}
    return aws.keyspaces.Table("things", keyspace_name="shop", table_name="things", schema_definition=schema, **inputs)


def api(*, https: bool = False, groups: int = 1) -> None:
    """A table on demand, and a service behind a load balancer that reads it."""
    table()
    balancer = load_balancer()
    group = aws.lb.TargetGroup("api", health_check={"interval": 10})
    aws.lb.Listener(
        "web",
        load_balancer_arn=balancer.arn,
        protocol="HTTPS" if https else "HTTP",
        default_actions=[{"type": "forward", "target_group_arn": group.arn}],
    )
    service(task_definition(), load_balancers=[{"target_group_arn": group.arn, "container_name": "api"}])
    pulumi.CustomResource("aws:cloudwatch/logGroup:LogGroup", "api", {"retentionInDays": 30})
