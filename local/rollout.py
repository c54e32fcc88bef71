"""Starts the stack's tasks in order, and replaces them as ECS does: within the declared minimum and maximum."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from local.errors import LocalError
from local.load_balancer import LoadBalancer
from local.service_tasks import READY_SECONDS, LocalService
from local.stack_model import OneOff, Service, Stack
from local.tasks import Surroundings, run_once
from local_keyspaces.progress import Progress


@dataclass(frozen=True, kw_only=True)
class _Deployment:
    """A service's tasks before and after an edit. changed: is set when a task's health changes."""

    service: Service
    old: LocalService | None
    new: LocalService
    changed: asyncio.Event = field(repr=False)

    def move(self) -> None:
        """Starts new tasks and ends old ones, as far as the service's minimum and maximum allow."""
        self._start_new()
        if self.old is not None and (missing := self.service.tasks - self.new.count):
            spare = max(self.new.healthy + self.old.healthy - self.service.least, 0)
            self.old.retire(min(missing, self.old.count - self.old.healthy + spare))
            self._start_new()

    def _start_new(self) -> None:
        room = self.service.most - self.new.count - (self.old.count if self.old else 0)
        self.new.start(min(self.service.tasks - self.new.count, max(room, 0)))

    def raise_if_stuck(self) -> None:
        """Raises LocalError if the minimum and the maximum allow no task to end or start: ECS would never finish."""
        service = self.service
        if self.old is not None and self.old.count and service.tasks and service.least >= service.most:
            raise LocalError(
                f"{service.name}: no task can be replaced: of {service.tasks}, {service.least} must be healthy"
                f" ({service.minimum_healthy} %) and {service.most} may run ({service.maximum} %) during a deployment"
            )


class Rollout:
    """tell: is called with the status of a microservice, by its name."""

    def __init__(
        self, surroundings: Surroundings, balancer: LoadBalancer, progress: Progress, *, tell: Callable[..., None]
    ) -> None:
        self._surroundings = surroundings
        self._balancer = balancer
        self._progress = progress
        self._tell = tell
        self._serving: dict[str, LocalService] = {}
        self._leaving: dict[LocalService, asyncio.Task[None]] = {}
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """By the service's name."""
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def services(self) -> list[LocalService]:
        """The services in use."""
        return list(self._serving.values())

    async def start(self, stack: Stack) -> None:
        """Runs all steps; each waits for the one before. Raises LocalError."""
        for step in stack.steps:
            if isinstance(step, OneOff):
                await self.run(step)
            else:
                async with self._progress.step(f"{step.name}: {step.tasks} tasks"):
                    await self.serve(step)

    async def run(self, step: OneOff) -> None:
        """Runs a task that runs once. Raises LocalError unless it exits with 0."""
        async with self._progress.step(step.name):
            last_line = await run_once(step, self._surroundings)
        self._progress.say(f"    {last_line}")
        self._tell(**{step.name: f"done; {last_line}"})

    async def serve(self, step: Service) -> None:
        """Starts a service's tasks, and ends the tasks of its previous deployment.

        Old tasks that still have requests when all new tasks are healthy end in the background. Raises LocalError if
        the new tasks do not become healthy: then the old tasks continue to serve.
        """
        old = self._serving.get(step.name)
        new = LocalService(
            step, self._surroundings, self._balancer, on_change=lambda status: self._on_change(new, status)
        )
        deployment = _Deployment(service=step, old=old, new=new, changed=self._changed[step.name])
        before = old.count if old else 0
        try:
            await _replaced(deployment)
        except BaseException:
            await new.close()
            if old is not None:
                old.start(before - old.count)
            raise
        new.settle()
        self._serving[step.name] = new
        if old is not None:
            self._let_go(old)

    async def change(self, stack: Stack, pending: set[str], say: Callable[[str], None]) -> None:
        """Deploys a changed stack, in its order. pending: the names of the steps that need new tasks; steps that are
        done are removed. say: is called with each change.

        Raises LocalError at the first step that fails; the steps before it are deployed, the steps after it are not.
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
            self._let_go(self._serving.pop(name))
            say(f"{name}: is no longer declared, and ends")

    async def until_failed(self) -> None:
        """Waits until a service fails, and raises its error."""
        await self._failed

    async def stop(self) -> None:
        services = [*self._serving.values(), *self._leaving]
        self._serving.clear()
        await asyncio.gather(*(service.close() for service in services))
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        self._failed.cancel()

    def _let_go(self, service: LocalService) -> None:
        service.retire(service.count)
        self._leaving[service] = leaving = asyncio.create_task(service.until_left())
        leaving.add_done_callback(lambda _: self._leaving.pop(service))

    def _on_change(self, service: LocalService, status: str) -> None:
        self._changed[service.name].set()
        self._tell(**{service.name: status})
        serves = self._serving.get(service.name) is service
        if serves and service.error is not None and not self._failed.done():
            self._failed.set_exception(service.error)


async def _replaced(deployment: _Deployment) -> None:
    """Returns when the declared number of new tasks is healthy. Raises LocalError if they do not become healthy."""
    deployment.raise_if_stuck()
    new, service, healthy = deployment.new, deployment.service, 0
    try:
        async with asyncio.timeout(READY_SECONDS) as timeout:
            while new.healthy < service.tasks:
                deployment.changed.clear()
                deployment.move()
                await deployment.changed.wait()
                if new.error is not None:
                    raise new.error
                if new.healthy > healthy:
                    healthy = new.healthy
                    timeout.reschedule(asyncio.get_running_loop().time() + READY_SECONDS)
    except TimeoutError:
        raise LocalError(
            f"{service.name}: its tasks are not healthy after {READY_SECONDS:.0f} s"
            f"{f': {new.failing_checks}' if new.failing_checks else ''}; see `make logs`"
        ) from None
