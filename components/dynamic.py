"""The common base of the dynamic providers here.

The engine loads a provider by module name in a process of its own; so editing one never makes a resource appear
changed.
"""

from collections.abc import Collection
from typing import Any, ClassVar

from pulumi.dynamic import DiffResult, ResourceProvider, UpdateResult


class Provider(ResourceProvider):
    """Compares inputs with those of last time, and unless told otherwise records them when they change.

    computed: outputs that the provider fills in, which the program declares as None.
    replacing: inputs whose change replaces the resource; that of any other updates it.
    """

    computed: ClassVar[Collection[str]] = ()
    replacing: ClassVar[Collection[str]] = ()

    # Nothing secret is in the inputs, and a secret would hide every diff.
    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        inputs = [key for key in news if key != "__provider" and key not in self.computed]
        changed = [key for key in inputs if news[key] != olds.get(key)]
        return DiffResult(changes=bool(changed), replaces=[key for key in changed if key in self.replacing])

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=news)
