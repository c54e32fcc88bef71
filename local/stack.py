"""Starts the declared stack on this machine, from Cassandra to the load balancer, and stops it."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from declared import aws
from local.console.chains import Statements
from local.console.server import Console
from local.console.sources import Watched
from local.credentials_endpoint import CredentialsEndpoint
from local.errors import LocalError
from local.evaluation import DeclaredStack, Evaluation
from local.live import Edits
from local.load_balancer import LoadBalancer
from local.rollout import Rollout
from local.secrets_file import SecretsFile
from local.stack_model import Stack
from local.state import StackState
from local.tasks import Surroundings, overrides_for
from local.traffic import MeasuredFile, measured
from local_keyspaces.capacity import Clock
from local_keyspaces.credentials import Role
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

_WATCH_STARTS = 0.05  # seconds


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
    """Runs the stack until SIGINT or SIGTERM. If it does not start, stops everything and raises LocalError.

    capacity_clock: the clock by which Keyspaces' capacity refills; None if capacity is not enforced.
    """
    with state.lock():
        end_leftovers(state.processes)
        with listen(port, "`make up PORT=8081`") as listener:
            evaluation = Evaluation(root, stack, f"127.0.0.1:{listener.getsockname()[1]}")
            declared = evaluation.run()
            try:
                uvloop.run(_Up(evaluation, declared, state, listener, faults, progress, capacity_clock).run())
            finally:
                ignore_interrupts()


class _Up:
    def __init__(
        self,
        evaluation: Evaluation,
        declared: DeclaredStack,
        state: StackState,
        listener: socket.socket,
        faults: Faults,
        progress: Progress,
        capacity_clock: Clock | None,
    ) -> None:
        self._evaluation = evaluation
        self._declared = declared
        self._settings = declared.settings
        self._state = state
        self._listener = listener
        self._faults = faults
        self._progress = progress
        self._capacity_clock = capacity_clock
        self._edits: Edits | None = None
        self._registry = Registry(state.processes)
        self._running = Running(pid=os.getpid(), stack=self._settings.stack, region=self._settings.region)

    async def run(self) -> None:
        if await until_stopped(self._run(), self._progress) and not self._running.ready:
            raise LocalError("stopped before the stack was up")

    async def _run(self) -> None:
        async with AsyncExitStack() as exit_stack:
            running = await self._start(exit_stack)
            self._announce()
            await asyncio.gather(*running)

    async def _start(self, exit_stack: AsyncExitStack) -> "list[Awaitable[None]]":
        """Starts all parts in order; `exit_stack` ends them in the reverse order. Returns the work that continues."""
        step, state, stack = self._progress.step, self._state, self._declared.stack
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
            await self._create_tables(keyspaces.schema, stack)
        self._running.keyspaces_port = keyspaces.port

        credentials = CredentialsEndpoint(keyspaces.store)
        await exit_stack.enter_async_context(credentials.serve())
        used = [*(each.role for each in stack.tasks), *(each.role for each in stack.bulk_loads)]
        roles = {role.arn.rpartition("/")[2]: role for role in used}
        await exit_stack.enter_async_context(
            keep_profiles(state.profiles, keyspaces.store, account=aws.ACCOUNT, roles=roles)
        )
        balancer = LoadBalancer(stack.rules)
        await exit_stack.enter_async_context(balancer.serve(self._listener))
        overrides = overrides_for(self._running.keyspaces_port, keyspaces.ca_file)
        secrets = SecretsFile(state.secrets_file(self._settings.stack))
        surroundings = Surroundings(
            overrides=overrides, secrets=secrets, credentials=credentials, logs=state.logs, registry=self._registry
        )
        rollout = Rollout(surroundings, balancer, self._progress, tell=self._tell)
        exit_stack.push_async_callback(rollout.stop)
        statements = Statements(log=keyspaces.statements, catalog=keyspaces.schema.catalog)
        await self._open_console(exit_stack, rollout, roles, statements)
        await rollout.start(stack)
        for each in stack.bulk_loads:
            self._progress.say(f"  {each.name}: does not run here; run it with `python -m local bulk {each.name} FILE`")
        file = MeasuredFile(
            state.measured,
            lambda: measured(
                self._declared.stack,
                self._settings.stack,
                balancer.traffic,
                keyspaces.meter.snapshot()["statements"],
            ),
        )
        for scheduled in stack.scheduled:
            self._progress.say(
                f"  {scheduled.name}: on AWS at {scheduled.expression}; run it here with"
                f" `python -m local run {scheduled.name}`"
            )
        self._edits = edits = Edits(
            self._evaluation,
            self._declared,
            rollout,
            tables=partial(self._create_tables, keyspaces.schema),
            progress=self._progress,
            outputs=self._tell_outputs,
        )
        watching = asyncio.create_task(edits.watch())
        await asyncio.sleep(_WATCH_STARTS)  # so that an edit right after the announcement is noticed
        return [cassandra.watch(), rollout.until_failed(), file.keep(), watching]

    async def _open_console(
        self, exit_stack: AsyncExitStack, rollout: Rollout, roles: Mapping[str, Role], statements: Statements
    ) -> None:
        listener = listen(0, "`make up` again")
        watched = Watched(
            state=self._state,
            running=self._running,
            declared=lambda: self._declared.program,
            rollout=rollout,
            roles=roles,
            statements=statements,
            events=self._progress.said,
            deploy=self._deploy,
        )
        console = Console(watched, listener.getsockname()[1])
        await exit_stack.enter_async_context(console.serve(listener))
        self._running.console = console.address

    async def _deploy(self) -> dict[str, Any]:
        if self._edits is None:
            raise LocalError("the stack is still starting")
        return asdict(await self._edits.deploy())

    async def _create_tables(self, schema: Schema, stack: Stack) -> None:
        try:
            for keyspace in stack.keyspaces:
                await schema.ensure_keyspace(keyspace)
            for table in stack.tables:
                await schema.ensure_table(table)
        except SchemaConflict as error:
            raise LocalError(f"{error}; `make destroy` drops the data of this machine") from None
        except Refused as error:
            raise LocalError(f"Cassandra refuses a declared table: {error}") from None

    def _announce(self) -> None:
        self._running.ready = True
        self._tell_outputs(self._declared)
        self._progress.say(f"\nStack {self._settings.stack} is running; Ctrl-C or `make down` stops it.")
        for line in self._running.output_lines():
            self._progress.say(f"  {line}")
        self._progress.say(f"  console: {self._running.console}")
        self._progress.said.clear()  # the console shows only later lines

    def _tell_outputs(self, declared: DeclaredStack) -> None:
        self._declared = declared
        self._running.outputs = dict(declared.stack.outputs)
        self._tell()

    def _tell(self, **status: str) -> None:
        self._running.status.update(status)
        self._state.write(self._running)
