"""Makes the declared stack real on this machine, from Cassandra to the load balancer, and takes it down again."""

import asyncio
import os
import socket
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path

from declared import aws, program
from declared.settings import StackSettings, read_settings
from local import translation
from local.console.server import Console, Watched
from local.credentials_endpoint import CredentialsEndpoint
from local.errors import LocalError
from local.load_balancer import LoadBalancer
from local.secrets_file import SecretsFile
from local.state import StackState
from local.tasks import LocalService, Surroundings, run_once
from local_keyspaces.capacity import Clock
from local_keyspaces.faults import Faults
from local_keyspaces.foreground import ignore_interrupts, until_stopped
from local_keyspaces.listening import listen
from local_keyspaces.processes import Registry, end_leftovers
from local_keyspaces.profiles import keep_profiles
from local_keyspaces.progress import Progress
from local_keyspaces.refusals import Refused
from local_keyspaces.running import run_with_cassandra
from local_keyspaces.schema import Schema
from local_keyspaces.state import Running
from local_keyspaces.tables import SchemaConflict


def up(
    root: Path,
    state: StackState,
    *,
    stack: str,
    port: int,
    faults: Faults,
    progress: Progress,
    capacity_clock: Clock | None = None,
) -> None:
    """Runs the stack until SIGINT or SIGTERM. Raises LocalError, with everything stopped, if it does not come up.

    capacity_clock: that the capacity of Keyspaces comes by; None if it is not enforced.
    """
    with state.lock():
        end_leftovers(state.processes)
        settings = read_settings(root, stack)
        with listen(port, "`make up PORT=8081`") as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            evaluated = program.evaluate(
                root,
                settings,
                computed=aws.computed_by(settings.region, address),
                answer=aws.answers_for(settings.region),
            )
            try:
                declared_stack = translation.read(evaluated, root, f"http://{address}")
                stack_up = _Up(declared_stack, evaluated, settings, state, listener, faults, progress, capacity_clock)
                asyncio.run(stack_up.run())
            finally:
                ignore_interrupts()


class _Up:
    def __init__(
        self,
        stack: translation.Stack,
        evaluated: program.Program,
        settings: StackSettings,
        state: StackState,
        listener: socket.socket,
        faults: Faults,
        progress: Progress,
        capacity_clock: Clock | None,
    ) -> None:
        self._stack = stack
        self._program = evaluated
        self._settings = settings
        self._state = state
        self._listener = listener
        self._faults = faults
        self._progress = progress
        self._capacity_clock = capacity_clock
        self._registry = Registry(state.processes)
        self._running = Running(pid=os.getpid(), stack=settings.stack, region=settings.region)

    async def run(self) -> None:
        if await until_stopped(self._run(), self._progress) and not self._running.ready:
            raise LocalError("stopped before the stack was up")

    async def _run(self) -> None:
        async with AsyncExitStack() as exit_stack:
            running = await self._start(exit_stack)
            self._announce()
            await asyncio.gather(*running)

    async def _start(self, exit_stack: AsyncExitStack) -> "list[Awaitable[None]]":
        """Starts one thing after the other; `exit_stack` ends them in the reverse order. Returns what goes on."""
        step, state = self._progress.step, self._state
        state.clear_logs()
        self._tell()
        running = await exit_stack.enter_async_context(
            run_with_cassandra(
                state,
                name=self._settings.stack,
                listener=listen(0, "`make up` again"),
                region=self._settings.region,
                account=aws.ACCOUNT,
                faults=self._faults,
                registry=self._registry,
                progress=self._progress,
                capacity_clock=self._capacity_clock,
            )
        )
        keyspaces, cassandra = running.keyspaces, running.cassandra
        async with step("Keyspaces: keyspaces and tables"):
            await self._create_tables(keyspaces.schema)
        self._running.keyspaces_port = keyspaces.port

        credentials = CredentialsEndpoint(keyspaces.store)
        await exit_stack.enter_async_context(credentials.serve())
        roles = {role.arn.rpartition("/")[2]: role for role in (each.task.role for each in self._stack.steps)}
        await exit_stack.enter_async_context(
            keep_profiles(state.profiles, keyspaces.store, account=aws.ACCOUNT, roles=roles)
        )
        balancer = LoadBalancer(self._stack.rules)
        await exit_stack.enter_async_context(balancer.serve(self._listener))

        services: list[LocalService] = []
        console_listener = listen(0, "`make up` again")
        console = Console(
            Watched(state=state, running=self._running, program=self._program, services=services, roles=sorted(roles)),
            console_listener.getsockname()[1],
        )
        await exit_stack.enter_async_context(console.serve(console_listener))
        self._running.console = console.address

        surroundings = Surroundings(
            overrides={
                "KEYSPACES_ENDPOINT": f"localhost:{self._running.keyspaces_port}",
                "KEYSPACES_CA_FILE": str(keyspaces.ca_file),
            },
            secrets=SecretsFile(state.secrets_file(self._settings.stack)).values(
                parameter for each in self._stack.steps for parameter in each.task.secrets.values()
            ),
            credentials=credentials,
            logs=state.logs,
            registry=self._registry,
        )
        going_on: list[Awaitable[None]] = [cassandra.watch()]
        for declared_step in self._stack.steps:
            if isinstance(declared_step, translation.OneOff):
                async with step(declared_step.name):
                    last_line = await run_once(declared_step, surroundings)
                self._progress.say(f"    {last_line}")
                self._tell(**{declared_step.name: f"done; {last_line}"})
            else:
                service = self._service(declared_step, surroundings, balancer)
                services.append(service)
                serving = asyncio.create_task(service.run())
                exit_stack.push_async_callback(_cancel, serving)
                async with step(f"{declared_step.name}: {declared_step.tasks} tasks"):
                    await service.until_ready()
                going_on.append(serving)
        return going_on

    def _service(
        self, service: translation.Service, surroundings: Surroundings, balancer: LoadBalancer
    ) -> LocalService:
        return LocalService(
            service, surroundings, balancer, on_change=lambda status: self._tell(**{service.name: status})
        )

    async def _create_tables(self, schema: Schema) -> None:
        try:
            for keyspace in self._stack.keyspaces:
                await schema.ensure_keyspace(keyspace)
            for table in self._stack.tables:
                await schema.ensure_table(table)
        except SchemaConflict as error:
            raise LocalError(f"{error}; `make destroy` drops the data of this machine") from None
        except Refused as error:
            raise LocalError(f"Cassandra does not accept what is declared: {error}") from None

    def _announce(self) -> None:
        self._running.ready = True
        self._running.outputs = dict(self._stack.outputs)
        self._tell()
        self._progress.say(f"\nStack {self._settings.stack} is running; Ctrl-C or `make down` stops it.")
        for line in self._running.output_lines():
            self._progress.say(f"  {line}")
        self._progress.say(f"  console: {self._running.console}")

    def _tell(self, **status: str) -> None:
        self._running.status.update(status)
        self._state.write(self._running)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
