"""The permissions that each role has asked for, and the smallest IAM policy that would have done."""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

Decisions: TypeAlias = MutableMapping[tuple[str, str], bool]
"""Whether an action on a resource was allowed."""

_SYSTEM = re.compile(r"(arn:[^/]*:/keyspace/system)[^/]*/.*")


class RoleDecisions:
    """Of all roles since the endpoint began; a role's sessions share theirs."""

    def __init__(self) -> None:
        self._by_role: dict[str, Decisions] = {}

    def of(self, role: str) -> Decisions:
        return self._by_role.setdefault(role, {})

    def snapshot(self) -> Mapping[str, Any]:
        """As JSON: for each role, `action`, `resource` and `allowed` of each decision."""
        return {
            role: [
                {"action": action, "resource": resource, "allowed": allowed}
                for (action, resource), allowed in decisions.items()
            ]
            for role, decisions in self._by_role.items()
        }


def smallest_policy(decisions: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """A policy document with what was allowed and used; None if nothing was. decisions: of one role, in the snapshot.

    System tables are one resource: which of them a driver reads depends on its version (developer guide, "Amazon
    Keyspaces identity-based policy examples").
    """
    actions: dict[str, set[str]] = {}
    for each in decisions:
        if each["allowed"]:
            actions.setdefault(_SYSTEM.sub(r"\1*", each["resource"]), set()).add(each["action"])
    resources: dict[tuple[str, ...], list[str]] = {}
    for resource, together in sorted(actions.items()):
        resources.setdefault(tuple(sorted(together)), []).append(resource)
    if not resources:
        return None
    statements = [
        {"Effect": "Allow", "Action": list(together), "Resource": each} for together, each in resources.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}
