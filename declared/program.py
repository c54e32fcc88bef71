"""Evaluates the Pulumi program without an engine, to get its resources and their inputs.

The program runs in this process as in a preview, with Pulumi's mocks for an engine. A `Computed` function fills in
the values that AWS computes (IDs, ARNs); all others stay unknown, as in the preview of a new stack.
"""

import asyncio
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from declared.errors import ProgramError
from declared.settings import StackSettings

Inputs = Mapping[str, Any]
_NOT_OF_PROGRAMS = ("declared", "local", "tests", ".venv")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A declared resource. inputs, outputs: as the engine gets them, mostly in camelCase; an unknown is `Unknown`."""

    urn: str
    type: str
    name: str
    inputs: Inputs
    outputs: Inputs
    id: str
    parent: str
    custom: bool
    depends_on: frozenset[str]
    protect: bool
    delete_before_replace: bool
    replace_with: frozenset[str]
    replacement_trigger: str | None
    """A change of it replaces the resource; only a string is read."""
    retain_on_delete: bool
    ignore_changes: frozenset[str]
    secrets: frozenset[str]
    """Paths of the inputs that are marked as secret."""
    declared_at: Sequence[str]
    """`file:line` in the program's folder of each call that led to the resource, the outermost first."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a provider's function, such as `aws:index/getRegion:getRegion`."""

    token: str
    args: Inputs


@dataclass(frozen=True, kw_only=True)
class Program:
    """Everything a stack declares, in the order of declaration: dependencies come first.

    outputs: the stack's. component_outputs: the registered outputs of each component, by its URN.
    """

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    component_outputs: dict[str, Inputs] = field(default_factory=dict)

    def of_type(self, type_: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.type == type_)


# Returns the ID that AWS would give a new resource, and the outputs that are not inputs.
Computed = Callable[[str, str, Inputs], tuple[str, Inputs]]
Answer = Callable[[Call], Inputs]


def evaluate(root: Path, settings: StackSettings, *, computed: Computed, answer: Answer) -> Program:
    """Runs `__main__.py` in `root`.

    computed: gets type, name and inputs of a resource. answer: the result of a call, or raises ProgramError.
    Raises ProgramError when the program fails. Changes this process's working directory meanwhile.
    """

    def run() -> None:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    sys.path.insert(0, str(root))
    try:
        return declare(run, root, settings, computed=computed, answer=answer)
    except ProgramError:
        raise
    except Exception as error:
        refusal = _refusal(error)
        if refusal is None:
            raise ProgramError(f"__main__.py cannot be evaluated: {type(error).__name__}: {error}") from error
        raise ProgramError(str(refusal)) from None
    finally:
        sys.path.remove(str(root))


def declare(
    run: Callable[[], None], root: Path, settings: StackSettings, *, computed: Computed, answer: Answer
) -> Program:
    """The declarations of `run`, as if it were the program in `root`. Raises its errors; otherwise as `evaluate`."""
    monitor = _Monitor(_Mocks(computed, answer), root)
    pulumi.runtime.set_all_config(dict(settings.values))
    before = Path.cwd()
    os.chdir(root)
    try:
        with _threads() as executor:
            asyncio.run(_run(monitor, settings, run, executor))
    finally:
        os.chdir(before)
    return monitor.program


def _refusal(error: BaseException) -> pulumi.RunError | None:
    """`error`, or the error that Pulumi wrapped in it, if it is a RunError. Pulumi shows only its text, too.

    Pulumi wraps the error of an Output for each resource that depends on it. Each wrapper ends with the error's text.
    """
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()  # Pulumi may make an error its own cause
    while pending:
        found = pending.pop()
        if isinstance(found, pulumi.RunError) and (found is error or str(error).endswith(f" has risen: {found}")):
            return found
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            pending += (found.__context__, found.__cause__)
    return None


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads with an event loop each. Pulumi's mocks would make one in a thread without it, and never close it."""
    loops: list[asyncio.AbstractEventLoop] = []

    def set_loop() -> None:
        loop = asyncio.new_event_loop()
        loops.append(loop)
        asyncio.set_event_loop(loop)

    try:
        with ThreadPoolExecutor(initializer=set_loop) as executor:
            yield executor
    finally:
        for loop in loops:
            loop.close()


