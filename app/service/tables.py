"""The task's table as routes use it: its rows as JSON, read once for all requests that ask for the same."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

import msgspec

from keyspaces.database import Description
from keyspaces.reads import DeadlineExceeded
from keyspaces.results import Row, RowPage, SchemaChanged
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.types import Unrepresentable
from service.coalescing import Coalescing
from service.concurrency_limit import ConcurrencyLimit
from service.cursors import BadCursor, Cursors
from service.options import Options
from service.parameters import LIMIT_AT_MOST, Page
from service.problems import BadRequest, GatewayTimeout, InternalServerError, Problem, ServiceUnavailable
from service.representations import JSON, Listing, Representation
from service.routes import Content, Node
from service.schema_watch import SchemaWatch
from service.values import JsonRows, example_of, nullable, schema_of

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

READING: Final[Mapping[type[Problem], str]] = {ServiceUnavailable: "", GatewayTimeout: ""}
"""Problems of each route that reads the table."""

_ENTRY: Final = 200  # bytes of a cached value besides its body, about


class Read(Protocol):
    """As `keyspaces.reads.PreparedRead`."""

    async def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> RowPage: ...


class TableAccess(Protocol):
    """As `keyspaces.database.Database`: what the kit needs of a database."""

    def describe(self) -> Description: ...

    def read(self, clauses: str = "") -> Read: ...


@dataclass(frozen=True, slots=True)
class _Rows:
    representation: Representation
    paging_state: bytes | None


class Tables:
    """The tables that a program uses, over one session; all share the limit on concurrent requests."""

    def __init__(self, access: Callable[[str], TableAccess], options: Options, watch: SchemaWatch) -> None:
        """access: makes it for a table by name; for the table that the environment names without one."""
        self._access = access
        self._options = options
        self._watch = watch
        self._limit = ConcurrencyLimit(options.concurrency)

    def open(self, name: str = "") -> "Table":
        """The table of this name in the task's keyspace; without a name, the one that the environment names.

        Blocks. Raises the driver's errors.
        """
        return Table(self._access(name), self._options, self._limit, self._watch)


class Table:
    """A table's rows as JSON. Its columns are those that the table has when the program starts."""

    def __init__(self, access: TableAccess, options: Options, limit: ConcurrencyLimit, watch: SchemaWatch) -> None:
        self._access = access
        self._options = options
        self._limit = limit
        self._watch = watch
        self._description = access.describe()
        self._json = JsonRows(self._description.columns)

    def select(self, *where: str) -> "RowQuery":
        """Rows by the values of these columns; all rows without any. Blocks. Raises the driver's errors."""
        clause = "WHERE " + " AND ".join(f'"{column}" = ?' for column in where) if where else ""
        return RowQuery(self, self._access.read(clause), clause)

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

    async def read(
        self, read: Read, values: Sequence[Any], limit: int | None = None, paging_state: bytes | None = None
    ) -> RowPage:
        """One row, or `limit` rows, fewer only at the end. Raises Problem."""
        deadline = asyncio.get_running_loop().time() + self._options.deadline
        async with self._limit:
            try:
                if limit is None:
                    return await read.execute(values, deadline=deadline)
                return await _page(read, values, deadline, limit, paging_state)
            except DeadlineExceeded as error:
                raise GatewayTimeout("The table was not read in time; try again.", reason=str(error)) from error
            except SchemaChanged as error:
                self._watch.changed(str(error))
                raise ServiceUnavailable("The table has changed; try again.", reason=str(error)) from error
            except Unrepresentable as error:
                raise InternalServerError("A value in this answer is too large.", reason=str(error)) from error
            except DRIVER_ERRORS as error:
                reason = f"the table cannot be read: {describe(error)}"
                raise ServiceUnavailable("The table cannot be read at the moment; try again.", reason=reason) from error

    @property
    def json(self) -> JsonRows:
        return self._json

    def coalescing(self, read: Callable[[K], Awaitable[V]], size: Callable[[V], int]) -> Coalescing[K, V]:
        options = self._options
        return Coalescing(read, share=options.share_reads, keep=options.read_cache, size=lambda v: _ENTRY + size(v))

    def cursors(self, clause: str) -> Cursors:
        """Of one query of this table with these columns."""
        query = f"{self._description.name} {clause} {self._description.columns}"
        return Cursors(self._options.cursor_key, query=query, cached=self._options.cache_max_age)


class RowQuery:
    """The rows that have given values in some columns. Concurrent calls with the same values share one read."""

    def __init__(self, table: Table, read: Read, clause: str) -> None:
        self._table = table
        self._read = read
        self._cursors = table.cursors(clause)
        self._one = table.coalescing(self._read_one, lambda one: len(one.body) if one else 0)
        self._pages = table.coalescing(self._read_page, lambda page: len(page.representation.body))

    async def one(self, *values: Any) -> Representation | None:
        """The row, if it exists. Raises Problem."""
        return await self._one.get(values)

    async def page(self, page: Page, *values: Any) -> Listing:
        """Raises Problem."""
        context = repr(values).encode()
        try:
            paging_state = None if page.cursor is None else self._cursors.open(page.cursor, context)
        except BadCursor as error:
            raise BadRequest(str(error)) from error
        rows = await self._pages.get((values, page.limit, paging_state))
        following = None if rows.paging_state is None else self._cursors.seal(rows.paging_state, context)
        return Listing(rows.representation, following)

    async def _read_one(self, values: tuple[Any, ...]) -> Representation | None:
        rows = (await self._table.read(self._read, values)).rows
        return Representation.of_json(self._table.json.one(rows[0])) if rows else None

    async def _read_page(self, key: tuple[tuple[Any, ...], int, bytes | None]) -> _Rows:
        values, limit, paging_state = key
        page = await self._table.read(self._read, values, limit, paging_state)
        return _Rows(Representation.of_json(self._table.json.many(page.rows)), page.paging_state)


async def _page(read: Read, values: Sequence[Any], deadline: float, limit: int, paging_state: bytes | None) -> RowPage:
    rows: list[Row] = []
    while True:
        page = await read.execute(values, deadline=deadline, fetch_size=limit - len(rows), paging_state=paging_state)
        rows.extend(page.rows)
        paging_state = page.paging_state
        # A page may be short, or empty, and not the last (developer guide, "Paginating results").
        if paging_state is None or len(rows) >= limit:
            return RowPage(rows, paging_state)
