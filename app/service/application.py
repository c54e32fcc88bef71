"""The ASGI application: a program's routes and the kit's own, and the layers that every request passes."""

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access_log import AccessLog
from service.documentation import About, documentation
from service.endpoints import Methods
from service.health import Health
from service.metrics import Metrics
from service.options import Options
from service.problems import NotFound, Problems
from service.routes import Route


def create_app(
    routes: Sequence[Route],
    *,
    about: About,
    options: Options,
    health: Health,
    metrics: Metrics,
    write: Callable[[bytes], object],
) -> ASGIApp:
    """write: takes the log's line of each request."""
    ours = [*routes, *health.routes()]
    paths = [*ours, *documentation(about, ours)]
    cache_control = b"public, max-age=%d" % options.cache_max_age if options.cache_max_age else b"no-cache"
    by_path = groupby(sorted(paths, key=lambda route: (route.path.count("{"), route.path)), lambda route: route.path)
    router = Router(
        [_Route(path, Methods(list(group), cache_control=cache_control)) for path, group in by_path],
        redirect_slashes=False,  # one address for each thing
        default=_not_found,
    )
    return AccessLog(Problems(router), metrics=metrics, write=write)


class _Route(StarletteRoute):
    """Starlette ends its pattern with `$`, which also matches before a line break at the end of the path."""

    def __init__(self, path: str, endpoint: ASGIApp) -> None:
        super().__init__(path, endpoint)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z")


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("There is nothing at this address; /docs lists the addresses.")
