"""The kit that an HTTP service runs on: a program declares its routes and calls `run`.

    def routes(tables: Tables) -> Sequence[Route]:
        table = tables.open()
        by_id = table.select("id")

        @get("/things/{id}", "Get one thing", answers=table.row("Thing"), problems=READING)
        async def thing(id: str) -> Representation: ...

        return [thing]

    sys.exit(run(routes, name="things", title="Things", version="1.0.0", about="Reads a table of things."))

Errors:

problems.Problem        an error that the client is told; `service.problems` lists its kinds
cursors.BadCursor       a cursor is not of this list, or has expired; the kit answers it as a BadRequest
http.server.CannotListen  the address is taken; `run` says so and returns 1
"""

from service.parameters import Page
from service.problems import BadRequest, NotFound, Problem
from service.program import run
from service.representations import Listing, Representation
from service.routes import Content, Route, get
from service.tables import READING, Table, Tables

__all__ = [
    "READING",
    "BadRequest",
    "Content",
    "Listing",
    "NotFound",
    "Page",
    "Problem",
    "Representation",
    "Route",
    "Table",
    "Tables",
    "get",
    "run",
]
