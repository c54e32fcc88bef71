"""The rules about single resources: accepted resources, refused resources, and resources with unknown inputs."""

import copy
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pulumi_aws
import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

from rules import POLICIES
from rules.tags import TAGGABLE
from tests.policy.examples import Example, containers, data, iam, load_balancers, network, providers, services, tags
from tests.policy.validation import UNKNOWN, Given, all_violations, violations

EXAMPLES: list[Example] = [
    example
    for module in (iam, network, load_balancers, containers, services, data, tags, providers)
    for example in module.EXAMPLES
]


def _messages(example: Example) -> list[str]:
    return violations(example.rule, example.given, example.settings)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.says], ids=lambda example: example.id)
def test_accepts_valid_resources(example: Example) -> None:
    """A correct stack cannot be deployed, so its owner turns the pack off."""
    assert _messages(example) == []


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.says], ids=lambda example: example.id)
def test_refuses_violation_and_names_the_remedy(example: Example) -> None:
    """A violation is deployed, or refused with a message that does not help."""
    (message,) = _messages(example)
    assert message.startswith(f"{example.given.name}: ")
    for words in example.says:
        assert words in message


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.says], ids=lambda example: example.id)
def test_accepts_valid_resources_whatever_is_unknown(example: Example) -> None:
    """The first preview of a stack fails, since hardly any value is known."""
    for inputs in _with_something_unknown(example.given.inputs):
        assert violations(example.rule, replace(example.given, inputs=inputs), example.settings) == [], inputs


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.says], ids=lambda example: example.id)
def test_does_not_fail_whatever_is_unknown(example: Example) -> None:
    """The pack fails in a preview with an unknown value, and the preview fails with it."""
    for inputs in _with_something_unknown(example.given.inputs):
        violations(example.rule, replace(example.given, inputs=inputs), example.settings)


def _with_something_unknown(value: Any) -> Iterator[Any]:
    """All copies of the value in which one part, at any depth, is unknown."""
    for path in _paths(value):
        changed = copy.deepcopy(value)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = UNKNOWN
        yield changed


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (key,)
        yield from ((key, *rest) for rest in _paths(value[key]))


def test_has_examples_of_both_kinds_for_every_rule() -> None:
    """A rule may refuse every resource, or none, without a test that notices."""
    names = {policy.name for policy in POLICIES if isinstance(policy, ResourceValidationPolicy)}
    assert {example.rule for example in EXAMPLES if example.says} == names
    assert {example.rule for example in EXAMPLES if not example.says} == names


@pytest.mark.parametrize("rule", sorted({example.rule for example in EXAMPLES}))
def test_refuses_just_the_violations_among_many_resources(rule: str) -> None:
    """One resource's fault hides another's, or is reported for another resource."""
    examples = [example for example in EXAMPLES if example.rule == rule and not example.settings]
    named = [replace(example.given, name=f"{rule}-{number}") for number, example in enumerate(examples)]
    refused = {(rule, given.name) for given, example in zip(named, examples, strict=True) if example.says}
    assert {found for found in all_violations(named) if found[0] == rule} == refused


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_gives_the_reason_of_every_rule(policy: ResourceValidationPolicy) -> None:
    """The owner of a refused resource does not learn the rule's reason, which the description gives."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", policy.name)
    assert policy.description.endswith(".")
    assert len(policy.description.split()) > 8
    advisory = policy.name == "production-tasks-have-no-public-ip"
    assert policy.enforcement_level is (EnforcementLevel.ADVISORY if advisory else EnforcementLevel.MANDATORY)
    for schema in policy.config_schema.properties.values() if policy.config_schema else ():
        assert {"type", "default", "description"} <= schema.keys()


def test_names_every_rule_once() -> None:
    """Settings for one rule apply to another rule of the same name."""
    names = [policy.name for policy in POLICIES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("given", [example.given for example in EXAMPLES], ids=lambda given: given.type)
def test_judges_inputs_that_the_provider_has(given: Given) -> None:
    """A rule never refuses anything, since the provider has no input of that name."""
    if not given.type.startswith("aws:"):
        return
    arguments = inspect.signature(_class_of(given.type)._internal_init).parameters
    spelled = {re.sub(r"_([a-z0-9])", lambda letter: letter[1].upper(), name) for name in arguments}
    assert given.inputs.keys() <= spelled | {"tagsAll"}


@pytest.mark.parametrize("type_", sorted(TAGGABLE))
def test_requires_tags_only_where_the_provider_accepts_them(type_: str) -> None:
    """A resource is refused for missing tags, although the provider takes none."""
    assert "tags" in inspect.signature(_class_of(type_)._internal_init).parameters


def _class_of(type_: str) -> Any:
    match = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", type_)
    assert match
    module = {"lambda": "lambda_"}.get(match[1], match[1])
    return getattr(getattr(pulumi_aws, module), match[2])
