"""Starts Apache Cassandra and the endpoint in front of it, from the jars to the first connection."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from local_keyspaces.capacity import Clock
from local_keyspaces.cassandra import Cassandra, fetch_jars, run_cassandra
from local_keyspaces.endpoint_log import log_to
from local_keyspaces.faults import Faults
from local_keyspaces.processes import Registry
from local_keyspaces.progress import Progress
from local_keyspaces.service import SCHEMA_DELAY, LocalKeyspaces, run_keyspaces
from local_keyspaces.state import State
from local_keyspaces.witness import Witness


@dataclass(frozen=True, kw_only=True)
class RunningKeyspaces:
    keyspaces: LocalKeyspaces
    cassandra: Cassandra


@asynccontextmanager
async def run_with_cassandra(
    state: State,
    *,
    name: str,
    listener: socket.socket,
    region: str,
    account: str,
    faults: Faults,
    registry: Registry,
    progress: Progress,
    schema_delay: float = SCHEMA_DELAY,
    capacity_clock: Clock | None = None,
    witness: Witness | None = None,
) -> AsyncIterator[RunningKeyspaces]:
    """Runs both until the context ends. Raises LocalKeyspacesError if one of them does not start.

    name: of the data's folder. capacity_clock: None if capacity is not enforced. witness: None without a verdict.
    """
    async with AsyncExitStack() as exit_stack:
        async with progress.step("Apache Cassandra: jars"):
            classpath = await fetch_jars(state.jars)
        async with progress.step("Apache Cassandra: start"):
            cassandra = await exit_stack.enter_async_context(
                run_cassandra(
                    directory=state.cassandra(name),
                    classpath=classpath,
                    log_file=state.logs / "cassandra.log",
                    registry=registry,
                )
            )
        exit_stack.enter_context(log_to(state.endpoint_log))
        keyspaces = await exit_stack.enter_async_context(
            run_keyspaces(
                directory=state.keyspaces,
                cassandra=cassandra.upstream,
                listener=listener,
                region=region,
                account=account,
                schema_delay=schema_delay,
                capacity_clock=capacity_clock,
                witness=witness,
            )
        )
        keyspaces.faults.write(faults)
        yield RunningKeyspaces(keyspaces=keyspaces, cassandra=cassandra)
