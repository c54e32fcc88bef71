"""A second team's read-only service over its own table, complete; it is also a program."""

import sys
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from service import READING, Listing, NotFound, Page, Representation, Route, Tables, get, run

Id = Annotated[str, Meta(pattern="^[a-z]{2}$", description="Two letters from a to z.", examples=["ab"])]


def routes(tables: Tables) -> Sequence[Route]:
    table = tables.open("things")
    by_id, everything = table.select("id"), table.select()

    @get(
        "/things/{id}",
        "Get one thing",
        answers=table.row("Thing", id=Id),
        problems={NotFound: "There is no such thing.", **READING},
    )
    async def thing(id: Id) -> Representation:
        found = await by_id.one(id)
        if found is None:
            raise NotFound(f"There is no thing {id!r}.")
        return found

    @get("/things", "List things", answers=table.rows("Thing", id=Id), problems=READING)
    async def things(page: Page) -> Listing:
        return await everything.page(page)

    return [things, thing]


if __name__ == "__main__":
    sys.exit(run(routes, name="things", title="Things", version="1.0.0", about="Reads a table of things."))
