"""The routes of the countries API."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from service import READING, Listing, NotFound, Page, Representation, Route, Tables, get

Id = Annotated[str, Meta(pattern="^[a-z]{2}$", description="Two letters from a to z.", examples=["us"])]


def routes(tables: Tables) -> Sequence[Route]:
    table = tables.open("countries")
    by_id, everything = table.select("id"), table.select()

    @get(
        "/countries/{id}",
        "Get one country",
        answers=table.row("Country", id=Id),
        problems={NotFound: "There is no such country.", **READING},
    )
    async def country(id: Id) -> Representation:
        found = await by_id.one(id)
        if found is None:
            raise NotFound(f"There is no country {id!r}.")
        return found

    @get("/countries", "List countries", answers=table.rows("Country", id=Id), problems=READING)
    async def countries(page: Page) -> Listing:
        return await everything.page(page)

    return [countries, country]
