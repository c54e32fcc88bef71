"""The kit that an HTTP service runs on: a program declares its routes and calls `run`.

    def routes(tables: Tables) -> Sequence[Route]:
        table = tables.open("things")
        by_id = table.select("id")

        @get("/things/{id}", "Get one thing", answers=table.row("Thing"), problems=READING)
        async def thing(id: str) -> Representation: ...

        return [thing]

    sys.exit(run(routes, name="things", title="Things", version="1.0.0", about="Reads a table of things."))

Errors:

problems.Problem          an error that the client gets as a response; `service.problems` lists its subclasses
cursors.BadCursor         a cursor belongs to another list, or has expired; the kit answers with BadRequest
http.server.CannotListen  the address is in use or not this machine's; `run` prints the error and returns 1
"""

from keyspaces.writes import Applied
from service.idempotency import IdempotentRequest
from service.parameters import Page
from service.preconditions import IfMatch
from service.problems import (
    BadRequest,
    Conflict,
    NotFound,
    PreconditionFailed,
    Problem,
    UnprocessableContent,
    WriteOutcomeUnknown,
)
from service.program import run
from service.representations import Created, Listing, Representation
from service.routes import Content, Route, delete, get, patch, post, put
from service.tables import READING, WRITING, Table, Tables

__all__ = [
    "READING",
    "WRITING",
    "Applied",
    "BadRequest",
    "Conflict",
    "Content",
    "Created",
    "IdempotentRequest",
    "IfMatch",
    "Listing",
    "NotFound",
    "Page",
    "PreconditionFailed",
    "Problem",
    "Representation",
    "Route",
    "Table",
    "Tables",
    "UnprocessableContent",
    "WriteOutcomeUnknown",
    "delete",
    "get",
    "patch",
    "post",
    "put",
    "run",
]
