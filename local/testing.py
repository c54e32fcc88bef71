"""A program's stack for tests: `with run_stack(...) as stack` runs it on this machine until the block ends."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError
from local.state import StackState
from local_keyspaces.faults import Faults, FaultsFile
from local_keyspaces.listening import free_port


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    """outputs: the stack's, as from `pulumi stack output`, with the address of the local load balancer."""

    outputs: Mapping[str, Any]
    state: StackState

    @contextmanager
    def injecting(self, **faults: float | bool) -> Iterator[None]:
        """Injects faults until the block ends, such as `throttle_writes=1`; docs/keyspaces.md lists them."""
        file = FaultsFile(self.state.faults)
        file.write(Faults.of(faults))
        try:
            yield
        finally:
            file.write(Faults())


@contextmanager
def run_stack(
    program: Path = Path(), *, directory: Path, jars: Path | None = None, stack: str = "dev"
) -> Iterator[RunningStack]:
    """Starts the stack, yields it, and stops it. Raises LocalError with its output if it does not start.

    program: the folder of Pulumi.yaml. directory: where all data is kept; a new directory has no data.
    jars: the folder of Cassandra's jars, if they were fetched before, such as .local/jars; otherwise they are fetched.
    """
    state = StackState(directory)
    state.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if jars is not None and not state.jars.exists():
        state.jars.symlink_to(jars.resolve())
    up = ["up", "--program", str(program.resolve()), "--stack", stack, "--port", str(free_port()), "--detach"]
    started = _local(state, *up)
    if started.returncode:
        raise LocalError(f"the stack did not start:\n{started.stdout}{started.stderr}")
    try:
        yield RunningStack(outputs=state.require_running().outputs, state=state)
    finally:
        stopped = _local(state, "down")
        if stopped.returncode:
            raise LocalError(f"the stack does not end: {stopped.stderr}")


def _local(state: StackState, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "--directory", str(state.directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True)
