"""The tasks of one deployment of a service: starts them, registers them with the load balancer, and ends them as ECS
does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from local.container_health import Container, watched
from local.errors import LocalError
from local.load_balancer import LoadBalancer, Target
from local.stack_model import Service
from local.tasks import Surroundings, Task, start
from local_keyspaces.listening import free_port
from local_keyspaces.processes import last_lines

READY_SECONDS = 120.0
# A service fails if its tasks end this often before one was healthy, like a deployment by ECS's circuit breaker.
_FAILED_STARTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between two starts


@dataclass(frozen=True, kw_only=True)
class ServiceTask:
    """A task of a service. target: its address and health. started: time.time()."""

    task: Task
    target: Target
    started: float


@dataclass(eq=False)
class _Place:
    """A place for one task: when the task ends, the next one starts. failures: tasks that were never healthy."""

    now: ServiceTask | None = None
    failures: int = 0
    leaving: bool = False

    @property
    def is_healthy(self) -> bool:
        return self.now is not None and self.now.target.healthy


class LocalService:
    """on_change: is called with the number of healthy tasks when a task's health changes, or a task ends or fails."""

    def __init__(
        self, service: Service, surroundings: Surroundings, balancer: LoadBalancer, on_change: Callable[[str], None]
    ) -> None:
        self._service = service
        self._surroundings = surroundings
        self._balancer = balancer
        self._on_change = on_change
        self._failed_starts = 0
        self._settled = False
        self.tasks: dict[str, ServiceTask] = {}
        """The running tasks by id, including draining ones."""
        self.error: BaseException | None = None
        """The error because of which the service cannot run its tasks."""
        self._places: dict[_Place, asyncio.Task[None]] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._service.name

    @property
    def wanted(self) -> int:
        """The desired number of tasks."""
        return self._service.tasks

    @property
    def count(self) -> int:
        """The number of running or starting tasks, without draining ones, as in ECS."""
        return len(self._places)

    @property
    def healthy(self) -> int:
        """The number of healthy tasks among them."""
        return sum(place.is_healthy for place in self._places)

    @property
    def failing_checks(self) -> str:
        """The findings of the last health checks of its unhealthy tasks."""
        seen = {place.now.target.last_check for place in self._places if place.now and not place.is_healthy}
        return "; ".join(sorted(seen - {""}))

    def settle(self) -> None:
        """Marks the service as healthy once: from now on, ended tasks are always started again, with growing pauses."""
        self._settled = True

    def start(self, count: int) -> None:
        for _ in range(count):
            self._start_one()

    def retire(self, count: int) -> None:
        """Ends tasks: unhealthy ones first, then the oldest."""
        for place in sorted(self._places, key=lambda place: place.is_healthy)[:count]:
            self._retire_one(place)

    def stop_task(self, id_: str) -> bool:
        """Ends a task and starts another one, as after `aws ecs stop-task`. Returns False if the task does not run."""
        place = self._place_of(id_)
        if place is not None:
            self._retire_one(place)
            self._start_one()
        return place is not None

    def restart_task(self, id_: str) -> bool:
        """Starts another task, and ends this one when the new one is healthy; at the service's maximum, ends this one
        first. Returns False if the task does not run."""
        place = self._place_of(id_)
        if place is None:
            return False
        if self.count >= self._service.most:
            return self.stop_task(id_)
        self._in_background(self._replace(place))
        return True

    async def until_left(self) -> None:
        """Waits until all draining tasks have ended."""
        while self._leaving:
            await asyncio.gather(*self._leaving, return_exceptions=True)

    async def close(self) -> None:
        """Ends all tasks at once, even if they have requests."""
        self._places.clear()
        for leaving in self._leaving:
            leaving.cancel()
        for keeping in self._keeping:
            _cancel_once(keeping)
        await asyncio.gather(*self._leaving, *map(_done, self._keeping), return_exceptions=True)

    def _place_of(self, id_: str) -> _Place | None:
        return next((place for place in self._places if place.now and place.now.task.id == id_), None)

    def _start_one(self) -> _Place:
        place = _Place()
        self._places[place] = keeping = asyncio.create_task(self._keep_one_running(place))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._on_end)
        return place

    def _retire_one(self, place: _Place) -> None:
        place.leaving = True
        self._in_background(self._leave(place, self._places.pop(place)))

    async def _leave(self, place: _Place, keeping: "asyncio.Task[None]") -> None:
        try:
            group = self._service.target_group
            if place.now is not None and group is not None:
                await self._balancer.drain(group, place.now.target)
        finally:
            _cancel_once(keeping)
            await _done(keeping)

    async def _replace(self, place: _Place) -> None:
        new, deadline = self._start_one(), time.monotonic() + READY_SECONDS
        while not new.is_healthy and not new.failures and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        superfluous = place if new.is_healthy else new
        if superfluous in self._places:
            self._retire_one(superfluous)
        self._report("a task was restarted" if new.is_healthy else "a task was not restarted: the new one failed")

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _on_end(self, keeping: "asyncio.Task[None]") -> None:
        self._keeping.discard(keeping)
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self._report("its tasks cannot run")

    async def _keep_one_running(self, place: _Place) -> None:
        pause = _FIRST_PAUSE
        while not place.leaving:
            async with self._running() as running:
                self.tasks[running.task.id] = place.now = running
                try:
                    code = await running.task.process.wait()
                finally:
                    del self.tasks[running.task.id]
                    place.now = None
                was_healthy = running.target.healthy
            if place.leaving:
                return
            if was_healthy:
                pause = _FIRST_PAUSE
            else:
                place.failures += 1
                self._count_failed_start(code, running)
            self._report(f"a task ended with exit code {code}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[ServiceTask]:
        definition, group, port = self._service.task, self._service.target_group, free_port()
        async with start(definition, self._surroundings, self._address(port)) as task:
            if group is not None:
                health = self._balancer.register(group, port, self._report)
            else:
                container = Container(
                    process=task.process, environment=task.environment, directory=definition.directory
                )
                health = watched(container, definition.check, self._report)
            async with health as target:
                yield ServiceTask(task=task, target=target, started=time.time())

    def _address(self, port: int) -> Mapping[str, str]:
        """The address of a task: each task needs its own port, and other machines must not reach it."""
        if self._service.target_group is None:
            return {}
        return {"HOST": "127.0.0.1", "PORT": str(port)}

    def _report(self, event: str = "") -> None:
        self._on_change(f"{self.healthy} of {self._service.tasks} tasks healthy" + (f"; {event}" if event else ""))

    def _count_failed_start(self, code: int, running: ServiceTask) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _FAILED_STARTS and not self._settled:
            self._fail(
                LocalError(
                    f"{self._service.name}: {self._failed_starts} tasks ended before they were healthy, the last with"
                    f" exit code {code}; its log ends with:\n{last_lines(running.task.log_file)}"
                )
            )


def _cancel_once(task: "asyncio.Task[None]") -> None:
    """Cancels a task unless it is cancelled already: a second time would interrupt the end of its process."""
    if not task.cancelling():
        task.cancel()


async def _done(task: "asyncio.Task[None]") -> None:
    """Waits for a task; unlike `await`, does not cancel the task if the waiting is cancelled."""
    await asyncio.wait({task})
