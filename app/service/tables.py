"""The task's tables as routes use them: what is read and written there, and how their rows look as JSON."""

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
    """As `keyspaces.database.Database`: what the kit needs of a database."""

    def describe(self) -> Description: ...

    def read(self, clauses: str = "") -> Read: ...

    def write(self, before: str, after: str, *, effect: Effect) -> Write: ...


class Tables:
    """The tables that a program uses, over one session; all share the limit on concurrent requests."""

    def __init__(
        self, access: Callable[[str], TableAccess], batches: WriteBatches, options: Options, watch: SchemaWatch
    ) -> None:
        """access: makes it for a table by the program's name for it."""
        self._access = access
        self._batches = batches
        self._options = options
        self._use = DatabaseUse(options, watch)

    def open(self, name: str) -> "Table":
        """The table of this name: `orders` is the one that the variable KEYSPACES_TABLE_ORDERS names.

        Blocks. Raises `keyspaces.target.UnknownTable` and the driver's errors.
        """
        return Table(self._access(name), self._options, self._use)

    def idempotency(self, name: str) -> Idempotency:
        """Idempotency keys that are kept in the table of this name.

        Blocks. Raises as `open`, and ValueError for a table with other columns.
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
        """Several writes, of one table or more: all of them happen, or none; as UNLOGGED, some may.

        Takes 100 at most, and 30 as UNLOGGED. LOGGED costs twice the write units, takes no counters and no two writes
        of one row (Keyspaces developer guide, "Batch statements"). Raises Problem, and ValueError for too many.
        """
        return await write_together(self._use, self._batches, writes, kind)


class Table:
    """A table. Its columns are those that it has when the program starts.

    The methods that prepare a statement are called once, at start: they block, and raise the driver's errors, and
    ValueError for a column that the table does not have.
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
        """Rows by the values of these columns; all rows without any."""
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
        """Writes the columns of a row, which is made if it does not exist. ttl: takes its seconds to live."""
        return self._write(cql.insert(self._description, columns, if_not_exists=if_not_exists, ttl=ttl))

    def update(
        self,
        *columns: str,
        where: Sequence[str] = (),
        only_if: Sequence[str] = (),
        add: Sequence[str] = (),
        ttl: bool = False,
    ) -> RowWrite:
        """Sets columns of the row, by default of the one with the primary key.

        only_if: columns that must have given values, else nothing is written. add: columns to which something is added:
        to a counter a number, to a list, a set or a map more of it.
        """
        return self._write(cql.update(self._description, columns, where=where, only_if=only_if, add=add, ttl=ttl))

    def delete(self, *where: str, only_if: Sequence[str] = ()) -> RowWrite:
        """Deletes the row, by default the one with the primary key. only_if: as for `update`."""
        return self._write(cql.delete(self._description, where=where, only_if=only_if))

    def represent(self, row: Mapping[str, Any]) -> Representation:
        """The representation of a row with these values; null in the columns that it leaves out."""
        values = [row.get(column.name) for column in self._description.columns]
        return Representation.of_json(self._json.one(tuple(values)))

    def row(self, name: str, *, about: str = "", **columns: Any) -> Content:
        """The content of a route that answers with one row. name: of its schema.

        columns: types that say more of a column than its CQL type, such as a pattern.
        """
        schema = self._schema(about or "A row of the table.", columns)
        reference = {"$ref": f"#/components/schemas/{name}"}
        return Content(media_type=JSON, schema=reference, description="The row.", components={name: schema})

    def rows(self, name: str, *, about: str = "", **columns: Any) -> Content:
        """The same for a route that gives a page of rows."""
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
            "description": f"{about} Columns may be added; ignore those you do not know.",
            "properties": properties,
            "required": list(properties),
            "examples": [{name: example_of(schema) for name, schema in properties.items()}],
        }
