"""A microservice's access to a table: its own, another microservice's, or an existing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws

from components.arguments import InvalidArguments
from components.iam import Access
from components.tables.columns import NAME
from components.tables.table import KeyspacesTable, Table

AnyTable = Table | KeyspacesTable | aws.keyspaces.Table


@dataclass(frozen=True, kw_only=True)
class TableUse:
    """A table with the access that `read` or `write` gives. name: the program's name for the table."""

    table: AnyTable
    access: Access
    name: str


def read(table: AnyTable, *, name: str = "") -> TableUse:
    """Lets a microservice SELECT from a table.

    table: a `Table`, which is created and deleted with the microservice; one of another microservice's `tables`; or an
    existing table of the environment's keyspace, which needs a `name`.
    name: the program's name for the table, 1 to 48 of a-z, 0-9 and _: the name `orders` makes the environment variable
    KEYSPACES_TABLE_ORDERS, which has the table's name in AWS. By default the table's own name.

    Raises InvalidArguments.
    """
    return _use(table, "read", name)


def write(table: AnyTable, *, name: str = "") -> TableUse:
    """Lets a microservice SELECT, INSERT, UPDATE and DELETE. Otherwise as `read`."""
    return _use(table, "write", name)


def uses_mistake(uses: Sequence[TableUse]) -> str | None:
    """A mistake, unless there is at least one table and each has its own name."""
    if not uses:
        return "is empty; name at least one table, such as read(Table(...))"
    if any(not isinstance(use, TableUse) for use in uses):
        return "has a table without its access; use read(...) or write(...) for each"
    names = [use.name for use in uses]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"has {', '.join(twice)} twice; use each table once, write includes read" if twice else None


def _use(table: AnyTable, access: Access, name: str) -> TableUse:
    if not name and isinstance(table, Table | KeyspacesTable):
        name = table.name
    if not NAME.fullmatch(name):
        raise InvalidArguments(
            access,
            {"name": f"is {name!r}; give the program's name for this table, 1 to 48 of a-z, 0-9 and _"},
        )
    return TableUse(table=table, access=access, name=name)
