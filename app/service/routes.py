"""A route, declared once: the router, the checks of its parameters and its description follow from it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.parameters import Signature
from service.problems import Problem
from service.representations import JSON, Listing, Representation
from service.responses import RawHeaders

Answer = Representation | Listing
Handler = Callable[..., Awaitable[Answer]]
Node = dict[str, Any]


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


@dataclass(frozen=True, kw_only=True)
class Route:
    """path: with parameters in braces, such as `/orders/{id}`. problems: that the handler raises, and when it does."""

    method: str
    path: str
    summary: str
    handler: Handler
    answers: Content
    problems: Mapping[type[Problem], str]
    signature: Signature


def get(
    path: str, summary: str, *, answers: Content, problems: Mapping[type[Problem], str] | None = None
) -> Callable[[Handler], Route]:
    """Makes a handler of GET a route; HEAD and OPTIONS follow."""

    def declare(handler: Handler) -> Route:
        return Route(
            method="GET",
            path=path,
            summary=summary,
            handler=handler,
            answers=answers,
            problems=problems or {},
            signature=Signature(handler, path),
        )

    return declare
