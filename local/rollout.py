"""The stack's tasks, started in order, and replaced as ECS replaces them: new ones beside the old ones."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.errors import LocalError
from local.load_balancer import LoadBalancer
from local.tasks import LocalService, Surroundings, run_once
from local.translation import OneOff, Service, Stack
from local_keyspaces.progress import Progress


@dataclass(frozen=True, kw_only=True)
class _Serving:
    declared: Service
    deployment: LocalService
    running: "asyncio.Task[None]"


class Rollout:
    """tell: is told the status of a microservice, by its name."""

    def __init__(
        self, surroundings: Surroundings, balancer: LoadBalancer, progress: Progress, *, tell: Callable[..., None]
    ) -> None:
        self._surroundings = surroundings
        self._balancer = balancer
        self._progress = progress
        self._tell = tell
        self._serving: dict[str, _Serving] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def services(self) -> list[LocalService]:
        """Those that serve."""
        return [each.deployment for each in self._serving.values()]

    async def start(self, stack: Stack) -> None:
        """Each step waits for the one before. Raises LocalError."""
        for step in stack.steps:
            if isinstance(step, OneOff):
                await self.run(step)
            else:
                async with self._progress.step(f"{step.name}: {step.tasks} tasks"):
                    await self.serve(step)

    async def run(self, step: OneOff) -> None:
        """Raises LocalError unless the task exits with 0."""
        async with self._progress.step(step.name):
            last_line = await run_once(step, self._surroundings)
        self._progress.say(f"    {last_line}")
        self._tell(**{step.name: f"done; {last_line}"})

    async def serve(self, step: Service) -> None:
        """Starts a service's tasks, and ends those of its former deployment once all new ones are healthy.

        Raises LocalError if they do not become healthy: then the former ones serve on.
        """
        old = self._serving.get(step.name)
        deployment = LocalService(
            step, self._surroundings, self._balancer, on_change=lambda status: self._tell(**{step.name: status})
        )
        running = asyncio.create_task(deployment.run())
        try:
            await deployment.until_ready()
        except BaseException:
            await _cancelled(running)
            raise
        self._serving[step.name] = _Serving(declared=step, deployment=deployment, running=running)
        running.add_done_callback(self._on_end)
        if old is not None:
            old.running.remove_done_callback(self._on_end)
            await _cancelled(old.running)

    async def change(self, stack: Stack, pending: set[str], say: Callable[[str], None]) -> None:
        """Takes what is declared now, in its order. pending: names of the steps that need new tasks; their old ones go.
        say: is told what was done.

        Raises LocalError at the first step that fails; those before it stay changed, those behind it as they were.
        """
        self._balancer.rules = stack.rules
        for step in stack.steps:
            if isinstance(step, OneOff):
                if step.name in pending:
                    await self.run(step)
            elif step.name not in self._serving or step.name in pending:
                started = time.monotonic()
                await self.serve(step)
                say(f"{step.name}: {step.tasks} new tasks serve ({time.monotonic() - started:.1f} s)")
            pending.discard(step.name)
        for name in self._serving.keys() - {step.name for step in stack.steps}:
            gone = self._serving.pop(name)
            gone.running.remove_done_callback(self._on_end)
            await _cancelled(gone.running)
            say(f"{name}: is not declared any more, and has ended")

    async def until_failed(self) -> None:
        """Raises what ended a service that should run."""
        await self._failed

    async def stop(self) -> None:
        serving, self._serving = self._serving, {}
        for each in serving.values():
            each.running.remove_done_callback(self._on_end)
        await asyncio.gather(*(_cancelled(each.running) for each in serving.values()))
        self._failed.cancel()

    def _on_end(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and not self._failed.done():
            self._failed.set_exception(task.exception() or LocalError("a service has ended by itself"))


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
