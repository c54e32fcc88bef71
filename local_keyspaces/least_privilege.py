"""The permissions that each role has requested, and the smallest IAM policy that would have been enough."""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

Decisions: TypeAlias = MutableMapping[tuple[str, str], bool]
"""By action and resource: True if it was allowed."""

_SYSTEM = re.compile(r"(arn:[^/]*:/keyspace/system)[^/]*/.*")


class RoleDecisions:
    """The decisions for all roles since the endpoint started. All sessions of a role share one record."""

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
    """A policy document with the permissions that were used and allowed; None if there were none.

    decisions: one role's, from the snapshot. All system tables are one resource, because a driver's version determines
    the system tables that it reads (developer guide, "Amazon Keyspaces identity-based policy examples").
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
