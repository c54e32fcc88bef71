"""What each task role may do with the tables, and what it has done since Keyspaces started here.

A permission that nothing used is either a test that is missing, or a permission too many.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from declared import aws
from local.translation import Stack
from local_keyspaces.credentials import Role
from local_keyspaces.iam import Principal

_ACTIONS: Final = ("cassandra:Select", "cassandra:Modify")

Permission = tuple[str, str]
"""An action, and a table as `keyspace.table`."""


@dataclass(frozen=True, kw_only=True)
class RoleUse:
    role: str
    allowed: frozenset[Permission]
    used: frozenset[Permission]

    @property
    def unused(self) -> list[Permission]:
        return sorted(self.allowed - self.used)

    def lines(self) -> Iterator[str]:
        yield f"{self.role}"
        for action, table in sorted(self.allowed):
            yield f"  {'used' if (action, table) in self.used else 'NEVER USED':10}  {action:16}  {table}"


def uses(stack: Stack, region: str, statements: Iterable[Mapping[str, Any]]) -> list[RoleUse]:
    """statements: of the meter's totals."""
    tables = {
        f"{each.keyspace}.{each.name}": (
            f"arn:aws:cassandra:{region}:{aws.ACCOUNT}:/keyspace/{each.keyspace}/table/{each.name}"
        )
        for each in stack.tables
    }
    used: dict[str, set[Permission]] = {}
    for each in statements:
        action = _ACTIONS[0] if each["text"].lstrip().upper().startswith("SELECT") else _ACTIONS[1]
        used.setdefault(each["role"], set()).add((action, f"{each['keyspace']}.{each['table']}"))
    roles = {_name(step.task.role): step.task.role for step in stack.steps}
    return [
        RoleUse(role=name, allowed=frozenset(_allowed(role, tables)), used=frozenset(used.get(name, ())))
        for name, role in sorted(roles.items())
    ]


def _allowed(role: Role, tables: Mapping[str, str]) -> Iterator[Permission]:
    principal = Principal(arn=role.arn, policies=role.policies)
    for table, arn in tables.items():
        for action in _ACTIONS:
            if principal.may(action, arn):
                yield action, table


def _name(role: Role) -> str:
    return role.arn.rpartition("/")[2]
