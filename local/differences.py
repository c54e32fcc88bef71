"""The changes that an edit of the program makes, resource by resource, with the signs of `pulumi preview`."""

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import dill  # a dependency of pulumi, which serializes providers with it

from declared.program import Program, Resource

_SHOWN: Final = 12

# Inputs whose change replaces a resource: `ForceNew` and `RequiresReplace` in terraform-provider-aws, by the types that
# the components declare. A change of other or nested inputs is shown as `~`, though AWS may replace the resource.
# Only the table's inputs were read in the provider's source; the rest is UNVERIFIED.
_TASK_DEFINITION: Final = (
    "containerDefinitions",
    "cpu",
    "ephemeralStorage",
    "executionRoleArn",
    "family",
    "memory",
    "networkMode",
    "requiresCompatibilities",
    "runtimePlatform",
    "taskRoleArn",
    "volumes",
)
_REPLACING: Final[Mapping[str, Collection[str]]] = {
    "aws:cloudwatch/logGroup:LogGroup": ("name",),
    "aws:ec2/securityGroup:SecurityGroup": ("description", "name", "vpcId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("serviceName", "vpcEndpointType", "vpcId"),
    "aws:ecr/repository:Repository": ("encryptionConfigurations", "name"),
    "aws:ecs/cluster:Cluster": ("name",),
    "aws:ecs/service:Service": ("cluster", "launchType", "name", "schedulingStrategy"),
    "aws:ecs/taskDefinition:TaskDefinition": _TASK_DEFINITION,
    "aws:iam/role:Role": ("name", "path"),
    "aws:iam/rolePolicy:RolePolicy": ("name", "role"),
    "aws:keyspaces/keyspace:Keyspace": ("name",),
    "aws:keyspaces/table:Table": ("comment", "keyspaceName", "tableName"),
    "aws:lb/listener:Listener": ("loadBalancerArn",),
    "aws:lb/listenerRule:ListenerRule": ("listenerArn",),
    "aws:lb/loadBalancer:LoadBalancer": ("internal", "loadBalancerType", "name"),
    "aws:lb/targetGroup:TargetGroup": ("name", "port", "protocol", "protocolVersion", "targetType", "vpcId"),
}


@dataclass(frozen=True, kw_only=True)
class Differences:
    """lines: one for each resource that is added (+), changed (~), replaced (+-), removed (-) or refused (!), the
    refused first; after 12 lines, only the number of the others. refused: the reasons why `pulumi up` would not begin.
    """

    lines: Sequence[str]
    refused: Sequence[str]


def differences(before: Program, after: Program) -> Differences:
    lines = list(_lines(before, after))
    lines.sort(key=lambda line: not line.startswith("!"))
    shown, more = lines[:_SHOWN], len(lines) - _SHOWN
    return Differences(
        lines=[*shown, *([f"and {more} more"] if more > 0 else [])],
        refused=[line.removeprefix("! ") for line in lines if line.startswith("!")],
    )


def _lines(before: Program, after: Program) -> Iterator[str]:
    old = {each.urn: each for each in before.resources if each.custom}
    new = {each.urn: each for each in after.resources if each.custom}
    replaced: set[str] = set()
    for urn, resource in new.items():
        if urn not in old:
            yield f"+ {_named(resource)}"
            continue
        changed = _changed(old[urn], resource)
        asked = _asked(old[urn], resource) if changed else _Asked()
        for reason in asked.refused:
            yield f"! {_named(resource)}: {reason}"
        replacing = [*_replacing(old[urn], resource, changed, replaced), *asked.replaces]
        if replacing:
            replaced.add(urn)
        if replacing and old[urn].protect:
            yield f"! {_named(resource)}: {', '.join(replacing)} would replace it, and it is protected"
        elif replacing:
            yield f"+- {_named(resource)}: {', '.join(replacing)}"
        elif changed and not asked.refused:
            yield f"~ {_named(resource)}: {', '.join(changed)}{asked.failed}"
    for urn, resource in old.items():
        if urn not in new:
            yield (
                f"! {_named(resource)}: is removed, and it is protected"
                if resource.protect
                else f"- {_named(resource)}"
            )


def _changed(old: Resource, new: Resource) -> list[str]:
    # The __provider of a dynamic resource is its provider's code.
    names = sorted((old.inputs.keys() | new.inputs.keys()) - {"__provider"} - new.ignore_changes)
    return [name for name in names if old.inputs.get(name) != new.inputs.get(name)]


def _replacing(old: Resource, new: Resource, changed: Sequence[str], replaced: Collection[str]) -> list[str]:
    """The inputs and other causes for which the resource is replaced."""
    found = [name for name in changed if name in _REPLACING.get(new.type, ())]
    # Pulumi does not replace a resource whose trigger is added or removed.
    if None not in (old.replacement_trigger, new.replacement_trigger):
        found += ["its replacement trigger"] if old.replacement_trigger != new.replacement_trigger else []
    found += [f"with {urn.rpartition('::')[2]}" for urn in sorted(new.replace_with.intersection(replaced))]
    return found


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The answer of a dynamic resource's provider; `pulumi up` calls check and diff before it changes anything."""

    refused: Sequence[str] = ()
    replaces: Sequence[str] = ()
    failed: str = ""


def _asked(old: Resource, new: Resource) -> _Asked:
    """Calls the provider, restored as Pulumi does it (sdk/python/lib/pulumi/dynamic/__main__.py)."""
    serialized = new.inputs.get("__provider")
    if serialized is None:
        return _Asked()
    before, after = dict(old.inputs), dict(new.inputs)
    try:
        provider = dill.loads(base64.b64decode(serialized))  # noqa: S301  # the program's own code, which has just run
        checked, compared = provider.check(before, after), provider.diff(old.id, before, after)
    except Exception as error:  # for example, a provider that calls AWS
        return _Asked(failed=f" (its provider cannot compare here: {type(error).__name__}: {error})")
    return _Asked(refused=[each.reason for each in checked.failures or ()], replaces=list(compared.replaces or ()))


def _named(resource: Resource) -> str:
    return f"{resource.type} {resource.name}"
