"""The countries, as the API reads them from their table."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session

from keyspaces.reads import Observer, PreparedRead
from keyspaces.session import DRIVER_ERRORS, describe, open_session_on_loop
from keyspaces.target import Target

Country = tuple[Any, ...]
"""Values in the order of `Countries.columns`."""


class CountriesUnavailable(Exception):
    """The table cannot be read at the moment."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """cql_type: as CQL writes it, such as `int` or `list<text>`."""

    name: str
    cql_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryPage:
    """paging_state: where the next page begins; None after the last one."""

    countries: Sequence[Country]
    paging_state: bytes | None


class Countries:
    """The rows of one table. Its columns are whatever the table has, in the order CQL gives them."""

    def __init__(self, session: Session, target: Target, *, observe: Observer) -> None:
        """Prepares its statements and reads once. Blocks. Raises the driver's errors."""
        # The columns are named, not `*`: with `*`, protocol 4 misreads rows once another client has prepared the
        # statement again after a column was added (CASSANDRA-10786).
        described = session.prepare(f"SELECT * FROM {target.cql_name}").result_metadata
        self.columns = [Column(name=column[2], cql_type=column[3].cql_parameterized_type()) for column in described]
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        self.query = f"SELECT {names} FROM {target.cql_name}"
        self._all = PreparedRead(session, self.query, observe=observe)
        self._one = PreparedRead(session, f"{self.query} WHERE id = ?", observe=observe)
        self._one.check(["-"])

    async def one(self, id_: str, *, deadline: float) -> Country | None:
        """The country of this id, if there is one. Raises CountriesUnavailable and keyspaces.reads.DeadlineExceeded."""
        try:
            page = await self._one.execute([id_], deadline=deadline)
        except DRIVER_ERRORS as error:
            raise CountriesUnavailable(describe(error)) from error
        return page.rows[0] if page.rows else None

    async def page(self, *, limit: int, paging_state: bytes | None, deadline: float) -> CountryPage:
        """`limit` countries, or all that are left. Raises as `one` does."""
        countries: list[Country] = []
        try:
            while True:
                page = await self._all.execute(
                    [], deadline=deadline, fetch_size=limit - len(countries), paging_state=paging_state
                )
                countries.extend(page.rows)
                paging_state = page.paging_state
                # A page may be short, or empty, and not the last (developer guide, "Paginating results").
                if paging_state is None or len(countries) >= limit:
                    return CountryPage(countries=countries, paging_state=paging_state)
        except DRIVER_ERRORS as error:
            raise CountriesUnavailable(describe(error)) from error


@asynccontextmanager
async def open_countries(target: Target, *, patience: float, observe: Observer) -> AsyncIterator[Countries]:
    """Yields once a read has succeeded. Raises `keyspaces.session.Unreachable` after `patience` seconds.

    observe: is told of each statement.
    """

    def first_use(session: Session) -> Countries:
        return Countries(session, target, observe=observe)

    async with open_session_on_loop(target, patience=patience, first_use=first_use) as (_, countries):
        yield countries
