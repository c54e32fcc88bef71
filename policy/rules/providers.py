"""Providers: the rules know the resources of some, and see nothing in those of others."""

from collections.abc import Iterator

from rules.rule import Resource, Schema, rule
from rules.values import texts

_KNOWN: Schema = {
    "knownProviders": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["aws", "awsx", "docker", "docker-build", "pulumi", "pulumi-python", "random", "tls"],
        "description": "Providers that a program may use; all but aws's resources are not looked into.",
    }
}
_PROVIDER = "pulumi:providers:"
# AWS resources within another's text, where no rule sees them.
_CONTAINERS = {
    "aws:cloudcontrol/resource:Resource",
    "aws:cloudformation/stack:Stack",
    "aws:cloudformation/stackSet:StackSet",
    "aws:servicecatalog/provisionedProduct:ProvisionedProduct",
}


def _unseen(resource: Resource) -> Iterator[str]:
    if resource.type in _CONTAINERS:
        yield f"declares resources in a {resource.type}, which no rule looks into: declare them with the aws provider"
        return
    package = resource.type.removeprefix(_PROVIDER) if resource.type.startswith(_PROVIDER) else resource.provider
    if package is not None and package not in texts(resource.settings["knownProviders"]):
        yield (
            f"is of the provider {package}, whose resources no rule looks into: use the aws provider, or add the"
            " provider to knownProviders in the file for --policy-pack-config"
        )


POLICIES = [
    rule(
        "resources-are-of-known-providers",
        "What another provider creates in AWS would pass every rule, since no rule knows its resources.",
        _unseen,
        settings=_KNOWN,
    ),
]
