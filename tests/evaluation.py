"""Evaluates the Pulumi program with mocks, for tests."""

import contextvars
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from declared import aws
from declared.program import Inputs, Program, Resource
from declared.program import declare as declare_program
from declared.program import evaluate as evaluate_program
from declared.settings import StackSettings, read_settings

ROOT = Path(__file__).parent.parent
PROJECT = "keyspaces-platform"
REGION = "us-east-1"


def evaluate(
    settings: Mapping[str, str] | None = None, /, *, computed: bool = True, stack: str = "dev", **more: str
) -> Program:
    """computed=False: the preview of a new stack, in which no id, ARN or other output of AWS is known. stack: "dev", or
    "prod" with the settings of Pulumi.prod.example.yaml. settings, more: differences from these; lists as JSON."""
    declared = _settings("prod.example" if stack == "prod" else stack)
    overridden = {
        **declared.values,
        **{f"{PROJECT}:{key}": value for key, value in {**(settings or {}), **more}.items()},
    }
    chosen = dataclasses.replace(declared, stack=stack, values=overridden)
    return _in_thread(lambda: evaluate_program(ROOT, chosen, **_aws(computed)))


def evaluate_in(root: Path, **settings: str) -> Program:
    """Evaluates the program in another folder. settings: differences from its dev stack."""
    declared = read_settings(root, "dev")
    values = {**declared.values, **{f"{declared.project}:{key}": value for key, value in settings.items()}}
    return _in_thread(lambda: evaluate_program(root, dataclasses.replace(declared, values=values), **_aws(True)))


def declare(run: Callable[[], object], *, computed: bool = True, settings: Mapping[str, str] | None = None) -> Program:
    """The resources that `run` declares instead of `__main__.py`, in the dev stack. computed: as for `evaluate`.
    settings: by full key, such as `pulumi:autonaming`."""
    stack = StackSettings(project=PROJECT, stack="dev", values={"aws:region": REGION, **(settings or {})})
    return _in_thread(lambda: declare_program(lambda: _void(run()), ROOT, stack, **_aws(computed)))


def write_program(
    root: Path,
    source: str,
    *,
    project: str = "name: shop\nruntime: python\n",
    settings: str = "config:\n  aws:region: us-east-1\n",
) -> Path:
    """Makes `root` the folder of a program. project, settings: the texts of Pulumi.yaml and Pulumi.dev.yaml."""
    (root / "Pulumi.yaml").write_text(project)
    (root / "Pulumi.dev.yaml").write_text(settings)
    (root / "__main__.py").write_text(source)
    return root


@functools.cache
def _settings(stack: str) -> StackSettings:
    """Cached, since reading the YAML takes a sixth of an evaluation's time."""
    return read_settings(ROOT, stack)


def _in_thread(program: Callable[[], Program]) -> Program:
    """Pulumi records the call stack at each resource. With pytest's sixty frames, an evaluation takes nearly twice the
    time; a thread's stack is without them."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(contextvars.copy_context().run, program).result()


def _void(_: object) -> None:
    """Pulumi looks for outputs in a program's return value."""


def _aws(computed: bool) -> Any:
    return {
        "computed": aws.computed_by(REGION, "127.0.0.1:8080") if computed else _nothing_computed,
        "answer": aws.answers_for(REGION),
    }


def _nothing_computed(type_: str, name: str, inputs: Inputs) -> tuple[str, Inputs]:
    return "", {}


def one(program: Program, type_: str, name: str) -> Resource:
    (found,) = (resource for resource in program.of_type(type_) if resource.name == name)
    return found


def policy(program: Program, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(one(program, "aws:iam/rolePolicy:RolePolicy", name).inputs["policy"])
    return document


def container(program: Program, name: str) -> dict[str, Any]:
    (only,) = containers(program, name)
    return only


def containers(program: Program, name: str) -> list[dict[str, Any]]:
    definition = one(program, "aws:ecs/taskDefinition:TaskDefinition", name)
    found: list[dict[str, Any]] = json.loads(definition.inputs["containerDefinitions"])
    return found


def dependencies(program: Program, resource: Resource) -> set[str]:
    """All resources that must exist before `resource` and outlive it, as `type name`, with indirect ones."""
    by_urn = {known.urn: known for known in program.resources}
    found: set[str] = set()
    pending = list(resource.depends_on)
    while pending:
        urn = pending.pop()
        if urn not in found and urn in by_urn:
            found.add(urn)
            pending.extend(by_urn[urn].depends_on)
    return {f"{by_urn[urn].type.rpartition(':')[2]} {by_urn[urn].name}" for urn in found}
