"""Calls the policy pack's rules as the engine does, without an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi_policy import (
    Policy,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from rules import POLICIES

# The engine's placeholder for a value that is not known yet; no rule distinguishes the kinds of unknown values.
UNKNOWN = UNKNOWN_STRING_VALUE


@dataclass(frozen=True, kw_only=True)
class Given:
    """A resource to check. inputs: with `UNKNOWN` for unknown values; outputs: values that the inputs lack."""

    type: str
    inputs: Mapping[str, Any]
    name: str = "thing"
    stack: str = "dev"
    protect: bool = False
    provider: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    depends_on: Mapping[str, Sequence["Given"]] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return f"urn:pulumi:{self.stack}::keyspaces-platform::{self.type}::{self.name}"


def rule(name: str) -> Policy:
    (found,) = (policy for policy in POLICIES if policy.name == name)
    return found


def violations(name: str, resource: Given, settings: Mapping[str, Any] | None = None) -> list[str]:
    """The messages of a rule about single resources."""
    policy = rule(name)
    assert isinstance(policy, ResourceValidationPolicy)
    said: list[str] = []

    def report(message: str, _urn: str | None = None) -> None:
        said.append(message)

    policy.validate(
        ResourceValidationArgs(
            resource.type,
            _as_received(resource.inputs),
            resource.urn,
            resource.name,
            _options(resource),
            _provider(resource),
            settings,
        ),
        report,
    )
    return said


def stack_violations(
    name: str, resources: Sequence[Given], settings: Mapping[str, Any] | None = None
) -> list[tuple[str, str | None]]:
    """The messages of a rule about a whole stack, each with the URN of its resource."""
    policy = rule(name)
    assert isinstance(policy, StackValidationPolicy)
    by_urn = {
        resource.urn: PolicyResource(
            resource.type,
            _as_received({**resource.inputs, **resource.outputs}),
            resource.urn,
            resource.name,
            _options(resource),
            _provider(resource),
            None,
            [],
            {},
        )
        for resource in resources
    }
    for resource in resources:
        for key, others in resource.depends_on.items():
            by_urn[resource.urn].property_dependencies[key] = [by_urn[other.urn] for other in others]
    said: list[tuple[str, str | None]] = []

    def report(message: str, urn: str | None = None) -> None:
        said.append((message, urn))

    policy.validate(StackValidationArgs(list(by_urn.values()), settings), report)
    return said


def all_violations(resources: Sequence[Given]) -> set[tuple[str, str]]:
    """The violations that all rules find in a stack, as pairs of rule and resource, with those of advisory rules."""
    names = {resource.urn: resource.name for resource in resources}
    found = set()
    for policy in POLICIES:
        if isinstance(policy, StackValidationPolicy):
            found |= {(policy.name, names[urn or ""]) for _, urn in stack_violations(policy.name, resources)}
        else:
            found |= {(policy.name, resource.name) for resource in resources if violations(policy.name, resource)}
    return found


def _as_received(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties as the pack receives them: every number is a float, and reading an unknown value raises."""
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return unknown_checking_proxy(json_format.MessageToDict(struct))


def _options(resource: Given) -> PolicyResourceOptions:
    return PolicyResourceOptions(
        protect=resource.protect,
        ignore_changes=[],
        delete_before_replace=None,
        aliases=[],
        custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
        additional_secret_outputs=[],
    )


def _provider(resource: Given) -> PolicyProviderResource | None:
    if resource.provider is None:
        return None
    type_ = f"pulumi:providers:{resource.type.partition(':')[0]}"
    urn = f"urn:pulumi:{resource.stack}::keyspaces-platform::{type_}::default"
    return PolicyProviderResource(type_, _as_received(resource.provider), urn, "default")
