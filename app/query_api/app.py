"""The API: its routes, and what every request passes through."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from query_api.countries import Countries
from query_api.documentation import Documentation
from query_api.endpoints import CountryEndpoints
from query_api.health import Health
from query_api.metrics import Metrics
from query_api.observe import Observed
from query_api.options import Options
from query_api.problems import Problems


def create_app(
    countries: Countries,
    options: Options,
    health: Health,
    *,
    write: Callable[[bytes], object],
    metrics: Metrics,
) -> ASGIApp:
    """write: takes the log's line of each request."""
    router = Router(routes(countries, options, health), redirect_slashes=False)  # one address for each thing
    return Observed(Problems(router), metrics=metrics, write=write)


def routes(countries: Countries, options: Options, health: Health) -> list[Route]:
    """All of them; `openapi` describes each."""
    endpoints, documentation = CountryEndpoints(countries, options), Documentation(countries.columns, options)
    # The router tries one after the other.
    return [
        _get("/countries/{id}", endpoints.get),
        _get("/countries", endpoints.list),
        _get("/ping", health.ping),
        _get("/livez", health.livez),
        _get("/readyz", health.readyz),
        _get("/openapi.json", documentation.openapi),
        _get("/docs", documentation.docs),
    ]


def _get(path: str, respond: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, _Endpoint(respond), methods=["GET"])


class _Endpoint:
    """Starlette's own would look after errors for each route, which `Problems` does for all."""

    def __init__(self, respond: Callable[[Request], Awaitable[Response]]) -> None:
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope))
        await response(scope, receive, send)
