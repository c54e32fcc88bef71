"""An ECS task definition: one container, locked down, with the environment every microservice gets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.permissions import Role

# Any number but 0: the images work under every uid.
_USER = "10001:10001"
_SCRATCH = "/tmp"  # noqa: S108  # the container's own
# How long ECS waits between SIGTERM and SIGKILL, in seconds: longer than a load balancer drains a target.
_STOP_TIMEOUT = 40


# MiB that Fargate offers for CPU units (ECS developer guide, "Fargate task size").
_SIZES = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}


def check_size(name: str, *, cpu: int, memory: int) -> None:
    """Raises ValueError unless Fargate offers this size."""
    if cpu not in _SIZES:
        raise ValueError(f"{name}: cpu is {cpu}; Fargate offers {', '.join(map(str, _SIZES))}")
    if memory not in _SIZES[cpu]:
        raise ValueError(
            f"{name}: memory is {memory} MiB; with cpu {cpu} Fargate offers {', '.join(map(str, _SIZES[cpu]))}"
        )


def create_task_definition(
    name: str,
    *,
    image: pulumi.Output[str],
    command: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    port: int | None,
    cpu: int,
    memory: int,
    task_role: Role,
    execution_role: Role,
    log_group: aws.cloudwatch.LogGroup,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> aws.ecs.TaskDefinition:
    """cpu: CPU units, 1024 to a vCPU; memory: MiB; port: what the container listens on, None if it does not.

    The root file system is read-only and the user not root. The volume at /tmp is the one writable place; it keeps
    the mode /tmp has in the image because the Dockerfile declares it a VOLUME (ECS developer guide, "Use bind mounts").
    """
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "essential": True,
        "command": list(command),
        "environment": [{"name": key, "value": value} for key, value in sorted(environment.items())],
        "portMappings": [{"containerPort": port, "protocol": "tcp"}] if port is not None else [],
        "user": _USER,
        "readonlyRootFilesystem": True,
        "mountPoints": [{"sourceVolume": "scratch", "containerPath": _SCRATCH, "readOnly": False}],
        # ECS gives an empty `add` back; without one here, the provider would see a change at every update and replace.
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": [], "drop": ["ALL"]}},
        "stopTimeout": _STOP_TIMEOUT,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group.name,
                "awslogs-region": account.region,
                "awslogs-stream-prefix": name,
            },
        },
    }
    return aws.ecs.TaskDefinition(
        name,
        family=re.sub(r"[^A-Za-z0-9_-]", "-", f"{name}-{pulumi.get_stack()}"),
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(cpu),
        memory=str(memory),
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": "X86_64"},
        task_role_arn=task_role.arn,
        execution_role_arn=execution_role.arn,
        volumes=[{"name": "scratch"}],
        container_definitions=pulumi.Output.json_dumps([container]),
        # An older revision must stay active: the circuit breaker may still go back to it when Pulumi has moved on.
        skip_destroy=True,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(parent=parent),
    )
