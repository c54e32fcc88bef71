"""The permissions of each task role on keyspaces and tables, and their use since Keyspaces started here.

An unused permission is a sign of a missing test, or of an unnecessary permission.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declared import aws
from local.stack_model import Stack
from local_keyspaces.credentials import Role
from local_keyspaces.iam import Principal
from local_keyspaces.least_privilege import smallest_policy

_ACTIONS: Final = tuple(
    f"cassandra:{name}" for name in ("Select", "Modify", "Create", "Alter", "Drop", "TagResource", "UntagResource")
)

Permission = tuple[str, str]
"""An action, and a keyspace, or a table as `keyspace.table`."""


@dataclass(frozen=True, kw_only=True)
class RoleUse:
    """refused: actions and the ARNs on which the role lacks them. policy: the smallest sufficient one."""

    role: str
    allowed: frozenset[Permission]
    used: frozenset[Permission]
    refused: Sequence[Permission]
    policy: Mapping[str, Any] | None

    @property
    def unused(self) -> list[Permission]:
        return sorted(self.allowed - self.used)

    def lines(self) -> Iterator[str]:
        yield f"{self.role}"
        for action, table in sorted(self.allowed):
            yield f"  {'used' if (action, table) in self.used else 'NEVER USED':10}  {action:16}  {table}"
        for action, resource in self.refused:
            yield f"  {'REFUSED':10}  {action:16}  {resource}"
        if self.policy is not None and (self.unused or self.refused):
            yield "  The smallest policy that would have been enough:"
            yield from (f"    {line}" for line in json.dumps(self.policy, indent=2).splitlines())

    def as_json(self) -> Mapping[str, Any]:
        return {
            "allowed": sorted(self.allowed),
            "unused": self.unused,
            "refused": self.refused,
            "policy": self.policy,
        }


def uses(stack: Stack, region: str, decisions: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[RoleUse]:
    """decisions: by role, as under `permissions` in the meter's totals."""
    prefix = f"arn:aws:cassandra:{region}:{aws.ACCOUNT}:/keyspace/"
    resources = {f"{prefix}{name}/": name for name in stack.keyspaces} | {
        f"{prefix}{each.keyspace}/table/{each.name}": f"{each.keyspace}.{each.name}" for each in stack.tables
    }
    roles = {_name(task.role): task.role for task in stack.tasks}
    return [_use(name, role, resources, decisions.get(name, ())) for name, role in sorted(roles.items())]


def _use(name: str, role: Role, resources: Mapping[str, str], decisions: Sequence[Mapping[str, Any]]) -> RoleUse:
    principal = Principal(arn=role.arn, policies=role.policies)
    allowed = {(action, label) for arn, label in resources.items() for action in _ACTIONS if principal.may(action, arn)}
    used = {
        (each["action"], resources[each["resource"]])
        for each in decisions
        if each["allowed"] and each["resource"] in resources
    }
    return RoleUse(
        role=name,
        allowed=frozenset(allowed),
        used=frozenset(used),
        refused=sorted((each["action"], each["resource"]) for each in decisions if not each["allowed"]),
        policy=smallest_policy(decisions),
    )


def _name(role: Role) -> str:
    return role.arn.rpartition("/")[2]
