"""An ECS task definition: the program's container, locked down, with its environment, and the sidecars."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import raise_for
from components.names import in_stack
from components.secrets.parameter import SecretParameter
from components.tasks.architecture import Architecture
from components.tasks.container import SCRATCH, HealthCheck, Log, LogMode, container_definition
from components.tasks.permissions import Role
from components.tasks.sidecar import Sidecar, sidecar_definition

# The paths that the agent of ECS Exec writes to, by volume.
_EXEC_VOLUMES = {
    "exec-agent": "/managed-agents",
    "exec-state": "/var/lib/amazon/ssm",
    "exec-log": "/var/log/amazon/ssm",
}

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
    """Raises InvalidArguments unless Fargate offers this size."""
    offered = _SIZES.get(cpu)
    if offered is None:
        anywhere = any(memory in sizes for sizes in _SIZES.values())
        raise_for(
            name,
            {
                "cpu": f"is {cpu}; Fargate offers {', '.join(map(str, _SIZES))}",
                "memory": None if anywhere else f"is {memory} MiB, which Fargate offers with no `cpu`",
            },
        )
    elif memory not in offered:
        offers = ", ".join(map(str, offered))
        raise_for(name, {"memory": f"is {memory} MiB; with `cpu` {cpu} Fargate offers {offers}"})


def create_task_definition(
    name: str,
    *,
    image: pulumi.Output[str],
    command: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, pulumi.Input[str]],
    generated: Collection[SecretParameter],
    port: int | None,
    architecture: Architecture,
    cpu: int,
    memory: int,
    task_role: Role,
    execution_role: Role,
    log_group: aws.cloudwatch.LogGroup,
    log_mode: LogMode,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    exec: bool = False,
    health_check: HealthCheck | None = None,
    sidecars: Sequence[Sidecar] = (),
) -> aws.ecs.TaskDefinition:
    """architecture: of image and tasks. cpu: CPU units, 1024 to a vCPU; memory: MiB.

    port: the port that the container listens on, if any. secrets: the source of the value, by environment variable.
    generated: the secrets that this stack generates; a new value of one causes a new revision, so that all tasks get
    it.

    The root file system is read-only and the user not root. The volume at /tmp is the only writable path; it keeps
    the mode that /tmp has in the image because the Dockerfile declares it a VOLUME (ECS developer guide, "Use bind
    mounts").

    log_mode: of the driver `awslogs`. While CloudWatch Logs accepts no lines, "blocking" makes the program wait at
    its next line, so that none is lost; "non-blocking" lets it go on, and loses lines once 10 MiB of them wait. If
    neither is declared, ECS uses the account's setting `defaultLogDriverMode` or, since 25 June 2025, "non-blocking"
    (ECS API reference, LogConfiguration).

    sidecars: their `cpu` and `memory` come from the task's; the rest is reserved for the program's container. Without a
    CPU share of its own, this container would have the lowest share that Linux has.

    exec: give the agent of ECS Exec paths to write to, for `aws ecs execute-command`. AWS says that it does not support
    ECS Exec with a read-only root file system (ECS developer guide, "Monitor Amazon ECS containers with ECS Exec"). The
    volumes are a workaround that several users report to work on Fargate, and one that it did not
    (aws/containers-roadmap#1359, aws-containers/amazon-ecs-exec-checker#71); UNVERIFIED here, as is whether the agent
    works without capabilities. The agent and its sessions run as root whatever the user is, so these volumes may belong
    to root. It takes some of the task's CPU and memory. A service needs `enable_execute_command` too.
    """
    volumes = {"scratch": SCRATCH, **(_EXEC_VOLUMES if exec else {})}
    container = container_definition(
        name,
        image=image,
        command=command,
        environment=environment,
        secrets=secrets,
        volumes=volumes,
        port=port,
        log=Log(group=log_group, mode=log_mode, account=account),
        health_check=health_check,
    )
    if sidecars:
        container["cpu"] = cpu - sum(sidecar.cpu for sidecar in sidecars)
        container["memoryReservation"] = memory - sum(sidecar.memory for sidecar in sidecars)
        container["dependsOn"] = [sidecar.dependency for sidecar in sidecars if sidecar.start == "before"]
    # A sidecar never waits for its log, since the program may wait for the sidecar.
    beside = Log(group=log_group, mode="non-blocking", account=account)
    return aws.ecs.TaskDefinition(
        name,
        family=in_stack(name),
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(cpu),
        memory=str(memory),
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": architecture},
        task_role_arn=task_role.arn,
        execution_role_arn=execution_role.arn,
        volumes=[{"name": volume} for volume in (*volumes, *(sidecar.volume for sidecar in sidecars))],
        container_definitions=pulumi.Output.json_dumps(
            [container, *(sidecar_definition(sidecar, beside) for sidecar in sidecars)]
        ),
        # An older revision must stay active: the circuit breaker may roll back to it after Pulumi has replaced it.
        skip_destroy=True,
        tags=dict(tags),
        opts=pulumi.ResourceOptions(
            parent=parent,
            # A new value has the same ARN, so nothing else here would change.
            replacement_trigger=pulumi.Output.all(*(secret.id for secret in generated)).apply(" ".join)
            if generated
            else None,
        ),
    )
