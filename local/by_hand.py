"""Runs a task once in the running stack, as a schedule does on AWS."""

import subprocess
from collections.abc import Mapping

from local.errors import LocalError
from local.secrets_file import SecretsFile
from local.stack_model import OneOff, Stack, TaskDefinition, TimedTask
from local.state import StackState
from local.tasks import environment_of, overrides_for
from local_keyspaces.state import Running


def run_by_hand(name: str, stack: Stack, state: StackState, running: Running) -> int:
    """Runs the task with its output on the terminal; returns its exit code. Raises LocalError for an unknown task."""
    tasks: dict[str, TaskDefinition] = {
        each.name: each.task for each in (*stack.scheduled, *stack.steps) if isinstance(each, TimedTask | OneOff)
    }
    if name not in tasks:
        names = ", ".join(sorted(tasks)) or "none"
        raise LocalError(f"there is no task {name!r} that runs on a schedule or once; the tasks are {names}")
    task = tasks[name]
    environment = environment_of(
        task,
        secrets=SecretsFile(state.secrets_file(running.stack)),
        overrides=overrides_for(running.keyspaces_port, state.ca_file),
        credentials=_profile(task, state),
    )
    try:
        return subprocess.run(task.command, cwd=task.directory, env=environment, stdin=subprocess.DEVNULL).returncode
    except OSError as error:
        raise LocalError(f"{name}: {task.command[0]!r} cannot be run: {error}") from None


def _profile(task: TaskDefinition, state: StackState) -> Mapping[str, str]:
    """The profile of the task's role, from the running stack's file; its credentials endpoint is in another process."""
    role = task.role.arn.rpartition("/")[2]
    if not state.profiles.is_file() or f"[{role}]" not in state.profiles.read_text():
        raise LocalError(f"the running stack does not know the role {role}: start it again")
    return {"AWS_SHARED_CREDENTIALS_FILE": str(state.profiles.resolve()), "AWS_PROFILE": role}
