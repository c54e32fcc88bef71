"""The content of a declared program's picture: the path of a request, and the permissions of each task."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from declared.program import Program, Resource

_SERVICE = "aws:ecs/service:Service"
_RUN = "pulumi-python:dynamic/ecs:TaskRun"
_SCHEDULE = "aws:scheduler/schedule:Schedule"
_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
_MODIFY = "cassandra:Modify"
BALANCER = "Load balancer"
ENDPOINT = "Endpoint"


@dataclass(frozen=True, kw_only=True)
class MicroserviceView:
    """runs: such as `2 tasks`, `runs once` or `on a schedule`. size, role: of a task.

    is_called: whether the load balancer sends it requests. access: `read` or `write` by table.
    """

    name: str
    runs: str
    size: str
    role: str
    access: Mapping[str, str]
    is_service: bool
    is_called: bool


@dataclass(frozen=True, kw_only=True)
class StackView:
    """zones: their number; 0 for an existing VPC. egress: of the tasks, to images and logs."""

    project: str
    zones: int
    cidr: str
    listeners: Sequence[str]
    microservices: Sequence[MicroserviceView]
    keyspace: str
    tables: Sequence[str]
    egress: str


def view_of(program: Program, project: str) -> StackView:
    """The stack with a new VPC or an existing one."""
    vpcs = list(program.of_type("awsx:ec2:Vpc"))
    zones = len(vpcs[0].inputs["availabilityZoneNames"]) if vpcs else 0
    listeners = {
        f"{each.inputs['protocol']} {int(each.inputs['port'])}" for each in program.of_type("aws:lb/listener:Listener")
    }
    (keyspace,) = program.of_type("aws:keyspaces/keyspace:Keyspace")
    return StackView(
        project=project,
        zones=zones,
        cidr=str(vpcs[0].inputs["cidrBlock"]) if vpcs else "",
        listeners=sorted(listeners),
        # One-off tasks come first, since the services wait for them.
        microservices=sorted(_microservices(program), key=lambda each: (each.is_service, each.name)),
        keyspace=str(keyspace.inputs["name"]),
        tables=sorted(str(table.inputs["tableName"]) for table in program.of_type("aws:keyspaces/table:Table")),
        egress=_egress(program, vpcs),
    )


def role_line(name: str) -> str:
    return f"role {name}:"


def keyspace_line(name: str) -> str:
    return f"keyspace {name}"


def table_line(name: str) -> str:
    return f"table {name}"


def resources_by_line(program: Program) -> Mapping[str, Resource]:
    """The resource that each line of the picture names."""
    found: dict[str, Resource] = {}
    for each in program.resources:
        match each.type:
            case "aws:lb/loadBalancer:LoadBalancer":
                line = BALANCER
            case "aws:ec2/vpcEndpoint:VpcEndpoint" if ".cassandra" in str(each.inputs["serviceName"]):
                line = ENDPOINT
            case "aws:keyspaces/keyspace:Keyspace":
                line = keyspace_line(str(each.inputs["name"]))
            case "aws:keyspaces/table:Table":
                line = table_line(str(each.inputs["tableName"]))
            case "aws:iam/role:Role":
                line = role_line(each.name)
            case _ if each.type in (_SERVICE, _RUN, _SCHEDULE):
                line = each.name
            case _:
                continue
        found[line] = each
    return found


def _microservices(program: Program) -> Iterator[MicroserviceView]:
    for resource in program.resources:
        if resource.type == _RUN:
            yield _microservice(program, resource, resource.inputs["task_definition"], "runs once")
        elif resource.type == _SERVICE:
            count = int(resource.inputs.get("desiredCount", 1))
            runs = f"{count} task{'s' if count != 1 else ''}"
            yield _microservice(program, resource, resource.inputs["taskDefinition"], runs)
        elif resource.type == _SCHEDULE and "ecsParameters" in resource.inputs["target"]:
            arn = resource.inputs["target"]["ecsParameters"]["taskDefinitionArn"]
            yield _microservice(program, resource, arn, "on a schedule")


def _microservice(program: Program, resource: Resource, arn: str, runs: str) -> MicroserviceView:
    (definition,) = (each for each in program.of_type(_DEFINITION) if each.outputs.get("arn") == arn)
    cpu, memory = int(definition.inputs["cpu"]) / 1024, int(definition.inputs["memory"]) / 1024
    (role,) = (
        each
        for each in program.of_type("aws:iam/role:Role")
        if each.outputs.get("arn") == definition.inputs["taskRoleArn"]
    )
    return MicroserviceView(
        name=resource.name,
        runs=runs,
        size=f"{cpu:g} vCPU, {memory:g} GB",
        role=role.name,
        access=dict(_access(program, role)),
        is_service=resource.type == _SERVICE,
        is_called=bool(resource.inputs.get("loadBalancers")),
    )


def _access(program: Program, role: Resource) -> Iterator[tuple[str, str]]:
    for policy in program.of_type("aws:iam/rolePolicy:RolePolicy"):
        if policy.inputs["role"] == role.outputs.get("name"):
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                _, found, table = str(statement["Resource"]).partition("/table/")
                if found:
                    yield table, "write" if _MODIFY in statement["Action"] else "read"


def _egress(program: Program, vpcs: Sequence[Resource]) -> str:
    nat: Any = vpcs[0].inputs.get("natGateways", {}).get("strategy", "None") if vpcs else "None"
    if nat != "None":
        return "NAT gateway" if nat == "Single" else "NAT gateway in each zone"
    public = any(
        (each.inputs.get("networkConfiguration") or {}).get("assignPublicIp") for each in program.of_type(_SERVICE)
    )
    return "public addresses" if public else "VPC endpoints"
