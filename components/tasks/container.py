"""One container of an ECS task definition, locked down: the program's own, or a sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.account import Account

SCRATCH = "/tmp"  # noqa: S108  # the container's own
"""Where each container may write."""

# Any number but 0 will do: the images work under every uid.
USER = "10001:10001"
# How long ECS waits between SIGTERM and SIGKILL, in seconds: longer than a load balancer drains a target.
_STOP_TIMEOUT = 40

LogMode = Literal["blocking", "non-blocking"]
# ECS's default (ECS API reference, LogConfiguration), written down since ECS has changed such defaults before.
_LOG_BUFFER = "10m"

# ECS's defaults (ECS API reference, HealthCheck), written down since the provider would see a change without them.
_HEALTH_CHECK = {"interval": 30, "timeout": 5, "retries": 3}


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """command: exits with 0 while the container is healthy. grace_period: seconds in which failures do not count."""

    command: Sequence[str]
    grace_period: int


@dataclass(frozen=True, kw_only=True)
class Log:
    """The log group of a task, whose streams begin with the container's name; mode: see `create_task_definition`."""

    group: aws.cloudwatch.LogGroup
    mode: LogMode
    account: Account


def container_definition(
    name: str,
    *,
    image: pulumi.Input[str],
    command: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, pulumi.Input[str]],
    volumes: Mapping[str, str],
    log: Log,
    health_check: HealthCheck | None,
    port: int | None = None,
    user: str = USER,
    essential: bool = True,
) -> dict[str, Any]:
    """volumes: the mount path by name; the container can write only there. secrets: the source of the value,
    by environment variable. essential: the task stops when the container does."""
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "essential": essential,
        "command": list(command),
        "environment": [{"name": key, "value": value} for key, value in sorted(environment.items())],
        "portMappings": [{"containerPort": port, "protocol": "tcp"}] if port is not None else [],
        "user": user,
        "readonlyRootFilesystem": True,
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": path, "readOnly": False} for volume, path in volumes.items()
        ],
        # ECS returns an empty `add`; without it, the provider would see a change and replace at every update.
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": [], "drop": ["ALL"]}},
        "stopTimeout": _STOP_TIMEOUT,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log.group.name,
                "awslogs-region": log.account.region,
                "awslogs-stream-prefix": name,
                "mode": log.mode,
                **({"max-buffer-size": _LOG_BUFFER} if log.mode == "non-blocking" else {}),
            },
        },
    }
    if health_check is not None:
        container["healthCheck"] = {
            "command": ["CMD", *health_check.command],
            "startPeriod": health_check.grace_period,
            **_HEALTH_CHECK,
        }
    if secrets:
        container["secrets"] = [{"name": key, "valueFrom": source} for key, source in sorted(secrets.items())]
    return container
