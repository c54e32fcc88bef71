"""Columns and keys of a table, checked against what Keyspaces and the aws provider accept."""

import re
from collections.abc import Iterator, Mapping, Sequence

NAME = re.compile(r"[a-z0-9_]{1,48}")  # what the aws provider accepts for a column, and here for a table
_COLLECTION = re.compile(r"(list|set|map|tuple)<([a-z]+)(?:, ([a-z]+))?>")

# Keyspaces developer guide, "Cassandra data type support". Without `duration`, which Keyspaces does not have, and
# without `varchar`: `text` is the same type, and if Keyspaces reports `text` for a declared `varchar`
# (UNVERIFIED), the provider would see a column of another type and replace the table.
_ELEMENTS = (
    "ascii bigint blob boolean date decimal double float inet int smallint text time timestamp timeuuid tinyint"
    " uuid varint"
).split()
_SIMPLE = [*_ELEMENTS, "counter"]
_ELEMENT_COUNTS = {"list": (1,), "set": (1,), "map": (2,), "tuple": (1, 2)}
_ORDERS = ("ASC", "DESC")


def column_mistakes(
    columns: Mapping[str, str], partition_key: Sequence[str], clustering_key: Mapping[str, str], static: Sequence[str]
) -> dict[str, str | None]:
    """The mistakes by argument, for `arguments.raise_for`."""
    mistakes: dict[str, str | None] = {}
    for column, cql_type in columns.items():
        if not NAME.fullmatch(column):
            mistakes[f"column {column!r}"] = "is no column name; use 1 to 48 of a-z, 0-9 and _"
        else:
            mistakes[f"column {column!r}"] = _type_mistake(cql_type)
    mistakes["columns"] = _counter_mistake(columns, {*partition_key, *clustering_key})
    mistakes["partition_key"] = _joined(_partition_key_mistakes(columns, partition_key))
    mistakes["clustering_key"] = _joined(_clustering_key_mistakes(columns, partition_key, clustering_key))
    mistakes["static"] = _joined(_static_mistakes(columns, {*partition_key, *clustering_key}, clustering_key, static))
    return mistakes


def _type_mistake(cql_type: str) -> str | None:
    if cql_type in _SIMPLE:
        return None
    if cql_type == "varchar":
        return "is varchar; write text, which is the same type"
    collection = _COLLECTION.fullmatch(cql_type)
    if collection is not None:
        kind, *elements = (part for part in collection.groups() if part is not None)
        if len(elements) in _ELEMENT_COUNTS[kind] and all(element in _ELEMENTS for element in elements):
            return None
    return (
        f"is {cql_type!r}; use {', '.join(_SIMPLE)}, or, of these except counter: list<a>, set<a>, map<a, b>, tuple<a>"
        " or tuple<a, b>, in this notation. Keyspaces has no duration, and the aws provider takes no frozen, nested or"
        " user-defined types"
    )


def _counter_mistake(columns: Mapping[str, str], key: set[str]) -> str | None:
    """Keyspaces developer guide, "Counters": all columns besides the key are counters, or none is."""
    types = {cql_type for column, cql_type in columns.items() if column not in key}
    if "counter" in types and len(types) > 1:
        return "mix counters with other types; a table with a counter has only counters besides its key"
    return None


def _partition_key_mistakes(columns: Mapping[str, str], partition_key: Sequence[str]) -> Iterator[str]:
    if not partition_key:
        yield "is empty; name at least one column"
    for column in sorted(set(partition_key), key=partition_key.index):
        if partition_key.count(column) > 1:
            yield f"names {column!r} twice"
        yield from _key_column_mistakes(columns, column)


def _clustering_key_mistakes(
    columns: Mapping[str, str], partition_key: Sequence[str], clustering_key: Mapping[str, str]
) -> Iterator[str]:
    for column, order in clustering_key.items():
        if column in partition_key:
            yield f"{column!r} is in partition_key too; a column is in one of them"
        if order not in _ORDERS:
            yield f"{column!r} is ordered {order!r}; use {' or '.join(_ORDERS)}"
        yield from _key_column_mistakes(columns, column)


def _static_mistakes(
    columns: Mapping[str, str], key: set[str], clustering_key: Mapping[str, str], static: Sequence[str]
) -> Iterator[str]:
    if static and not clustering_key:
        yield "needs a clustering_key; without one, each partition has only one row"
    for column in sorted(set(static), key=static.index):
        if static.count(column) > 1:
            yield f"names {column!r} twice"
        if column not in columns:
            yield f"{column!r} is not in columns"
        elif column in key:
            yield f"{column!r} is in the key; a key column cannot be static"


def _key_column_mistakes(columns: Mapping[str, str], column: str) -> Iterator[str]:
    if column not in columns:
        yield f"{column!r} is not in columns"
    elif columns[column].partition("<")[0] in ("list", "set", "map", "counter"):
        # Collections would have to be frozen, which the aws provider does not take.
        yield f"{column!r} is {columns[column]}; a key column cannot be a list, set, map or counter"


def _joined(mistakes: Iterator[str]) -> str | None:
    return ", ".join(mistakes) or None
