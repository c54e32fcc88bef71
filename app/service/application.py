"""The ASGI application: the program's routes, the kit's routes, and the middleware around them."""

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from service.access_log import AccessLog
from service.documentation import About, documentation
from service.endpoints import Methods
from service.health import Health
from service.metrics import Metrics
from service.options import Options
from service.problems import Problems
from service.router import Router
from service.routes import Route


def create_app(
    routes: Sequence[Route],
    *,
    about: About,
    options: Options,
    health: Health,
    metrics: Metrics,
    write: Callable[[bytes], object],
    trace: Callable[[ASGIApp], ASGIApp] | None = None,
) -> ASGIApp:
    """write: receives the access log's lines. trace: a middleware that makes a span for each request."""
    ours = [*routes, *health.routes()]
    cache_control = b"public, max-age=%d" % options.cache_max_age if options.cache_max_age else b"no-cache"
    by_path: dict[str, list[Route]] = {}
    for route in [*ours, *documentation(about, ours)]:
        by_path.setdefault(route.path, []).append(route)
    router = Router({path: Methods(of_path, cache_control=cache_control) for path, of_path in by_path.items()})
    app: ASGIApp = Problems(router)
    return AccessLog(trace(app) if trace else app, metrics=metrics, write=write)
