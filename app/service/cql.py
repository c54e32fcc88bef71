"""Builds the CQL of a table's writes from the names of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyspaces.database import Description
from keyspaces.statements import Effect

TTL = "ttl"
"""The name of the value for the time to live, in seconds."""
_IF = "if_"


@dataclass(frozen=True, slots=True)
class WriteCql:
    """before, after: CQL around the table's name. names: of the values, in the order of the bind markers."""

    before: str
    after: str
    names: Sequence[str]
    effect: Effect


def insert(table: Description, columns: Sequence[str], *, if_not_exists: bool, ttl: bool) -> WriteCql:
    """Raises ValueError for a column that the table does not have."""
    _check(table, columns)
    names = [*columns, *([TTL] if ttl else [])]
    values = f"({', '.join(map(_quoted, columns))}) VALUES ({', '.join('?' for _ in columns)})"
    clauses = [values, *(["IF NOT EXISTS"] if if_not_exists else []), *(["USING TTL ?"] if ttl else [])]
    return WriteCql("INSERT INTO", " ".join(clauses), names, "write once" if if_not_exists else "idempotent write")


def update(
    table: Description,
    columns: Sequence[str],
    *,
    where: Sequence[str],
    only_if: Sequence[str],
    add: Sequence[str],
    ttl: bool,
) -> WriteCql:
    """Raises ValueError for a column that the table does not have, and if there is nothing to set."""
    where = where or table.key
    types = _check(table, [*columns, *add, *where, *only_if])
    if not columns and not add:
        raise ValueError(f"an update of {table.name} sets no column")
    sets = [f"{_quoted(name)} = ?" for name in columns] + [f"{_quoted(name)} = {_quoted(name)} + ?" for name in add]
    # Adding to a set or a map is idempotent; adding to a list or a counter is not.
    once = bool(only_if) or any(not types[name].startswith(("set<", "map<")) for name in add)
    after = f"{'USING TTL ? ' if ttl else ''}SET {', '.join(sets)} {_where(where)}{_conditions(only_if)}"
    names = [*([TTL] if ttl else []), *columns, *add, *where, *map(_condition_name, only_if)]
    return WriteCql("UPDATE", after, names, "write once" if once else "idempotent write")


def delete(table: Description, *, where: Sequence[str], only_if: Sequence[str]) -> WriteCql:
    """Raises ValueError for a column that the table does not have."""
    where = where or table.key
    _check(table, [*where, *only_if])
    names = [*where, *map(_condition_name, only_if)]
    effect: Effect = "write once" if only_if else "idempotent write"
    return WriteCql("DELETE FROM", f"{_where(where)}{_conditions(only_if)}", names, effect)


def where_clause(columns: Sequence[str]) -> str:
    """`WHERE "a" = ? AND "b" = ?`; empty without columns."""
    return _where(columns) if columns else ""


def _where(columns: Sequence[str]) -> str:
    return "WHERE " + " AND ".join(f"{_quoted(name)} = ?" for name in columns)


def _conditions(columns: Sequence[str]) -> str:
    return " IF " + " AND ".join(f"{_quoted(name)} = ?" for name in columns) if columns else ""


def _condition_name(column: str) -> str:
    return f"{_IF}{column}"


def _check(table: Description, columns: Sequence[str]) -> Mapping[str, str]:
    types = {column.name: column.cql_type for column in table.columns}
    for name in columns:
        if name not in types:
            raise ValueError(f"{table.name} has no column {name!r}; it has {', '.join(types)}")
    return types


def _quoted(column: str) -> str:
    return f'"{column}"'
