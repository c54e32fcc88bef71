"""The health of a task without a load balancer: the task runs, and its container's health check exits with 0."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.load_balancer import Target
from local.stack_model import ContainerCheck

# Without a health check, a task is healthy after it has run this long; a task that ends earlier is a failed start.
_STARTED_SECONDS = 1.0
_FIRST_CHECKS_EVERY = 1.0  # seconds, until a new task has passed once
_NO_PORT = 0


@dataclass(frozen=True, kw_only=True)
class Container:
    """The process of a task, and the surroundings in which a command in its container runs."""

    process: asyncio.subprocess.Process
    environment: Mapping[str, str]
    directory: Path


@asynccontextmanager
async def watched(
    container: Container, check: ContainerCheck | None, on_change: Callable[[], None]
) -> AsyncIterator[Target]:
    """Yields a target without an address, and checks its health until the block ends. Calls `on_change` when its health
    changes.

    A process that fails its check as often as declared is sent SIGTERM, because ECS replaces such a task.
    """
    target = Target(_NO_PORT)
    watching = asyncio.create_task(_watch(container, check, target, on_change))
    try:
        yield target
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(
    container: Container, check: ContainerCheck | None, target: Target, on_change: Callable[[], None]
) -> None:
    if check is None:
        await asyncio.sleep(_STARTED_SECONDS)
        target.healthy = True
        on_change()
        return
    started, failures = asyncio.get_running_loop().time(), 0
    while True:
        passed = await _passes(container, check)
        target.last_check = "" if passed else "its container's health check fails"
        in_grace = asyncio.get_running_loop().time() - started < check.grace_period
        failures = 0 if passed else failures + (not in_grace)
        healthy = passed or (target.healthy and failures < check.retries)
        if healthy != target.healthy:
            target.healthy = healthy
            on_change()
        if failures >= check.retries:
            with contextlib.suppress(ProcessLookupError):
                container.process.terminate()
            return
        await asyncio.sleep(check.interval if target.healthy else _FIRST_CHECKS_EVERY)


async def _passes(container: Container, check: ContainerCheck) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *check.command,
            cwd=container.directory,
            env=container.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(check.timeout):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
