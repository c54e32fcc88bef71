"""Containers of your own beside the program's, in each of its tasks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from components.account import Account
from components.arguments import none_of, outside, raise_for
from components.ecr import EcrRepository
from components.network.network import Network
from components.secrets import existing
from components.secrets.existing import Existing, existing_secrets_mistake
from components.secrets.variables import names_mistake
from components.tasks.container import SCRATCH, USER, HealthCheck, Log, container_definition
from components.tasks.image import ExistingImage, use_image

Start = Literal["before", "with"]

# The least share of the program's container: half of the smallest task.
_LEAST_CPU = 128
_LEAST_MEMORY = 256

# ECS takes 10 containers in a task definition (ECS developer guide, "Amazon ECS service quotas").
_MOST = 9
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 40
# A number, since nothing here knows which number a name has in the image.
_USER = re.compile(r"[1-9]\d{0,8}(:\d{1,9})?", re.ASCII)
# With a registry's host, which has a dot or a port (distribution/reference, "domain"), and without a tag.
_IMAGE = re.compile(r"(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?)/[a-z0-9]+([._/-]+[a-z0-9]+)*@sha256:[0-9a-f]{64}")
_ECR = re.compile(r"\d+\.dkr[.-]ecr")


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A container beside the program's in each task, such as a proxy, a collector or an agent.

    It shares the task's network (both reach each other at 127.0.0.1), its role (it has all permissions of the program)
    and its size. It is locked down like the program's container: a read-only root file system except `/tmp`, no
    capabilities, not root. It writes to the microservice's log group, to streams that begin with its name.

    name: up to 40 of a-z, 0-9 and single hyphens, a letter first; not the microservice's.
    image: by digest, with the registry's host: `<host>/<repository>@sha256:<64 hexadecimal digits>`. It must have the
    microservice's `architecture`. From a private ECR repository, the execution role may pull it, as an
    `ExistingImage`. Another registry must need no credentials and be reachable by the egress, so not with "endpoints".
    cpu: CPU units that it gets when the task's containers need more than the task has. memory: MiB, above which it is
    killed. The shares of all sidecars come from the task's `cpu` and `memory`; the program keeps 128 units and 256 MiB.
    command: in place of the image's own. variables: environment variables; not for secrets. secrets: as those
    of the microservice.
    health_check: a command in the container that exits with 0 while it works. grace_period: seconds before a failing
    one counts, up to 300.
    essential: the task stops when this container does. False: the program goes on without it.
    start: "before": the program starts once this container is healthy, or has started if there is no `health_check`,
    and stops before it does (ECS API reference, ContainerDependency: "for container shutdown it is reversed"). "with":
    in no order.
    user: a user ID above 0, with or without a group ID.

    Raises InvalidArguments.
    """

    name: str
    image: str
    cpu: int
    memory: int
    command: Sequence[str] = ()
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, Existing] = field(default_factory=dict)
    health_check: Sequence[str] = ()
    grace_period: int = 60
    essential: bool = True
    start: Start = "before"
    user: str = USER

    def __post_init__(self) -> None:
        raise_for(
            f"Sidecar {self.name}",
            {
                "name": None
                if _NAME.fullmatch(self.name) and len(self.name) <= _LONGEST_NAME
                else f"is {self.name!r}; use up to {_LONGEST_NAME} of a-z, 0-9 and single hyphens, a letter first",
                "image": None
                if self.repository or self._of_other_registry
                else f"is {self.image!r}; give it by digest and with its registry, such as"
                " public.ecr.aws/nginx/nginx@sha256:... with 64 hexadecimal digits",
                # Linux takes no fewer CPU shares, Docker no less memory (ECS API reference, ContainerDefinition).
                "cpu": outside(self.cpu, 2, 16_384, "units"),
                "memory": outside(self.memory, 6, 122_880, "MiB"),
                **{
                    argument: f"is one string, {words!r}; give a list of words" if isinstance(words, str) else None
                    for argument, words in (("command", self.command), ("health_check", self.health_check))
                },
                "secrets": names_mistake(self.secrets, own=(), others={"variables": self.variables}),
                "grace_period": outside(self.grace_period, 0, 300, "seconds"),  # ECS API reference, HealthCheck
                "start": none_of(self.start, Start),
                "user": None
                if _USER.fullmatch(self.user)
                else f"is {self.user!r}; use a user ID above 0, with or without a group ID, such as {USER}",
            },
        )

    @property
    def repository(self) -> EcrRepository | None:
        """The private repository in ECR that the image is in."""
        uri, _, digest = self.image.rpartition("@")
        return EcrRepository.parse(uri) if _IMAGE.fullmatch(f"a.b/c@{digest}") else None

    @property
    def volume(self) -> str:
        """The name of the volume that it may write to."""
        return f"{self.name}-scratch"

    @property
    def dependency(self) -> dict[str, str]:
        """The condition that the program's container waits for, if this sidecar starts before it."""
        return {"containerName": self.name, "condition": "HEALTHY" if self.health_check else "START"}

    @property
    def _of_other_registry(self) -> bool:
        match = _IMAGE.fullmatch(self.image)
        return match is not None and not _ECR.match(match["host"])


