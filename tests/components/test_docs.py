"""docs/components.md, compared with the components: each argument, each attribute, each example."""

import dataclasses
import inspect
import re
from typing import Any

import pulumi
import pulumi_aws
import pulumi_awsx
import pulumi_docker
import pytest

import components
from components.bulk.job_run import BulkRun, BulkStop
from components.network.layout import NetworkLayout
from components.once.task_run import TaskRun, TaskStop
from components.secrets.parameter import SecretParameter
from components.service.deployment import Deployment
from components.tables.schema import TableSchema
from declared.program import Program
from tests.components.everything import Everything, declare_everything
from tests.evaluation import ROOT, declare

TEXT = (ROOT / "docs" / "components.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
ATTRIBUTE = re.compile(r"^\| `([a-z_]+\..+?)` \| `([\w.]+)`", re.MULTILINE)
# The first example and those that import an Environment are programs of their own; the others continue the first.
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PROGRAMS = [
    example if re.search(r"import \(?\s*(AccessLogs|Environment)", example) else f"{EXAMPLES[0]}\n{example}"
    for example in EXAMPLES
]
RESOURCES = {
    "aws": pulumi_aws,
    "awsx": pulumi_awsx,
    "docker": pulumi_docker,
    **{
        class_.__name__: class_
        for class_ in (BulkRun, BulkStop, Deployment, NetworkLayout, SecretParameter, TableSchema, TaskRun, TaskStop)
    },
}


def _section(class_: str) -> str:
    (section,) = re.findall(rf"^### {class_}\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return str(section)


def _defaults(class_: type) -> dict[str, str]:
    """The default of each constructor argument, as the documentation writes it."""
    made = {
        field.name: field.default_factory()
        for field in (dataclasses.fields(class_) if dataclasses.is_dataclass(class_) else ())
        if field.default_factory is not dataclasses.MISSING
    }
    defaults = {
        name: made.get(name, parameter.default) for name, parameter in inspect.signature(class_).parameters.items()
    }
    return {
        name: "required" if default is inspect.Parameter.empty else f"`{default!r}`"
        for name, default in defaults.items()
    }


@pytest.mark.parametrize("class_", components.__all__)
def test_documents_every_argument_and_its_default(class_: str) -> None:
    """A reader cannot find an argument, or finds another default than the code has."""
    rows = {argument: default for argument, default, _ in ROW.findall(_section(class_))}
    assert rows == _defaults(getattr(components, class_))


def test_documents_every_class() -> None:
    """A reader does not learn of a class that exists, or imports one that no longer exists."""
    assert sorted(re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)) == sorted(components.__all__)


@pytest.mark.parametrize("class_", components.__all__)
def test_documents_a_class_under_its_package(class_: str) -> None:
    """A reader looks for the source of a class in the wrong place."""
    packages = re.findall(r"^## .*: `([\w/]+)`$", TEXT[: TEXT.index(f"\n### {class_}\n")], re.MULTILINE)
    module = getattr(components, class_).__module__
    assert module.rpartition(".")[0].replace(".", "/") == packages[-1]


def _run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "docs/components.md", "exec"), names)
    return names


@pytest.mark.parametrize("source", PROGRAMS)
@pytest.mark.parametrize("computed", [True, False])
def test_runs_every_example(source: str, computed: bool) -> None:
    """A reader copies an example that does not run."""
    program = declare(lambda: _run(source), computed=computed)
    assert any(not resource.custom for resource in program.resources)


def test_shows_a_transform_that_works() -> None:
    """A reader copies a transform that does not do what its page says: no other test runs it."""
    found: dict[str, Any] = {}

    def run() -> None:
        (source,) = (source for source in PROGRAMS if "transforms" in source)
        found.update(_run(source))

    changed = {}
    for resource in declare(run).resources:
        args = pulumi.ResourceTransformArgs(
            custom=resource.custom,
            type_=resource.type,
            name=resource.name,
            props=dict(resource.inputs),
            opts=pulumi.ResourceOptions(),
        )
        result = found["wait_longer"](args)
        if result is not None:
            before = dict(resource.inputs)
            changed[resource.name] = {key: value for key, value in result.props.items() if value != before[key]}
    assert changed == {"shop": {"idleTimeout": 300}, "patient": {"idleTimeout": 300}}


@pytest.fixture(scope="module")
def everything() -> tuple[Program, Everything]:
    declared: list[Everything] = []
    program = declare(lambda: declared.append(declare_everything()))
    return program, declared[0]


@pytest.mark.parametrize(("attribute", "class_"), ATTRIBUTE.findall(TEXT))
def test_names_the_attribute_of_a_resource(everything: tuple[Program, Everything], attribute: str, class_: str) -> None:
    """A reader who follows the page to a resource's attribute gets an AttributeError."""
    assert type(eval(attribute, vars(everything[1]).copy())) is eval(class_, dict(RESOURCES))


def test_names_an_attribute_of_every_kind_of_resource(everything: tuple[Program, Everything]) -> None:
    """A reader does not find the attribute of a resource that can be reached."""
    declared = {resource.type.rpartition(":")[2] for resource in everything[0].resources if resource.custom}
    assert declared <= {class_.rpartition(".")[2] for _, class_ in ATTRIBUTE.findall(TEXT)}
