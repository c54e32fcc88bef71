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
    """A command in the container that exits with 0 while it is healthy; times in seconds."""

    command: Sequence[str]
    interval: float
    timeout: float
    retries: int
    grace_period: float


@dataclass(frozen=True, kw_only=True)
class TaskDefinition:
    """container: its name. directory: where the image's files are on this machine. stop_timeout: seconds.

    secrets: ARN of a parameter by the environment variable that gets its value. given_secrets: environment variables
    whose values the developer gives, see `local.translation.given_variable`. sources: paths in `directory` that the
    image is made of; none means all. check: of the container's health, if there is one. revision: what is declared of
    it and of its role; another one needs new tasks.
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
    """A task that runs once; timeout in seconds."""

    name: str
    task: TaskDefinition
    timeout: float


@dataclass(frozen=True, kw_only=True)
class TimedTask:
    """A task that runs at the times of `expression` on AWS, and by hand here."""

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
    """A service's tasks as the load balancer knows them; times in seconds."""

    name: str
    path: str
    interval: float
    timeout: float
    unhealthy_threshold: int
    deregistration_delay: float


@dataclass(frozen=True, kw_only=True)
class Service:
    """target_group: None of a worker, which no load balancer calls. minimum_healthy, maximum: in percent of the tasks,
    during a deployment."""

    name: str
    task: TaskDefinition
    tasks: int
    target_group: TargetGroup | None
    minimum_healthy: int
    maximum: int

    @property
    def least(self) -> int:
        """Tasks that are healthy at any time of a deployment (ECS API reference, DeploymentConfiguration)."""
        return math.ceil(self.tasks * self.minimum_healthy / 100)

    @property
    def most(self) -> int:
        """Tasks that run or start at any time of a deployment."""
        return self.tasks * self.maximum // 100


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Sends requests whose path matches one of `paths` (`*` and `?` are wildcards) to a target group.

    for_hosts: whether it is declared for some hosts only; here it takes any.
    """

    priority: int
    paths: Sequence[str]
    target_group: TargetGroup
    for_hosts: bool = False


@dataclass(frozen=True, kw_only=True)
class Stack:
    """steps: in the order of declaration, in which what is depended on comes first. bulk_loads: run by hand only."""

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
