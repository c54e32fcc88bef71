"""Refuses changes of a table that would lose its rows, in a preview, too.

A Pulumi dynamic provider that makes no calls and needs no credentials; see `components.dynamic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, Resource

from components.dynamic import Provider

Scaling = Literal["on demand", "fixed", "scaled"]

# Inputs for `check` alone. They are not recorded, since their changes would show as changes of the schema:
# `allow_replacement` is for one update, and a default TTL may change freely once TTL is on.
_NOT_RECORDED = ("allow_replacement", "default_time_to_live")


class TableSchema(Resource, module="keyspaces", name="TableSchema"):
    """The last declared schema of a table. The table depends on it, so that a refused schema changes nothing in the
    table. `TableSchemaProvider` lists the refused changes.
    """

    def __init__(
        self,
        name: str,
        *,
        keyspace: pulumi.Input[str],
        table: str,
        columns: Mapping[str, str],
        partition_key: Sequence[str],
        clustering_key: Mapping[str, str],
        static: Sequence[str],
        time_to_live: int | None,
        client_side_timestamps: bool,
        capacity: Scaling,
        allow_replacement: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            TableSchemaProvider(),
            name,
            {
                "keyspace": keyspace,
                "table": table,
                "columns": dict(columns),
                "partition_key": list(partition_key),
                # A list, since the order counts and the engine sorts the keys of an object.
                "clustering_key": [f"{column} {order}" for column, order in clustering_key.items()],
                "static": sorted(static),
                "time_to_live": time_to_live is not None,
                "default_time_to_live": time_to_live or 0,
                "client_side_timestamps": client_side_timestamps,
                "capacity": capacity,
                "allow_replacement": allow_replacement,
            },
            opts,
        )


class TableSchemaProvider(Provider):
    """Compares the declared schema with the recorded one.

    The engine calls `check` in each preview and update before it changes the table. It prints each failure as a
    separate error ("... has a problem: ...") and stops.

    - Refused unless `allow_replacement`: a changed name of table or keyspace, a changed key or order, changed static
      columns, a column that is removed or retyped, client-side timestamps turned off. For each of these the aws
      provider replaces the table (terraform-provider-aws, `internal/service/keyspaces/table.go`).
    - TTL turned off is refused even with `allow_replacement`, unless the table is replaced anyway: Keyspaces cannot
      turn it off ("Update the default Time to Live value"), and the provider neither does so nor reports an error.
    - A default TTL on a table without TTL is refused, unless the table is replaced anyway: the provider makes one call
      for each setting, as Keyspaces demands (API reference, UpdateTable), and sets the default before it turns TTL on
      (`resourceTableUpdate` in the same file).
    - A change from on demand to scaled in one update is always refused; see `changes_left_to_scaling`.
    - A keyspace whose name is not known yet, in a preview, is not compared.

    The schema is recorded before the table is changed. If the table's change fails and the program then reverts it,
    the columns that the table never had count as removed, which is refused: set `allow_replacement` for one update, and
    the preview shows that the table is not replaced. A table that was created without a `TableSchema` is guarded once
    an update has created one.
    """

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        refused = _refused(olds, news) if "columns" in olds else []
        recorded = {key: value for key, value in news.items() if key not in _NOT_RECORDED}
        return CheckResult(recorded, [CheckFailure("", reason) for reason in refused])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=f"{props['keyspace']}/{props['table']}", outs=props)


def _refused(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    table = f"table {old['keyspace']}.{old['table']}"
    replacing = list(_replacing(old, new))
    refused = []
    if not new["allow_replacement"]:
        refused += [
            f"{table}: {change}. Keyspaces cannot do that in place: the table would be replaced and its rows lost."
            f" {instead}, or set allow_replacement=True on its Table if the rows may be lost."
            for change, instead in replacing
        ]
    if old["time_to_live"] and not new["time_to_live"] and not (replacing and new["allow_replacement"]):
        refused.append(
            f"{table}: time_to_live is removed. Keyspaces cannot turn TTL off again. Use time_to_live=0, with which"
            " rows expire only if they are written with a TTL, or give the table another name and set"
            " allow_replacement=True on its Table if the rows may be lost."
        )
    if not old["time_to_live"] and new["default_time_to_live"] and not (replacing and new["allow_replacement"]):
        refused.append(
            f"{table}: time_to_live goes from None to {int(new['default_time_to_live'])} at once, which takes two"
            f" updates. Set time_to_live=0 first, run `pulumi up`, then set {int(new['default_time_to_live'])}."
        )
    if old["capacity"] == "on demand" and new["capacity"] == "scaled":
        refused.append(
            f"{table}: capacity goes from OnDemand to a Provisioned with auto scaling, which takes two updates. Give"
            " read and write a fixed capacity first, such as (5, 5), run `pulumi up`, then give them their ranges."
        )
    return refused


def _replacing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The changes that would replace the table, each with an alternative."""
    keyspace = old["keyspace"] if isinstance(new["keyspace"], pulumi.output.Unknown) else new["keyspace"]
    if (keyspace, new["table"]) != (old["keyspace"], old["table"]):
        yield f"its name becomes {keyspace}.{new['table']}", "Keep the name"
    for argument in ("partition_key", "clustering_key"):
        if new[argument] != old[argument]:
            yield (
                f"{argument} changes from ({', '.join(old[argument])}) to ({', '.join(new[argument])})",
                "Keep the key, or declare a second Table and copy the rows",
            )
    if new["static"] != old.get("static", []):
        yield (
            f"static changes from ({', '.join(old.get('static', []))}) to ({', '.join(new['static'])})",
            "Keep it, or put the column into a Table of its own",
        )
    for column, cql_type in sorted(old["columns"].items()):
        if column not in new["columns"]:
            yield f"column {column!r} is removed", "Keep it in columns and stop writing it"
        elif new["columns"][column] != cql_type:
            yield (
                f"column {column!r} changes from {cql_type} to {new['columns'][column]}",
                "Keep its type and add a column of another name",
            )
    if old["client_side_timestamps"] and not new["client_side_timestamps"]:
        yield "client_side_timestamps is turned off", "Keep it True"
