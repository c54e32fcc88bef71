"""A declared stack as this machine runs it: its tasks, services, schedules, rules and tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_keyspaces.credentials import Role
from local_keyspaces.tables import TableSchema


@dataclass(frozen=True, kw_only=True)
class ContainerCheck:
    """A command that exits with 0 while its container is healthy; times are in seconds."""

    command: Sequence[str]
    interval: float
    timeout: float
    retries: int
    grace_period: float


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """container: its name. directory: the folder of the image's files on this machine. stop_timeout: seconds.

    secrets: a parameter's ARN by the environment variable that gets its value. given_secrets: environment variables
    whose values the developer gives, see `local.translation.given_variable`. sources: the paths in `directory` that are
    in the image; empty for all. check: the container's health check, if it has one. revision: the declaration of the
    task and of its role's policies; a new one needs new tasks.
    """

    container: str
    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    given_secrets: Sequence[str]
    role: Role
    directory: Path
    stop_timeout: float
    sources: Sequence[str]
    check: ContainerCheck | None
    revision: str


@dataclass(frozen=True, kw_only=True)
class OneOff:
    """A task that runs once. timeout: seconds."""

    name: str
    task: TaskDefinition
    timeout: float


@dataclass(frozen=True, kw_only=True)
class TimedTask:
    """A task that runs at the times of `expression` on AWS, and on request here."""

    name: str
    task: TaskDefinition
    expression: str


@dataclass(frozen=True, kw_only=True)
class BulkLoad:
    """A Spark program, the jars that it needs, and its arguments as Glue would give them."""

    name: str
    program: Path
    jars: Sequence[Path]
    arguments: Mapping[str, str]
    role: Role


@dataclass(frozen=True, kw_only=True)
class TargetGroup:
    """The load balancer's settings for a service's tasks; times are in seconds."""

    name: str
    path: str
    interval: float
    timeout: float
    unhealthy_threshold: int
    deregistration_delay: float


@dataclass(frozen=True, kw_only=True)
class Service:
    """target_group: None for a worker, which has no load balancer. minimum_healthy, maximum: percent of the tasks,
    during a deployment."""

    name: str
    task: TaskDefinition
    tasks: int
    target_group: TargetGroup | None
    minimum_healthy: int
    maximum: int

    @property
    def least(self) -> int:
        """The fewest healthy tasks during a deployment (ECS API reference, DeploymentConfiguration)."""
        return math.ceil(self.tasks * self.minimum_healthy / 100)

    @property
    def most(self) -> int:
        """The most running or starting tasks during a deployment."""
        return self.tasks * self.maximum // 100


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Sends requests whose path matches one of `paths` (`*` and `?` are wildcards) to a target group.

    for_hosts: True if the rule is declared for some hosts only; here it accepts any host.
    """

    priority: int
    paths: Sequence[str]
    target_group: TargetGroup
    for_hosts: bool = False


@dataclass(frozen=True, kw_only=True)
class Stack:
    """steps: in the order of declaration, so dependencies come first. bulk_loads: run on request only."""

    keyspaces: Sequence[str]
    tables: Sequence[TableSchema]
    steps: Sequence[OneOff | Service]
    scheduled: Sequence[TimedTask]
    bulk_loads: Sequence[BulkLoad]
    rules: Sequence[Rule]
    outputs: Mapping[str, Any]

    @property
    def tasks(self) -> list[TaskDefinition]:
        return [each.task for each in (*self.steps, *self.scheduled)]
