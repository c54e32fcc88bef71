"""Live edits: what is saved runs a moment later, as `pulumi up` would deploy it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from watchfiles import awatch

from declared.errors import ProgramError
from local.differences import differences
from local.edits import is_of_image, is_of_program, is_watched, program_folders
from local.errors import LocalError
from local.evaluation import DeclaredStack, Evaluation
from local.rollout import Rollout
from local.translation import OneOff, Service, Stack
from local_keyspaces.progress import Progress

_QUIET_MS = 50  # between the last of several edits and the deployment


class Edits:
    """tables: makes the keyspaces and tables of a stack. outputs: is told what is declared now."""

    def __init__(
        self,
        evaluation: Evaluation,
        declared: DeclaredStack,
        rollout: Rollout,
        *,
        tables: Callable[[Stack], Awaitable[None]],
        progress: Progress,
        outputs: Callable[[DeclaredStack], None],
    ) -> None:
        self._evaluation = evaluation
        self._declared = declared
        self._rollout = rollout
        self._tables = tables
        self._progress = progress
        self._outputs = outputs
        self._one_at_a_time = asyncio.Lock()
        self._pending: set[str] = set()
        """Steps that need new tasks; those that did not come up are tried again by the next edit."""

    async def watch(self) -> None:
        """Until cancelled. An edit that fails is said, and what ran before runs on."""
        contexts = {step.task.directory for step in self._declared.stack.steps}
        # Not all below the root: a virtual environment there would take all that the system lets a user watch.
        await asyncio.gather(
            self._watch(program_folders(self._evaluation.root), recursive=False), self._watch(contexts, recursive=True)
        )

    async def _watch(self, folders: Collection[Path], *, recursive: bool) -> None:
        watching = awatch(
            *folders,
            step=_QUIET_MS,
            debounce=10 * _QUIET_MS,
            recursive=recursive,
            watch_filter=lambda _, path: is_watched(Path(path)),
        )
        try:
            async for changes in watching:
                async with self._one_at_a_time:
                    await self._apply({Path(path) for _, path in changes})
        except OSError as error:  # the system's limit, mostly
            self._progress.say(f"Edits are not watched: {error}")

    async def _apply(self, files: set[Path]) -> None:
        of_program = {file for file in files if is_of_program(file, self._evaluation.root)}
        of_images = {file for file in files for step in self._declared.stack.steps if is_of_image(file, step.task)}
        if not of_program and not of_images:
            return
        self._progress.say(f"\nEdited: {', '.join(sorted(map(self._short, of_program | of_images)))}")
        try:
            # The load balancer runs on this loop.
            declared = await asyncio.to_thread(self._evaluation.run) if of_program else self._declared
            for line in differences(self._declared.program, declared.program):
                self._progress.say(f"  {line}")
            await self._deploy(declared, of_images)
        except (LocalError, ProgramError) as error:
            self._progress.say(f"  not deployed, what ran before runs on: {error}")
        except Exception as error:  # whatever a program that is being written does
            self._progress.say(f"  not deployed, what ran before runs on: {type(error).__name__}: {error}")

    async def _deploy(self, declared: DeclaredStack, files: set[Path]) -> None:
        before = {step.name: _revision(step) for step in self._declared.stack.steps}
        for step in declared.stack.steps:
            if before.get(step.name) != _revision(step) or any(is_of_image(file, step.task) for file in files):
                self._pending.add(step.name)
        await self._tables(declared.stack)
        await self._rollout.change(declared.stack, self._pending)
        self._declared = declared
        self._outputs(declared)

    def _short(self, file: Path) -> str:
        root = self._evaluation.root
        return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _revision(step: OneOff | Service) -> tuple[object, ...]:
    """Another one needs new tasks."""
    return (step.task.revision, step.tasks, step.target_group) if isinstance(step, Service) else (step.task.revision,)
