"""The changes that an edit of the program makes, resource by resource, in the signs of `pulumi preview`."""

from collections.abc import Iterator
from typing import Final

from declared.program import Program, Resource

_SHOWN: Final = 12


def differences(before: Program, after: Program) -> Iterator[str]:
    """A line for each resource that is added, changed or removed, up to 12, and then how many more there are."""
    lines = list(_lines(before, after))
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"and {len(lines) - _SHOWN} more"


def _lines(before: Program, after: Program) -> Iterator[str]:
    old = {each.urn: each for each in before.resources if each.custom}
    new = {each.urn: each for each in after.resources if each.custom}
    for urn, resource in new.items():
        if urn not in old:
            yield f"+ {_named(resource)}"
        elif changed := _changed(old[urn], resource):
            yield f"~ {_named(resource)}: {', '.join(changed)}"
    for urn, resource in old.items():
        if urn not in new:
            yield f"- {_named(resource)}"


def _changed(old: Resource, new: Resource) -> list[str]:
    # Of a dynamic resource, the provider is its own code.
    names = sorted((old.inputs.keys() | new.inputs.keys()) - {"__provider"})
    return [name for name in names if old.inputs.get(name) != new.inputs.get(name)]


def _named(resource: Resource) -> str:
    return f"{resource.type} {resource.name}"
