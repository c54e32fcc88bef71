"""ECS tasks as processes of this machine: one-off tasks that are waited for, services that are kept running."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.container_health import Container, watched
from local.credentials_endpoint import CredentialsEndpoint
from local.errors import LocalError
from local.load_balancer import LoadBalancer, Target
from local.secrets_file import SecretsFile
from local.translation import OneOff, Service, TaskDefinition, given_variable
from local_keyspaces.listening import free_port
from local_keyspaces.processes import Registry, end_process, last_lines

_READY_SECONDS = 120.0
# A service whose tasks end this often before one was healthy is given up, like a deployment by ECS's circuit breaker.
_FAILED_STARTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between restarts
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


@dataclass(frozen=True, kw_only=True)
class ServiceTask:
    """A task of a service: where it listens, and since when it runs (time.time())."""

    task: Task
    target: Target
    started: float

    def restart(self) -> None:
        """Ends it as ECS ends a task; its service starts another one."""
        with contextlib.suppress(ProcessLookupError):
            self.task.process.terminate()


def environment_of(
    definition: TaskDefinition,
    *,
    secrets: SecretsFile,
    overrides: Mapping[str, str],
    credentials: Mapping[str, str],
) -> dict[str, str]:
    """All that a task is told."""
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # On Fargate there is no other source of credentials; here a developer's own would come first.
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **definition.environment,
        **_secrets(definition, secrets),
        **overrides,
        **credentials,
    }


def overrides_for(keyspaces_port: int, ca_file: Path) -> Mapping[str, str]:
    """Where the local Keyspaces is, in place of what is declared; and no traces, since X-Ray is on AWS only."""
    return {
        "KEYSPACES_ENDPOINT": f"localhost:{keyspaces_port}",
        "KEYSPACES_CA_FILE": str(ca_file.resolve()),
        "OTEL_TRACES_EXPORTER": "none",
    }


@asynccontextmanager
async def start(
    definition: TaskDefinition, surroundings: Surroundings, more: Mapping[str, str] | None = None
) -> AsyncIterator[Task]:
    """A running task; ended, as ECS ends one, with the block."""
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
    """A first SIGTERM: the second one, right behind it, ends the draining of a service that nobody calls any more."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_BETWEEN_SIGNALS):
            await process.wait()


async def run_once(one_off: OneOff, surroundings: Surroundings) -> str:
    """Returns the last line it wrote. Raises LocalError unless it exits with 0 in time."""
    async with start(one_off.task, surroundings) as task:
        try:
            async with asyncio.timeout(one_off.timeout):
                code = await task.process.wait()
        except TimeoutError:
            raise LocalError(
                f"{one_off.name} was stopped since it was not done after {one_off.timeout:.0f} s; its log ends with:\n"
                f"{last_lines(task.log_file)}"
            ) from None
    if code != 0:
        raise LocalError(
            f"{one_off.name} failed with exit code {code}; its log ends with:\n{last_lines(task.log_file)}"
        )
    return last_lines(task.log_file, 1).strip()


class LocalService:
    """Keeps the tasks of one deployment of a service running and registered with the load balancer, until cancelled."""

    def __init__(
        self, service: Service, surroundings: Surroundings, balancer: LoadBalancer, on_change: Callable[[str], None]
    ) -> None:
        self._service = service
        self._surroundings = surroundings
        self._balancer = balancer
        self._on_change = on_change
        self._failed_starts = 0
        self.tasks: dict[str, ServiceTask] = {}
        """Those that run, by id."""
        self._changed = asyncio.Event()
        self._gave_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        return self._service.name

    @property
    def wanted(self) -> int:
        """How many tasks should run."""
        return self._service.tasks

    async def until_ready(self) -> None:
        """Returns once as many tasks are healthy as declared. Raises LocalError if that does not happen."""

        async def all_healthy() -> None:
            while self._healthy() < self._service.tasks:
                await self._changed.wait()
                self._changed.clear()

        ready = asyncio.create_task(all_healthy())
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.wait({ready, self._gave_up}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise LocalError(
                f"{self._service.name}: its tasks are not healthy after {_READY_SECONDS:.0f} s; see `make logs`"
            ) from None
        finally:
            ready.cancel()
        if self._gave_up.done():
            self._gave_up.result()
        self._gave_up.cancel()  # from now on it is started again for ever, with growing pauses

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._service.tasks):
                group.create_task(self._keep_one_running())

    async def _keep_one_running(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            port = free_port()
            async with (
                start(self._service.task, self._surroundings, self._address(port)) as task,
                self._watched(task, port) as target,
            ):
                self.tasks[task.id] = ServiceTask(task=task, target=target, started=time.time())
                try:
                    code = await task.process.wait()
                finally:
                    del self.tasks[task.id]
                was_healthy = target.healthy
            self._report(f"a task ended with exit code {code}")
            if was_healthy:
                pause = _FIRST_PAUSE
            else:
                self._count_failed_start(code, task.log_file)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _watched(self, task: Task, port: int) -> AbstractAsyncContextManager[Target]:
        if self._service.target_group is not None:
            return self._balancer.register(self._service.target_group, port, self._report)
        definition = self._service.task
        container = Container(process=task.process, environment=task.environment, directory=definition.directory)
        return watched(container, definition.check, self._report)

    def _address(self, port: int) -> Mapping[str, str]:
        """The address of a task: tasks of one machine need a port each, and other machines must not reach them."""
        if self._service.target_group is None:
            return {}
        return {"HOST": "127.0.0.1", "PORT": str(port)}

    def _report(self, event: str = "") -> None:
        self._changed.set()
        self._on_change(f"{self._healthy()} of {self._service.tasks} tasks healthy" + (f"; {event}" if event else ""))

    def _healthy(self) -> int:
        return sum(each.target.healthy for each in self.tasks.values())

    def _count_failed_start(self, code: int, log_file: Path) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _FAILED_STARTS and not self._gave_up.done():
            self._gave_up.set_exception(
                LocalError(
                    f"{self._service.name}: {self._failed_starts} tasks ended before they were healthy, the last with"
                    f" exit code {code}; its log ends with:\n{last_lines(log_file)}"
                )
            )
