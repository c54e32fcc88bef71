"""The task's tables for routes: their reads and writes, and the JSON of their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import msgspec

from keyspaces.database import Description
from keyspaces.execute import BatchKind
from keyspaces.statements import Effect
from keyspaces.writes import Applied
from service import cql
from service.cursors import Cursors
from service.database_use import DatabaseUse
from service.idempotency import COLUMNS, Idempotency
from service.options import Options
from service.parameters import LIMIT_AT_MOST
from service.problems import GatewayTimeout, Problem, ServiceUnavailable, UnprocessableContent, WriteOutcomeUnknown
from service.queries import Read, RowQuery
from service.representations import JSON, Representation
from service.routes import Content, Node
from service.schema_watch import SchemaWatch
from service.values import JsonRows, example_of, nullable, schema_of
from service.writes import BoundWrite, RowWrite, Write, WriteBatches, write_together

READING: Final[Mapping[type[Problem], str]] = {ServiceUnavailable: "", GatewayTimeout: ""}
"""Problems of each route that reads a table."""
WRITING: Final[Mapping[type[Problem], str]] = {
    **READING,
    UnprocessableContent: "",
    WriteOutcomeUnknown: "",
}
"""Problems of each route that writes to a table."""


class TableAccess(Protocol):
    """The part of `keyspaces.database.Database` that the kit uses."""

    def describe(self) -> Description: ...

    def read(self, clauses: str = "") -> Read: ...

    def write(self, before: str, after: str, *, effect: Effect) -> Write: ...


class Tables:
    """The program's tables. They share one session and one limit on concurrent requests."""

    def __init__(
        self, access: Callable[[str], TableAccess], batches: WriteBatches, options: Options, watch: SchemaWatch
    ) -> None:
        """access: opens a table by the program's name for it."""
        self._access = access
        self._batches = batches
        self._options = options
        self._use = DatabaseUse(options, watch)

    def open(self, name: str) -> "Table":
        """Opens a table: `orders` is the table that the variable KEYSPACES_TABLE_ORDERS names.

        Blocks. Raises `keyspaces.target.UnknownTable` and the driver's errors.
        """
        return Table(self._access(name), self._options, self._use)

    def idempotency(self, name: str) -> Idempotency:
        """A store of idempotency keys in the table of this name.

        Blocks. Raises the errors of `open`, and ValueError for a table with other columns.
        """
        table = self.open(name)
        found = {column.name: column.cql_type for column in table.description.columns}
        if found != COLUMNS or list(table.description.key) != ["key"]:
            raise ValueError(
                f"{table.description.name} has the columns {found}; idempotency keys need {COLUMNS}, by key"
            )
        return Idempotency(
            table.insert("key", "fingerprint", "id", if_not_exists=True),
            table.insert(*COLUMNS),
        )

    async def together(self, *writes: BoundWrite, kind: BatchKind = "LOGGED") -> Applied:
        """Executes a batch of writes, of one table or more. LOGGED makes all of them or none; UNLOGGED may make some.

        A LOGGED batch has 100 writes at most, an UNLOGGED one 30. LOGGED costs twice the write units, and allows no
        counters and no two writes of one row (Keyspaces developer guide, "Batch statements"). Raises Problem, and
        ValueError for too many writes.
        """
        return await write_together(self._use, self._batches, writes, kind)


class Table:
    """A table, with the columns that it had when the program started.

    Call the methods that prepare a statement once, at start. They block, and raise the driver's errors, and ValueError
    for a column that the table does not have.
    """

    def __init__(self, access: TableAccess, options: Options, use: DatabaseUse) -> None:
        self._access = access
        self._options = options
        self._use = use
        self._description = access.describe()
        self._json = JsonRows(self._description.columns)
        self._queries: list[RowQuery] = []

    @property
    def description(self) -> Description:
        return self._description

    def select(self, *where: str) -> RowQuery:
        """Selects rows by the values of these columns; all rows without columns."""
        clause = cql.where_clause(where)
        query = f"{self._description.name} {clause} {self._description.columns}"
        made = RowQuery(
            self._access.read(clause),
            [column.name for column in self._description.columns],
            self._json,
            use=self._use,
            cursors=Cursors(self._options.cursor_key, query=query, cached=self._options.cache_max_age),
            options=self._options,
        )
        self._queries.append(made)
        return made

    def insert(self, *columns: str, if_not_exists: bool = False, ttl: bool = False) -> RowWrite:
        """Writes columns of a row, and creates the row if needed. ttl: the write takes a time to live, in seconds."""
        return self._write(cql.insert(self._description, columns, if_not_exists=if_not_exists, ttl=ttl))

    def update(
        self,
        *columns: str,
        where: Sequence[str] = (),
        only_if: Sequence[str] = (),
        add: Sequence[str] = (),
        ttl: bool = False,
    ) -> RowWrite:
        """Sets columns of the row with the given values in `where`, by default the primary key.

        only_if: columns that must have given values; otherwise nothing is written. add: columns to which a value is
        added: a number to a counter, or elements to a list, a set or a map.
        """
        return self._write(cql.update(self._description, columns, where=where, only_if=only_if, add=add, ttl=ttl))

    def delete(self, *where: str, only_if: Sequence[str] = ()) -> RowWrite:
        """Deletes the row with the given values in `where`, by default the primary key. only_if: as for `update`."""
        return self._write(cql.delete(self._description, where=where, only_if=only_if))

    def represent(self, row: Mapping[str, Any]) -> Representation:
        """The representation of a row with these values; missing columns are null."""
        values = [row.get(column.name) for column in self._description.columns]
        return Representation.of_json(self._json.one(tuple(values)))

    def row(self, name: str, *, about: str = "", **columns: Any) -> Content:
        """The content of a route that answers with one row. name: of its schema.

        columns: types with constraints that a column's CQL type does not have, such as a pattern.
        """
        schema = self._schema(about or "A row of the table.", columns)
        reference = {"$ref": f"#/components/schemas/{name}"}
        return Content(media_type=JSON, schema=reference, description="The row.", components={name: schema})

    def rows(self, name: str, *, about: str = "", **columns: Any) -> Content:
        """As `row`, for a route that answers with a page of rows."""
        one = self.row(name, about=about, **columns)
        array = {"type": "array", "items": one.schema, "maxItems": LIMIT_AT_MOST}
        return replace(one, schema=array, description="A page of rows.", listing=True)

    def _write(self, made: cql.WriteCql) -> RowWrite:
        write = self._access.write(made.before, made.after, effect=made.effect)
        return RowWrite(self._use, write, made.names, written=self._written)

    def _written(self) -> None:
        for query in self._queries:
            query.written()

    def _schema(self, about: str, more: Mapping[str, Any]) -> Node:
        properties = {}
        for column in self._description.columns:
            schema = msgspec.json.schema(more[column.name]) if column.name in more else schema_of(column.cql_type)
            properties[column.name] = schema if column.name in self._description.key else nullable(schema)
        return {
            "type": "object",
            "description": f"{about} More columns may be added; ignore unknown ones.",
            "properties": properties,
            "required": list(properties),
            "examples": [{name: example_of(schema) for name, schema in properties.items()}],
        }
