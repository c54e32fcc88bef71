"""Live edits: deploys a saved file at once, as `pulumi up` would deploy it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from declared.errors import ProgramError
from local.differences import differences
from local.edits import fingerprint, is_of_image, is_of_program, is_watched, program_folders
from local.errors import LocalError
from local.evaluation import DeclaredStack, Evaluation
from local.rollout import Rollout
from local.stack_model import OneOff, Service, Stack
from local_keyspaces.progress import Progress

_QUIET_MS = 50  # from the last of several edits to the deployment


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """lines: the differences, the steps, and the reason if it was not deployed."""

    deployed: bool
    lines: Sequence[str]


class Edits:
    """tables: creates the keyspaces and tables of a stack. outputs: is called with the newly declared stack."""

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
        self._images = _images(declared.stack)
        self._pending: set[str] = set()
        """The names of steps that need new tasks; the next edit tries failed ones again."""

    async def watch(self) -> None:
        """Deploys edits until it is cancelled. If an edit fails, reports it; the previous deployment keeps running."""
        contexts = {step.task.directory for step in self._declared.stack.steps}
        # Not recursively below the root: a virtual environment there would exceed the system's limit of watched files.
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
        except OSError as error:  # usually the system's limit
            self._progress.say(f"Edits are not watched: {error}")

    async def deploy(self) -> Deployed:
        """Deploys all edits on request, also those that failed to deploy earlier."""
        async with self._one_at_a_time:
            return await self._evaluate_and_deploy()

    async def _apply(self, files: set[Path]) -> None:
        of_program = {file for file in files if is_of_program(file, self._evaluation.root)}
        of_images = {file for file in files for step in self._declared.stack.steps if is_of_image(file, step.task)}
        if of_program or of_images:
            self._progress.say(f"\nEdited: {', '.join(sorted(map(self._short, of_program | of_images)))}")
            await self._evaluate_and_deploy(evaluate=bool(of_program))

    async def _evaluate_and_deploy(self, *, evaluate: bool = True) -> Deployed:
        said: list[str] = []

        def say(line: str) -> None:
            said.append(line)
            self._progress.say(f"  {line}")

        try:
            # In a thread, because the load balancer runs on this event loop.
            declared = await asyncio.to_thread(self._evaluation.run) if evaluate else self._declared
            differ = await asyncio.to_thread(differences, self._declared.program, declared.program)
            for line in differ.lines:
                say(line)
            if differ.refused:
                raise LocalError("`pulumi up` refuses the changes that are marked with !")
            await self._deploy(declared, say)
        except (LocalError, ProgramError) as error:
            say(f"not deployed, the old version keeps running: {error}")
        except Exception as error:  # a program that is being edited may raise anything
            say(f"not deployed, the old version keeps running: {type(error).__name__}: {error}")
        else:
            return Deployed(deployed=True, lines=said or ["nothing has changed"])
        return Deployed(deployed=False, lines=said)

    async def _deploy(self, declared: DeclaredStack, say: Callable[[str], None]) -> None:
        before = {step.name: _revision(step) for step in self._declared.stack.steps}
        images = await asyncio.to_thread(_images, declared.stack)
        for step in declared.stack.steps:
            if before.get(step.name) != _revision(step) or images[step.name] != self._images.get(step.name):
                self._pending.add(step.name)
        if _tables(declared.stack) != _tables(self._declared.stack):
            await self._tables(declared.stack)
        for name in sorted(self._pending & images.keys()):
            self._images[name] = images[name]
        await self._rollout.change(declared.stack, self._pending, say)
        self._declared = declared
        self._outputs(declared)

    def _short(self, file: Path) -> str:
        root = self._evaluation.root
        return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _revision(step: OneOff | Service) -> tuple[object, ...]:
    """The declared revision of a step; a new one needs new tasks."""
    return (step.task.revision, step.tasks, step.target_group) if isinstance(step, Service) else (step.task.revision,)


def _tables(stack: Stack) -> tuple[object, ...]:
    return stack.keyspaces, stack.tables


def _images(stack: Stack) -> dict[str, str]:
    """A digest of each step's image files, by the step's name. Reads files."""
    of_tasks = {(step.task.directory, tuple(step.task.sources)): step.task for step in stack.steps}
    known = {key: fingerprint(task) for key, task in of_tasks.items()}
    return {step.name: known[step.task.directory, tuple(step.task.sources)] for step in stack.steps}
