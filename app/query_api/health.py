"""Whether the process lives and takes requests. None of them asks the database: a fault that all tasks share must not
take them all out of service (AWS Builders' Library, "Implementing health checks")."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from query_api.requests import parameters


class Health:
    """Ready once the table could be read, until SIGTERM."""

    def __init__(self) -> None:
        self.ready = False

    async def ping(self, request: Request) -> Response:
        """For the load balancer."""
        parameters(request)
        return PlainTextResponse("pong\n", headers={"Cache-Control": "no-store"})

    async def livez(self, request: Request) -> Response:
        """The process answers."""
        parameters(request)
        return PlainTextResponse("live\n", headers={"Cache-Control": "no-store"})

    async def readyz(self, request: Request) -> Response:
        """It should get requests. Raises HTTPException 503 while it should not."""
        parameters(request)
        if not self.ready:
            raise HTTPException(503, "This task takes no more requests; others do.")
        return PlainTextResponse("ready\n", headers={"Cache-Control": "no-store"})
