"""Rules as functions that yield the violations of a resource."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyProviderResource,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from rules.values import UNKNOWN, is_known, plain, texts

Schema = Mapping[str, Mapping[str, Any]]
"""A rule's settings, by name, as JSON schema; each has a `default`."""

PRODUCTION: Schema = {
    "productionStacks": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["prod", "production"],
        "description": "Names of the production stacks. A stack whose name begins with one of them and a hyphen is"
        " one, too: with prod, the stacks prod and prod-eu are production, preprod and product are not.",
    }
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as it is about to be created or updated.

    inputs: in camelCase, as the provider has checked them; a value that is not known yet is `UNKNOWN`.
    protect: whether Pulumi refuses to delete it. stack: the stack's name.
    default_tags: the tags that the resource's aws provider adds to every resource, `UNKNOWN` if they are not known
    yet, None if the engine does not name the provider. provider: its package, None for a component.
    settings: of the rule, from the file given with --policy-pack-config, or their defaults.
    """

    type: str
    name: str
    stack: str
    inputs: Mapping[str, Any]
    protect: bool
    default_tags: Any
    settings: Mapping[str, Any]
    provider: str | None

    @property
    def in_production(self) -> bool:
        return _is_production(self.stack, self.settings)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource of a whole stack. outputs: in camelCase, with the inputs. depends_on: by input, the URNs of its
    dependencies."""

    type: str
    name: str
    urn: str
    outputs: Mapping[str, Any]
    depends_on: Mapping[str, Collection[str]]

    def refers_to(self, other: "Declared", *, by: str, output: str) -> bool:
        """Whether the input `by` is `other`'s `output`: by value or, while a value is not known, by dependency."""
        value = self.outputs.get(by)
        if is_known(value) and value is not None and value == other.outputs.get(output):
            return True
        return other.urn in self.depends_on.get(by, ())


@dataclass(frozen=True, kw_only=True)
class Stack:
    resources: Collection[Declared]
    settings: Mapping[str, Any]

    def of_type(self, types: Collection[str]) -> list[Declared]:
        return [resource for resource in self.resources if resource.type in types]

    @property
    def in_production(self) -> bool:
        return any(_is_production(_stack(resource.urn), self.settings) for resource in self.resources)


def rule(
    name: str,
    why: str,
    check: Callable[[Resource], Iterable[str]],
    *,
    types: Collection[str] | None = None,
    settings: Schema | None = None,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
) -> ResourceValidationPolicy:
    """A rule about each resource of one of `types`, or of any type.

    check: yields a sentence for each violation, with the remedy.
    """

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if types is None or args.resource_type in types:
            for violation in check(_resource(args, settings)):
                report(f"{args.name}: {violation}", None)

    return ResourceValidationPolicy(
        name=name, description=why, validate=validate, enforcement_level=level, config_schema=_schema(settings)
    )


def production_rule(
    name: str,
    why: str,
    check: Callable[[Resource], Iterable[str]],
    *,
    types: Collection[str],
    settings: Schema | None = None,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
) -> ResourceValidationPolicy:
    """A rule about production stacks only."""
    return rule(
        name,
        why,
        lambda resource: check(resource) if resource.in_production else (),
        types=types,
        settings={**PRODUCTION, **(settings or {})},
        level=level,
    )


def stack_rule(
    name: str, why: str, check: Callable[[Stack], Iterable[tuple[Declared, str]]], *, settings: Schema | None = None
) -> StackValidationPolicy:
    """A rule about resources in relation to each other. check: yields each violation with its resource."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        declared = [_declared(resource) for resource in args.resources]
        for resource, violation in check(
            Stack(resources=declared, settings=_settings(args.get_config(), settings)),
        ):
            report(f"{resource.name}: {violation}", resource.urn)

    return StackValidationPolicy(
        name=name,
        description=why,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        config_schema=_schema(settings),
    )


def _resource(args: ResourceValidationArgs, schema: Schema | None) -> Resource:
    return Resource(
        type=args.resource_type,
        name=args.name,
        stack=_stack(args.urn),
        inputs=plain(args.props),
        protect=args.opts.protect,
        default_tags=_default_tags(args.provider),
        settings=_settings(args.get_config(), schema),
        provider=args.provider.resource_type.removeprefix("pulumi:providers:") if args.provider else None,
    )


def _declared(resource: PolicyResource) -> Declared:
    return Declared(
        type=resource.resource_type,
        name=resource.name,
        urn=resource.urn,
        outputs=plain(resource.props),
        depends_on={
            name: {dependency.urn for dependency in dependencies}
            for name, dependencies in resource.property_dependencies.items()
        },
    )


def _stack(urn: str) -> str:
    return urn.removeprefix("urn:pulumi:").partition("::")[0]


def _is_production(stack: str, settings: Mapping[str, Any]) -> bool:
    return any(stack == name or stack.startswith(f"{name}-") for name in texts(settings["productionStacks"]))


def _default_tags(provider: PolicyProviderResource | None) -> Any:
    """The provider's default tags. Pulumi passes a provider's value as JSON text if it is not a string."""
    if provider is None:
        return None
    defaults = plain(provider.props).get("defaultTags")
    if isinstance(defaults, str):
        defaults = json.loads(defaults)
    if not is_known(defaults):
        return UNKNOWN
    return (defaults or {}).get("tags") or {}


def _schema(settings: Schema | None) -> PolicyConfigSchema | None:
    return PolicyConfigSchema({name: dict(schema) for name, schema in settings.items()}) if settings else None


def _settings(given: Mapping[str, Any], schema: Schema | None) -> Mapping[str, Any]:
    """The given settings, with the defaults, which only a real engine fills in."""
    return {**{name: setting["default"] for name, setting in (schema or {}).items()}, **plain(given)}
