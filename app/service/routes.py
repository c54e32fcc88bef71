"""A route, declared once: the router, the checks of its parameters and its description follow from it."""

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

    components: schemas that `schema` refers to, by name. listing: it comes in pages, linked by the header `Link`.
    conditional: it has an entity tag and `Cache-Control`, and the request's `Accept` is checked; without, it is for the
    moment and for everyone. headers: of each answer.
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


NOTHING = Content(media_type="", schema={}, description="It is done.", conditional=False)
"""The content of an answer without one."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """path: with parameters in braces, such as `/orders/{id}`. problems: that the handler raises, and when it does.

    keys: where the idempotency keys of its requests are; None if they have none.
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
        """Of an answer without a problem; the handler's return type says it: 201 for Created, 204 for None."""
        return _STATUS.get(self.signature.returns, 200)


def get(path: str, summary: str, *, answers: Content, problems: Problems | None = None) -> Callable[[Handler], Route]:
    """Makes a handler of GET a route; HEAD and OPTIONS follow."""
    return _declare("GET", path, summary, answers, problems, None)


def post(
    path: str,
    summary: str,
    *,
    answers: Content = NOTHING,
    problems: Problems | None = None,
    keys: Idempotency | None = None,
) -> Callable[[Handler], Route]:
    """Makes a handler of POST a route.

    answers: nothing, for a handler that returns None. keys: keeps each request's `Idempotency-Key`, for a handler with
    a parameter of type `IdempotentRequest`.
    """
    return _declare("POST", path, summary, answers, problems, keys)


def put(
    path: str, summary: str, *, answers: Content = NOTHING, problems: Problems | None = None
) -> Callable[[Handler], Route]:
    """Makes a handler of PUT a route. answers: as for `post`."""
    return _declare("PUT", path, summary, answers, problems, None)


def patch(
    path: str,
    summary: str,
    *,
    answers: Content = NOTHING,
    problems: Problems | None = None,
    keys: Idempotency | None = None,
) -> Callable[[Handler], Route]:
    """Makes a handler of PATCH a route. answers, keys: as for `post`."""
    return _declare("PATCH", path, summary, answers, problems, keys)


def delete(
    path: str, summary: str, *, answers: Content = NOTHING, problems: Problems | None = None
) -> Callable[[Handler], Route]:
    """Makes a handler of DELETE a route. answers: as for `post`."""
    return _declare("DELETE", path, summary, answers, problems, None)


def _declare(
    method: str, path: str, summary: str, answers: Content, problems: Problems | None, keys: Idempotency | None
) -> Callable[[Handler], Route]:
    def declare(handler: Handler) -> Route:
        signature = Signature(handler, path)
        if (signature.idempotent is None) != (keys is None):
            raise TypeError(f"{handler.__qualname__}: a parameter of type IdempotentRequest and `keys` go together")
        if method == "GET" and (signature.body or signature.if_match):
            raise TypeError(f"{handler.__qualname__}: GET has no body and no If-Match")
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
