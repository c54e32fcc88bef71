"""A table's reads for routes: one row or a page, read once for all concurrent requests for the same."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from keyspaces.results import Row, RowPage
from service.coalescing import Coalescing
from service.cursors import BadCursor, Cursors
from service.database_use import DatabaseUse
from service.options import Options
from service.parameters import Page
from service.problems import BadRequest
from service.representations import Listing, Representation
from service.values import JsonRows

_ENTRY: Final = 200  # approximate bytes of a cached value besides its body


class Read(Protocol):
    """The interface of `keyspaces.reads.PreparedRead`."""

    def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> Awaitable[RowPage]: ...


class _Rows(NamedTuple):
    representation: Representation
    paging_state: bytes | None


class RowQuery:
    """The rows that have given values in some columns. Concurrent calls with the same values share one read."""

    def __init__(
        self,
        read: Read,
        columns: Sequence[str],
        json: JsonRows,
        *,
        use: DatabaseUse,
        cursors: Cursors,
        options: Options,
    ) -> None:
        """columns: of the rows."""
        self._read = read
        self._columns = columns
        self._json = json
        self._use = use
        self._cursors = cursors
        share, keep = options.share_reads, options.read_cache
        self._one = Coalescing(
            self._read_one, share=share, keep=keep, size=lambda one: _ENTRY + (len(one.body) if one else 0)
        )
        self._pages = Coalescing(
            self._read_page, share=share, keep=keep, size=lambda page: _ENTRY + len(page.representation.body)
        )

    def one(self, *values: Any) -> Awaitable[Representation | None]:
        """The row, if it exists. Raises Problem."""
        return self._one.get(values)

    async def row(self, *values: Any) -> Mapping[str, Any] | None:
        """The row's values by column, as a basis for a write: read anew for each call. Raises Problem."""
        rows = (await self._first(values)).rows
        return dict(zip(self._columns, rows[0], strict=True)) if rows else None

    async def page(self, page: Page, *values: Any) -> Listing:
        """Raises Problem."""
        paging_state = None
        if page.cursor is not None:
            try:
                paging_state = self._cursors.open(page.cursor, _context(values))
            except BadCursor as error:
                raise BadRequest(str(error)) from error
        rows = await self._pages.get((values, page.limit, paging_state))
        following = None
        if rows.paging_state is not None:
            following = self._cursors.seal(rows.paging_state, _context(values))
        return Listing(rows.representation, following)

    def written(self) -> None:
        """Drops cached answers and reads in progress, which may be older than the latest write."""
        self._one.renew()
        self._pages.renew()

    def _first(self, values: Sequence[Any]) -> Awaitable[RowPage]:
        return self._use.read(lambda deadline: self._read.execute(values, deadline=deadline))

    async def _read_one(self, values: tuple[Any, ...]) -> Representation | None:
        rows = (await self._first(values)).rows
        return Representation.of_json(self._json.one(rows[0])) if rows else None

    async def _read_page(self, key: tuple[tuple[Any, ...], int, bytes | None]) -> _Rows:
        values, limit, paging_state = key
        page = await self._use.read(lambda deadline: _page(self._read, values, deadline, limit, paging_state))
        return _Rows(Representation.of_json(self._json.many(page.rows)), page.paging_state)


def _context(values: Sequence[Any]) -> bytes:
    return repr(values).encode()


async def _page(read: Read, values: Sequence[Any], deadline: float, limit: int, paging_state: bytes | None) -> RowPage:
    """A page of `limit` rows, or fewer at the end of the list."""
    rows: list[Row] = []
    while True:
        page = await read.execute(values, deadline=deadline, fetch_size=limit - len(rows), paging_state=paging_state)
        rows.extend(page.rows)
        paging_state = page.paging_state
        # Keyspaces may return a short or empty page that is not the last (developer guide, "Paginating results").
        if paging_state is None or len(rows) >= limit:
            return RowPage(rows, paging_state)