async def _run(
    monitor: "_Monitor", settings: StackSettings, run: Callable[[], None], executor: ThreadPoolExecutor
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_handle_exception)
    loop.set_default_executor(executor)
    pulumi.runtime.set_mocks(
        monitor.mocks, project=settings.project, stack=settings.stack, preview=True, monitor=monitor
    )
    # set_mocks keeps the outputs of an earlier program that failed, which belong to a closed event loop.
    pulumi.runtime.settings.SETTINGS.outputs.clear()
    # The stack of set_mocks is finished; run_in_stack creates one that takes outputs.
    pulumi.runtime.settings.set_root_resource(None)  # type: ignore[arg-type]
    await pulumi.runtime.run_in_stack(run)


def _handle_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs an error that nothing awaits, as asyncio does, unless it is an output's: Pulumi raises the error that made a
    resource fail, and gives it to each of the resource's outputs, too."""
    future = context.get("future")
    if future is None or isinstance(future, asyncio.Task):
        loop.default_exception_handler(context)


class _Mocks(mocks.Mocks):
    def __init__(self, computed: Computed, answer: Answer) -> None:
        self._computed = computed
        self._answer = answer

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.resource_id:  # an existing resource that is only read: its outputs are not known here
            return args.resource_id, {}
        id_, outputs = self._computed(args.typ, args.name, args.inputs)
        # A remote component's outputs are its own; a resource's outputs begin with its inputs.
        return id_, {**({} if args.typ.startswith("awsx:") else args.inputs), **outputs}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        return dict(self._answer(Call(token=args.token, args=args.args)))


class _Monitor(mocks.MockMonitor):
    """Keeps what the mock monitor discards: options, dependencies, the stack's outputs."""

    def __init__(self, mocks_: mocks.Mocks, root: Path) -> None:
        super().__init__(mocks_)
        self._root = root.resolve()
        self.program = Program()

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            inputs = rpc.deserialize_properties(request.object)
            self.program.resources.append(
                Resource(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    inputs=_plain(inputs),
                    outputs=_plain(rpc.deserialize_properties(response.object)),
                    id=response.id,
                    parent=request.parent,
                    custom=request.custom,
                    depends_on=frozenset(request.dependencies),
                    protect=request.protect,
                    delete_before_replace=request.deleteBeforeReplace,
                    replace_with=frozenset(request.replace_with),
                    replacement_trigger=request.replacement_trigger.string_value or None,
                    retain_on_delete=request.retainOnDelete,
                    ignore_changes=frozenset(request.ignoreChanges),
                    secrets=frozenset(_secret_paths(inputs)),
                    declared_at=list(_places(request.stackTrace, self._root)),
                )
            )
        return response

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Any:
        outputs = _plain(rpc.deserialize_properties(request.outputs))
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.program.outputs.update(outputs)
        else:
            self.program.component_outputs[request.urn] = outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _places(trace: Any, root: Path) -> Iterator[str]:
    """The frames in the program's folder, without this code and installed packages; the outermost first."""
    for frame in reversed(trace.frames):
        file = Path(unquote(urlsplit(frame.pc.uri).path))
        if file.is_relative_to(root):
            name = file.relative_to(root)
            if name.parts[0] not in _NOT_OF_PROGRAMS:
                yield f"{name}:{frame.pc.line}"


def _plain(value: Any) -> Any:
    """`value` without the wrapping of secrets, since only this process sees them."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _secret_paths(value: Any, path: str = "") -> Iterator[str]:
    if rpc.is_rpc_secret(value):
        yield path.removeprefix(".")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_paths(item, f"{path}.{key}")
