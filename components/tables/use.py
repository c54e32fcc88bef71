"""The use that a microservice makes of a table: one of its own, another microservice's, or one that is there."""

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
    """name: what the program calls the table; see `read` and `write`, which make it."""

    table: AnyTable
    access: Access
    name: str


def read(table: AnyTable, *, name: str = "") -> TableUse:
    """Lets a microservice SELECT from a table.

    table: a `Table`, which the microservice then creates and which goes with it; one of another microservice's
    `tables`; or a table of the environment's keyspace that is there, with a name.
    name: what the program calls it, 1 to 48 of a-z, 0-9 and _: the name `orders` makes the environment variable
    KEYSPACES_TABLE_ORDERS, which holds the table's name in AWS. By default the table's own.

    Raises InvalidArguments.
    """
    return _use(table, "read", name)


def write(table: AnyTable, *, name: str = "") -> TableUse:
    """Lets a microservice SELECT, INSERT, UPDATE and DELETE. Otherwise as `read`."""
    return _use(table, "write", name)


def uses_mistake(uses: Sequence[TableUse]) -> str | None:
    """A mistake, unless each of one or more tables is used under a name of its own."""
    if not uses:
        return "is empty; name at least one table, such as read(Table(...))"
    if any(not isinstance(use, TableUse) for use in uses):
        return "has a table without its access; say read(...) or write(...) of each"
    names = [use.name for use in uses]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"has {', '.join(twice)} twice; use each table once, write includes read" if twice else None


def _use(table: AnyTable, access: Access, name: str) -> TableUse:
    if not name and isinstance(table, Table | KeyspacesTable):
        name = table.name
    if not NAME.fullmatch(name):
        raise InvalidArguments(
            access,
            {"name": f"is {name!r}; say what the program calls this table, in 1 to 48 of a-z, 0-9 and _"},
        )
    return TableUse(table=table, access=access, name=name)
