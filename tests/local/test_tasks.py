"""A task as a process of this machine: its command and environment."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.by_hand import run_by_hand
from local.credentials_endpoint import CredentialsEndpoint
from local.errors import LocalError
from local.load_balancer import LoadBalancer
from local.secrets_file import SecretsFile
from local.service_tasks import LocalService
from local.stack_model import ContainerCheck, OneOff, Service, Stack, TaskDefinition, TimedTask
from local.state import StackState
from local.tasks import Surroundings, run_once
from local_keyspaces.credentials import CredentialStore, Role
from local_keyspaces.processes import Registry
from local_keyspaces.state import Running


def surroundings_in(directory: Path) -> Surroundings:
    return Surroundings(
        overrides={},
        secrets=SecretsFile(directory / "secrets.json"),
        credentials=CredentialsEndpoint(CredentialStore()),
        logs=directory / "logs",
        registry=Registry(directory / "processes"),
    )


def definition_of(
    source: str, directory: Path, *, given_secrets: tuple[str, ...] = (), check: ContainerCheck | None = None
) -> TaskDefinition:
    """A task that runs this Python."""
    return TaskDefinition(
        container="job",
        command=[sys.executable, "-c", source],
        environment={},
        secrets={},
        given_secrets=given_secrets,
        role=Role(arn="arn:aws:iam::000000000000:role/job-task", policies=()),
        directory=directory,
        stop_timeout=5,
        sources=(),
        check=check,
        revision="1",
    )


def test_a_task_gets_the_developers_value_of_an_existing_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that needs a secret would not run on this machine, or would take the value from the shell."""
    monkeypatch.setenv("LOCAL_SECRET_PASSWORD", "for this machine")
    monkeypatch.setenv("PASSWORD", "of production")
    task = definition_of(
        "import os; print(os.environ['PASSWORD'], 'LOCAL_SECRET_PASSWORD' in os.environ)",
        tmp_path,
        given_secrets=("PASSWORD",),
    )
    one_off = OneOff(name="job", task=task, timeout=60)
    assert asyncio.run(run_once(one_off, surroundings_in(tmp_path))) == "for this machine False"


def _stack(task: TaskDefinition) -> Stack:
    scheduled = TimedTask(name="job", task=task, expression="rate(1 day)")
    return Stack(keyspaces=[], tables=[], steps=[], scheduled=[scheduled], bulk_loads=[], rules=[], outputs={})


def test_runs_a_scheduled_task_by_hand(tmp_path: Path) -> None:
    """A scheduled task could not be tried here, or would run with another role."""
    state = StackState(tmp_path / ".local")
    state.profiles.parent.mkdir(parents=True)
    state.profiles.write_text("[job-task]\n")
    running = Running(pid=1, stack="dev", region="us-east-1", keyspaces_port=9142)
    task = definition_of(
        "import os, pathlib\n"
        "told = ('AWS_PROFILE', 'AWS_SHARED_CREDENTIALS_FILE', 'KEYSPACES_ENDPOINT')\n"
        "pathlib.Path('told').write_text('\\n'.join(os.environ[name] for name in told))\n"
        "raise SystemExit(3)",
        tmp_path,
    )
    assert run_by_hand("job", _stack(task), state, running) == 3
    assert (tmp_path / "told").read_text().splitlines() == ["job-task", str(state.profiles), "localhost:9142"]


def test_lists_the_programs_that_can_be_run_by_hand(tmp_path: Path) -> None:
    """A typing mistake would end in a traceback."""
    state = StackState(tmp_path / ".local")
    running = Running(pid=1, stack="dev", region="us-east-1")
    stack = _stack(definition_of("", tmp_path))
    with pytest.raises(LocalError, match="there is no task 'jobs' that runs on a schedule or once; the tasks are job"):
        run_by_hand("jobs", stack, state, running)
    with pytest.raises(LocalError, match="the running stack does not know the role job-task: start it again"):
        run_by_hand("job", stack, state, running)


def _worker(definition: TaskDefinition, directory: Path, told: Callable[[str], None]) -> LocalService:
    service = Service(name="job", task=definition, tasks=1, target_group=None, minimum_healthy=100, maximum=200)
    return LocalService(service, surroundings_in(directory), LoadBalancer([]), on_change=told)


def _check(source: str) -> ContainerCheck:
    return ContainerCheck(command=[sys.executable, "-c", source], interval=0.1, timeout=30, retries=2, grace_period=0)


def test_keeps_a_worker_running_without_an_address(tmp_path: Path) -> None:
    """A worker would never be healthy here, or would listen on a port."""
    source = "import os, pathlib, time; pathlib.Path('told').write_text(str('PORT' in os.environ)); time.sleep(60)"
    check = _check("import pathlib, sys; sys.exit(not pathlib.Path('told').exists())")

    async def run() -> None:
        healthy = asyncio.Event()
        worker = _worker(definition_of(source, tmp_path, check=check), tmp_path, lambda _: healthy.set())
        worker.start(1)
        await healthy.wait()
        assert (worker.count, worker.healthy) == (1, 1)
        await worker.close()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert (tmp_path / "told").read_text() == "False"


def test_replaces_a_worker_that_fails_its_check(tmp_path: Path) -> None:
    """A hanging worker would stay, although ECS would replace it."""
    events: list[str] = []
    ended = asyncio.Event()

    def told(event: str) -> None:
        events.append(event)
        if "a task ended" in event:
            ended.set()

    async def run() -> None:
        definition = definition_of("import time; time.sleep(60)", tmp_path, check=_check("import sys; sys.exit(1)"))
        worker = _worker(definition, tmp_path, told)
        worker.start(1)
        await ended.wait()
        await worker.close()

    asyncio.run(asyncio.wait_for(run(), 60))
    assert not any("1 of 1 tasks healthy" in event for event in events)
