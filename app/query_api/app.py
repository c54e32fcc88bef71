"""The API: its routes, and what every request passes through."""

import sys
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from query_api.countries import Countries
from query_api.documentation import Documentation
from query_api.endpoints import CountryEndpoints
from query_api.health import Health
from query_api.metrics import Metrics, NoMetrics
from query_api.observe import Observed
from query_api.options import Options
from query_api.problems import HANDLERS


def create_app(
    countries: Countries,
    options: Options,
    health: Health,
    *,
    metrics: Metrics | None = None,
    write: Callable[[bytes], object] = lambda line: sys.stdout.buffer.write(line),
) -> ASGIApp:
    """write: takes the log's line of each request."""
    app = Starlette(routes=routes(countries, options, health), exception_handlers=HANDLERS)
    app.router.redirect_slashes = False  # one address for each thing
    return Observed(app, metrics=metrics or NoMetrics(), write=write)


def routes(countries: Countries, options: Options, health: Health) -> list[Route]:
    """All of them; `openapi` describes each."""
    endpoints, documentation = CountryEndpoints(countries, options), Documentation(countries.columns, options)
    return [
        Route("/ping", health.ping),
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/countries", endpoints.list),
        Route("/countries/{id}", endpoints.get),
        Route("/openapi.json", documentation.openapi),
        Route("/docs", documentation.docs),
    ]
