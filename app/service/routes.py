"""Declares routes. The router, the checks of parameters and the OpenAPI document are derived from the declarations."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from service.idempotency import Idempotency
from service.parameters import Signature
from service.problems import Problem
from service.representations import JSON, Created, Listing, Representation
from service.responses import RawHeaders

Answer = Representation | Listing | Created | None
Handler = Callable[..., Awaitable[Answer]]
Node = dict[str, Any]
Problems = Mapping[type[Problem], str]

_STATUS: Mapping[Any, int] = {Created: 201, None: 204, NoneType: 204}


@dataclass(frozen=True, kw_only=True)
class Content:
    """The content of a route's answers: its media type, its JSON schema, and a sentence for people.

    components: schemas that `schema` refers to, by name. listing: the content has pages, linked by the header `Link`.
    conditional: answers have an entity tag and `Cache-Control`, and the request's `Accept` is checked; if False,
    answers are not cached and `Accept` is ignored. headers: of each answer.
    """

    media_type: str
    schema: Node
    description: str
    components: Mapping[str, Node] = field(default_factory=dict)
    listing: bool = False
    conditional: bool = True
    headers: RawHeaders = ()

    @property
    def is_json(self) -> bool:
        return self.media_type == JSON


NOTHING = Content(media_type="", schema={}, description="The change was made.", conditional=False)
"""The content of an answer without a body."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """path: with parameters in braces, such as `/orders/{id}`. problems: the handler's Problems, each with its cause.

    keys: the store of its requests' idempotency keys; None if they have none.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    answers: Content
    problems: Problems
    signature: Signature
    keys: Idempotency | None

    @property
    def status(self) -> int:
        """The status of a successful answer, from the handler's return type: 201 for Created, 204 for None, or 200."""
        return _STATUS.get(self.signature.returns, 200)


def get(path: str, summary: str, *, answers: Content, problems: Problems | None = None) -> Callable[[Handler], Route]:
    """Declares a GET route, which also answers HEAD and OPTIONS."""
    return _declare("GET", path, summary, answers, problems, None)


def post(
    path: str,
    summary: str,
    *,
    answers: Content = NOTHING,
    problems: Problems | None = None,
    keys: Idempotency | None = None,
) -> Callable[[Handler], Route]:
    """Declares a POST route.

    answers: leave it out for a handler that returns None. keys: stores each request's `Idempotency-Key`, for a handler
    with a parameter of type `IdempotentRequest`.
    """
    return _declare("POST", path, summary, answers, problems, keys)


def put(
    path: str, summary: str, *, answers: Content = NOTHING, problems: Problems | None = None
) -> Callable[[Handler], Route]:
    """Declares a PUT route. answers: as for `post`."""
    return _declare("PUT", path, summary, answers, problems, None)


def patch(
    path: str,
    summary: str,
    *,
    answers: Content = NOTHING,
    problems: Problems | None = None,
    keys: Idempotency | None = None,
) -> Callable[[Handler], Route]:
    """Declares a PATCH route. answers, keys: as for `post`."""
    return _declare("PATCH", path, summary, answers, problems, keys)


def delete(
    path: str, summary: str, *, answers: Content = NOTHING, problems: Problems | None = None
) -> Callable[[Handler], Route]:
    """Declares a DELETE route. answers: as for `post`."""
    return _declare("DELETE", path, summary, answers, problems, None)


def _declare(
    method: str, path: str, summary: str, answers: Content, problems: Problems | None, keys: Idempotency | None
) -> Callable[[Handler], Route]:
    def declare(handler: Handler) -> Route:
        signature = Signature(handler, path)
        if (signature.idempotent is None) != (keys is None):
            raise TypeError(f"{handler.__qualname__}: use `keys` together with a parameter of type IdempotentRequest")
        if method == "GET" and (signature.body or signature.if_match):
            raise TypeError(f"{handler.__qualname__}: a GET handler takes no body and no If-Match")
        return Route(
            method=method,
            path=path,
            summary=summary,
            handler=handler,
            answers=answers,
            problems=problems or {},
            signature=signature,
            keys=keys,
        )

    return declare