def sidecars_mistake(
    sidecars: Sequence[Sidecar], *, program: str, cpu: int, memory: int, network: Network
) -> str | None:
    """program: the name of the program's container. cpu, memory: of the task."""
    names = Counter([program, *(sidecar.name for sidecar in sidecars)])
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        return f"has {twice[0]} twice, or it is the microservice's name; give each container a name of its own"
    if len(sidecars) > _MOST:
        return f"has {len(sidecars)}; use up to {_MOST}, as ECS takes {_MOST + 1} containers in a task"
    for size, unit, of_task, least in (("cpu", "units", cpu, _LEAST_CPU), ("memory", "MiB", memory, _LEAST_MEMORY)):
        taken = sum(getattr(sidecar, size) for sidecar in sidecars)
        if sidecars and taken > of_task - least:
            return (
                f"takes {taken} {unit} of the task's `{size}`, which is {of_task}; use up to {of_task - least}, since"
                f" the program keeps {least}, or a larger task"
            )
    for sidecar in sidecars:
        if sidecar.repository is None and network.https_security_group is not None:
            return (
                f"has {sidecar.name} with the image {sidecar.image}, which the egress endpoints does not reach; copy it"
                " to a private ECR repository of this account, or use another egress"
            )
        mistake = existing_secrets_mistake(sidecar.secrets, network)
        if mistake:
            return f"has {sidecar.name}, whose argument `secrets` {mistake}"
    return None


def repository_arns(
    name: str, sidecars: Sequence[Sidecar], *, account: Account, endpoints_only: bool
) -> list[pulumi.Output[str]]:
    """The repositories that the execution role must be able to pull from. Raises InvalidArguments as `use_image`
    does."""
    return [
        use_image(
            f"{name}, sidecar {sidecar.name}",
            ExistingImage(uri=sidecar.image),
            account=account,
            endpoints_only=endpoints_only,
        ).repository_arn
        for sidecar in sidecars
        if sidecar.repository is not None
    ]


def sidecar_definition(sidecar: Sidecar, log: Log) -> dict[str, Any]:
    definition = container_definition(
        sidecar.name,
        image=sidecar.image,
        command=sidecar.command,
        environment=sidecar.variables,
        secrets={variable: existing.value_from(secret, log.account) for variable, secret in sidecar.secrets.items()},
        volumes={sidecar.volume: SCRATCH},
        log=log,
        health_check=HealthCheck(command=sidecar.health_check, grace_period=sidecar.grace_period)
        if sidecar.health_check
        else None,
        user=sidecar.user,
        essential=sidecar.essential,
    )
    return {**definition, "cpu": sidecar.cpu, "memory": sidecar.memory}
