"""Finds the routes of an address: fixed paths by a look-up, then templates in the order of their declaration.

Starlette's router tries all patterns in turn, and its patterns end in `$`, which also matches before a line break.
"""

import re
from collections.abc import Awaitable, Mapping
from typing import Final

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import NotFound

TEMPLATE: Final = "service.template"
"""Key of a scope: the path of the route that was found, with parameters in braces."""
TRACE_ID: Final = "service.trace_id"
"""Key of a scope: the id of the request's trace, as 32 hexadecimal digits; only in a task that traces."""


class Router:
    """ASGI application. Sets `path_params` and `TEMPLATE` in the scope; raises NotFound for an unknown address."""

    def __init__(self, paths: Mapping[str, ASGIApp]) -> None:
        self._fixed = {path: app for path, app in paths.items() if "{" not in path}
        self._templates = [(_pattern(path).fullmatch, path, app) for path, app in paths.items() if "{" in path]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"]
        app = self._fixed.get(path)
        if app is not None:
            scope["path_params"], scope[TEMPLATE] = {}, path
            return app(scope, receive, send)
        for match, template, app in self._templates:
            if found := match(path):
                scope["path_params"], scope[TEMPLATE] = found.groupdict(), template
                return app(scope, receive, send)
        raise NotFound("This address does not exist; /docs lists the addresses.")


def _pattern(path: str) -> re.Pattern[str]:
    regex, _, _ = compile_path(path)
    return re.compile(regex.pattern.removeprefix("^").removesuffix("$"))
