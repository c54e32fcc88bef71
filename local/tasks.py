"""Runs ECS tasks as processes of this machine, and waits for one-off tasks."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.credentials_endpoint import CredentialsEndpoint
from local.errors import LocalError
from local.secrets_file import SecretsFile
from local.stack_model import OneOff, TaskDefinition
from local.translation import given_variable
from local_keyspaces.processes import Registry, end_process, last_lines

_BETWEEN_SIGNALS = 0.3  # seconds


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The environment that all tasks share. overrides: variables that replace or join the declared ones."""

    overrides: Mapping[str, str]
    secrets: SecretsFile
    credentials: CredentialsEndpoint
    logs: Path
    registry: Registry


@dataclass(frozen=True, kw_only=True)
class Task:
    process: asyncio.subprocess.Process
    environment: Mapping[str, str] = field(repr=False)
    log_file: Path

    @property
    def id(self) -> str:
        return self.log_file.stem


def environment_of(
    definition: TaskDefinition,
    *,
    secrets: SecretsFile,
    overrides: Mapping[str, str],
    credentials: Mapping[str, str],
) -> dict[str, str]:
    """The complete environment of a task."""
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Fargate has no other source of credentials; here the developer's own credentials would take precedence.
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **definition.environment,
        **_secrets(definition, secrets),
        **overrides,
        **credentials,
    }


def overrides_for(keyspaces_port: int, ca_file: Path) -> Mapping[str, str]:
    """The address of the local Keyspaces instead of the declared one, and no traces, because X-Ray is on AWS only."""
    return {
        "KEYSPACES_ENDPOINT": f"localhost:{keyspaces_port}",
        "KEYSPACES_CA_FILE": str(ca_file.resolve()),
        "OTEL_TRACES_EXPORTER": "none",
    }


@asynccontextmanager
async def start(
    definition: TaskDefinition, surroundings: Surroundings, more: Mapping[str, str] | None = None
) -> AsyncIterator[Task]:
    """Starts a task, yields it, and ends it at the end of the block as ECS does."""
    log_file = surroundings.logs / definition.container / f"{secrets.token_hex(4)}.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    environment = environment_of(
        definition,
        secrets=surroundings.secrets,
        overrides=surroundings.overrides,
        credentials=surroundings.credentials.environment_for(definition.role),
    ) | dict(more or {})
    with log_file.open("wb") as log:
        try:
            process = await asyncio.create_subprocess_exec(
                *definition.command,
                cwd=definition.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise LocalError(f"{definition.container}: {definition.command[0]!r} cannot be run: {error}") from None
    surroundings.registry.add(definition.container, process.pid)
    try:
        yield Task(process=process, environment=environment, log_file=log_file)
    finally:
        await _hurry(process)
        await end_process(process, stop_timeout=definition.stop_timeout)
        surroundings.registry.remove(process.pid)


def _secrets(definition: TaskDefinition, file: SecretsFile) -> Mapping[str, str]:
    values = file.values(definition.secrets.values())
    return {
        **{variable: values[parameter] for variable, parameter in definition.secrets.items()},
        **{variable: os.environ[given_variable(variable)] for variable in definition.given_secrets},
    }


async def _hurry(process: asyncio.subprocess.Process) -> None:
    """Sends a first SIGTERM; the second one, soon after it, ends the draining of a service without clients."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BETWEEN_SIGNALS):
            await process.wait()


async def run_once(one_off: OneOff, surroundings: Surroundings) -> str:
    """Runs the task and returns its last log line. Raises LocalError unless it exits with 0 in time."""
    async with start(one_off.task, surroundings) as task:
        try:
            async with asyncio.timeout(one_off.timeout):
                code = await task.process.wait()
        except TimeoutError:
            raise LocalError(
                f"{one_off.name} was stopped because it took more than {one_off.timeout:.0f} s; its log ends with:\n"
                f"{last_lines(task.log_file)}"
            ) from None
    if code != 0:
        raise LocalError(
            f"{one_off.name} failed with exit code {code}; its log ends with:\n{last_lines(task.log_file)}"
        )
    return last_lines(task.log_file, 1).strip()
