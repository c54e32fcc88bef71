"""Providers: the rules know only the resources of some providers."""

from collections.abc import Iterator

from rules.rule import Resource, Schema, rule
from rules.values import texts

_KNOWN: Schema = {
    "knownProviders": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["aws", "awsx", "docker", "docker-build", "pulumi", "pulumi-python", "random", "tls"],
        "description": "Providers that a program may use; the rules check only the resources of aws.",
    }
}
_PROVIDER = "pulumi:providers:"
# Types whose text declares other AWS resources, which no rule sees.
_CONTAINERS = {
    "aws:cloudcontrol/resource:Resource",
    "aws:cloudformation/stack:Stack",
    "aws:cloudformation/stackSet:StackSet",
    "aws:servicecatalog/provisionedProduct:ProvisionedProduct",
}


def _unseen(resource: Resource) -> Iterator[str]:
    if resource.type in _CONTAINERS:
        yield f"declares resources in a {resource.type}, which no rule checks: declare them with the aws provider"
        return
    package = resource.type.removeprefix(_PROVIDER) if resource.type.startswith(_PROVIDER) else resource.provider
    if package is not None and package not in texts(resource.settings["knownProviders"]):
        yield (
            f"is of the provider {package}, whose resources no rule checks: use the aws provider, or add the"
            " provider to knownProviders in the file for --policy-pack-config"
        )


POLICIES = [
    rule(
        "resources-are-of-known-providers",
        "Resources that another provider creates in AWS would pass every rule, since no rule knows them.",
        _unseen,
        settings=_KNOWN,
    ),
]
