"""A service with every kind of write that the kit has; it is also a program."""

import datetime
import sys
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from service import (
    READING,
    WRITING,
    Conflict,
    Created,
    IdempotentRequest,
    IfMatch,
    Listing,
    NotFound,
    Page,
    Representation,
    Route,
    Tables,
    delete,
    get,
    patch,
    post,
    put,
    run,
)


class Shelf(Struct, forbid_unknown_fields=True):
    """A value of every type; each may be omitted or null."""

    a_bigint: int | UnsetType | None = UNSET
    a_blob: bytes | UnsetType | None = UNSET
    a_boolean: bool | UnsetType | None = UNSET
    a_date: datetime.date | UnsetType | None = UNSET
    a_decimal: Decimal | UnsetType | None = UNSET
    a_double: float | UnsetType | None = UNSET
    a_float: float | UnsetType | None = UNSET
    a_list: list[int] | UnsetType | None = UNSET
    a_map: dict[str, datetime.datetime] | UnsetType | None = UNSET
    a_set: list[str] | UnsetType | None = UNSET
    a_smallint: int | UnsetType | None = UNSET
    a_text: str | UnsetType | None = UNSET
    a_time: str | UnsetType | None = UNSET
    a_timestamp: str | UnsetType | None = UNSET
    a_timeuuid: uuid.UUID | UnsetType | None = UNSET
    a_tinyint: int | UnsetType | None = UNSET
    a_tuple: tuple[int, Decimal] | UnsetType | None = UNSET
    a_uuid: uuid.UUID | UnsetType | None = UNSET
    a_varint: int | UnsetType | None = UNSET
    an_inet: str | UnsetType | None = UNSET
    an_int: int | UnsetType | None = UNSET


class Text(Struct):
    a_text: Annotated[str, Meta(max_length=10)]


def routes(tables: Tables) -> Sequence[Route]:
    shelves, counts = tables.open("shelves"), tables.open("counts")
    columns = Shelf.__struct_fields__
    by_id, count_by_id = shelves.select("id"), counts.select("id")
    write, create = shelves.insert("id", *columns), shelves.insert("id", "a_text", if_not_exists=True)
    fleeting = shelves.insert("id", "a_text", ttl=True)
    change = shelves.update("a_text", only_if=["an_int"])
    more, remove = shelves.update(add=["a_list"]), shelves.delete()
    count = counts.update(add=["n"])
    shelf = shelves.row("Shelf")
    problems: Any = {NotFound: "", Conflict: "", **WRITING}

    @get("/shelves/{id}", "Get a shelf", answers=shelf, problems={NotFound: "", **READING})
    async def read(id: str) -> Representation:
        found = await by_id.one(id)
        if found is None:
            raise NotFound
        return found

    @get("/counts/{id}", "Get a count", answers=counts.rows("Count"), problems=READING)
    async def read_count(id: str, page: Page) -> Listing:
        return await count_by_id.page(page, id)

    @put("/shelves/{id}", "Write a shelf", answers=shelf, problems=problems)
    async def replace(id: str, body: Shelf, if_match: IfMatch) -> Representation:
        row = await by_id.row(id)
        if_match.check(shelves.represent(row) if row else None)
        await write(id=id, **{name: getattr(body, name) for name in columns})
        return shelves.represent(await by_id.row(id) or {})

    @post("/shelves/{id}", "Make a shelf, once", answers=shelf, problems=problems)
    async def make(id: str, body: Text) -> Created:
        made = await create(id=id, a_text=body.a_text)
        if not made:
            raise Conflict(f"There is one, with the text {made.row and made.row['a_text']}.")
        return Created(shelves.represent({"id": id, "a_text": body.a_text}), f"/shelves/{id}")

    @patch("/shelves/{id}", "Change the text, if the number is this one", problems=problems)
    async def retext(id: str, number: int, body: Text) -> None:
        changed = await change(id=id, a_text=body.a_text, if_an_int=number)
        if not changed:
            raise Conflict(f"The number is {changed.row and changed.row['an_int']}.")

    @post("/fleeting/{id}", "Make a shelf that is gone in a second", problems=problems)
    async def flash(id: str, body: Text) -> None:
        await fleeting(id=id, a_text=body.a_text, ttl=1)

    @post("/shelves/{id}/list", "Append to the list", problems=problems)
    async def append(id: str) -> None:
        await more(id=id, a_list=[7])

    @post("/counts/{id}", "Count", problems=problems)
    async def increase(id: str) -> None:
        await count(id=id, n=2)

    @post(
        "/moves/{id}",
        "Move a shelf, wholly or not at all",
        answers=shelf,
        problems=problems,
        keys=tables.idempotency("keys"),
    )
    async def move(id: str, to: str, body: Text, request: IdempotentRequest) -> Representation:
        await tables.together(remove.of(id=id), create_plain.of(id=to, a_text=body.a_text))
        return shelves.represent({"id": to, "a_text": body.a_text})

    create_plain = shelves.insert("id", "a_text")

    @post("/crowds/{id}", "Write more than one batch takes", problems=problems)
    async def crowd(id: str, size: int) -> None:
        await tables.together(*(create_plain.of(id=f"{id}{n}", a_text="x") for n in range(size)))

    @delete("/shelves/{id}", "Delete a shelf", problems=problems)
    async def clear(id: str) -> None:
        await remove(id=id)

    return [read, read_count, replace, make, retext, flash, append, increase, move, crowd, clear]


if __name__ == "__main__":
    sys.exit(run(routes, name="shelves", title="Shelves", version="1.0.0", about="Keeps values of every type."))
