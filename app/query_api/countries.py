"""The countries, as the API reads them from their table."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra.cluster import ResponseFuture, Session
from cassandra.query import BoundStatement, PreparedStatement

from keyspaces.session import DRIVER_ERRORS, describe, open_session
from keyspaces.target import Target

Country = dict[str, Any]

# A connection takes 32,768 statements at once; at more, the driver would make the caller wait for a free one.
_STATEMENTS_AT_ONCE = 10_000


class CountriesUnavailable(Exception):
    """The table cannot be read at the moment."""


class Countries:
    """The rows of one table. Its columns are whatever the table has, in the order CQL gives them."""

    def __init__(self, session: Session, target: Target) -> None:
        """Prepares its statements. Blocks. Raises the driver's errors."""
        self._session = session
        # The columns are named, not `*`: with `*`, protocol 4 misreads rows once another client has prepared the
        # statement again after a column was added (CASSANDRA-10786).
        everything = session.prepare(f"SELECT * FROM {target.cql_name}")
        columns = ", ".join(f'"{column[2]}"' for column in everything.result_metadata)
        self._all: PreparedStatement = session.prepare(f"SELECT {columns} FROM {target.cql_name}")
        self._one: PreparedStatement = session.prepare(f"SELECT {columns} FROM {target.cql_name} WHERE id = ?")
        self._slots = asyncio.Semaphore(_STATEMENTS_AT_ONCE)

    def check(self) -> None:
        """Reads once, at the consistency all reads have. Blocks. Raises the driver's errors."""
        self._session.execute(self._one.bind(["-"]))

    async def all(self) -> list[Country]:
        """Every country. Raises CountriesUnavailable."""
        return await self._fetch(self._all.bind([]))

    async def one(self, id_: str) -> Country | None:
        """The country of this id, if there is one. Raises CountriesUnavailable."""
        rows = await self._fetch(self._one.bind([id_]))
        return rows[0] if rows else None

    async def _fetch(self, statement: BoundStatement) -> list[Country]:
        async with self._slots:
            try:
                return await _rows(self._session.execute_async(statement))
            except DRIVER_ERRORS as error:
                raise CountriesUnavailable(describe(error)) from error


@contextmanager
def open_countries(target: Target, *, patience: float) -> Iterator[Countries]:
    """Yields once a read has succeeded. Blocks; raises `keyspaces.session.Unreachable` after `patience` seconds."""

    def first_use(session: Session) -> Countries:
        countries = Countries(session, target)
        countries.check()
        return countries

    with open_session(target, patience=patience, first_use=first_use) as (_, countries):
        yield countries


def _rows(response: ResponseFuture) -> "asyncio.Future[list[Country]]":
    """All pages of a response. The driver's thread hands them over; the event loop never waits for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[Country]] = loop.create_future()
    rows: list[Country] = []

    def finish(error: BaseException | None) -> None:
        if done.done():  # the request was cancelled meanwhile
            return
        if error is None:
            done.set_result(rows)
        else:
            done.set_exception(error)

    def on_page(page: list[Country]) -> None:
        rows.extend(page or [])
        # A page may be short, or empty, and not the last (developer guide, "Paginating results").
        if response.has_more_pages and not done.done():
            response.start_fetching_next_page()
        else:
            loop.call_soon_threadsafe(finish, None)

    response.add_callbacks(on_page, lambda error: loop.call_soon_threadsafe(finish, error))
    return done
