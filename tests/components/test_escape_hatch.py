"""Settings that the components do not offer: each resource has an attribute, and `transforms` change all resources."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

import pulumi
import pytest

from components import Environment, KeyspacesMicroservice, Service, Table, read
from declared.program import Program
from tests.components.everything import declare_everything
from tests.evaluation import ROOT, declare


def _reachable(value: object) -> Iterator[pulumi.Resource]:
    """The resources in public attributes of components and of option classes, and in their mappings and sequences.

    Resources inside a component of another package, such as awsx, are left to that package.
    """
    inner: Sequence[object] = ()
    if isinstance(value, pulumi.Resource):
        yield value
        if type(value).__module__.startswith("components."):
            inner = [attribute for name, attribute in vars(value).items() if not name.startswith("_")]
    elif dataclasses.is_dataclass(value):
        inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        inner = value
    for each in inner:
        yield from _reachable(each)


@pytest.fixture(scope="module", params=[True, False], ids=["created", "preview"])
def everything(request: pytest.FixtureRequest) -> Program:
    """Declares every component. Outputs: `reachable`, the URNs of the resources that an attribute leads to."""

    def run() -> None:
        reachable = [each for component in declare_everything().components for each in _reachable(component)]
        pulumi.export("reachable", [each.urn for each in reachable])

    return declare(run, computed=request.param)


def test_reaches_every_resource_from_an_attribute(everything: Program) -> None:
    """A user who needs a setting that the components do not offer has to copy a component."""
    reachable = set(everything.outputs["reachable"])
    lost = [f"{each.type} {each.name}" for each in everything.resources if each.urn not in reachable]
    assert not lost, f"not reachable: {', '.join(lost)}"


def test_looks_at_every_kind_of_resource_the_components_create(everything: Program) -> None:
    """A new feature's resources escape the test above."""
    sources = "".join(file.read_text() for file in (ROOT / "components").rglob("*.py"))
    kinds = set(re.findall(r"\baws\.(\w+\.[A-Z]\w+)\(", sources))
    declared = {re.sub(r"aws:(\w+)/\w+:(\w+)", r"\1.\2", each.type) for each in everything.resources}
    assert len(kinds) > 20
    assert kinds <= declared


def test_gives_every_resource_its_component_as_parent(everything: Program) -> None:
    """Transforms, providers and protection of the component do not reach the resource."""
    components = {each.urn: each.name for each in everything.resources if not each.custom and "awsx" not in each.type}
    assert sorted(components.values()) == [
        "counter",
        "fill",
        "guest",
        "loader",
        "query-api",
        "report",
        "shop",
        "visitors",
    ]
    for each in everything.resources:
        if each.urn not in components:
            owner = components[each.parent]
            assert each.name == owner or each.name.startswith(f"{owner}-"), f"{each.name} is a child of {owner}"


def test_protects_all_that_a_protected_component_creates() -> None:
    """`pulumi destroy` deletes the table and the keyspace of a component with Pulumi's `protect`."""

    def run() -> None:
        opts = pulumi.ResourceOptions(protect=True)
        KeyspacesMicroservice(
            "things-api",
            environment=Environment("shop", keyspace="shop", opts=opts),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(),
            opts=opts,
        )

    unprotected = [each.urn for each in declare(run).resources if not each.protect]
    assert not unprotected
