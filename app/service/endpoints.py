"""Calls a route's handler with the request's parameters, body and conditions, and makes the response."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.types import Receive, Scope, Send

from service.idempotency import IdempotentRequest, fingerprint, key_of
from service.parameters import PRETTY
from service.preconditions import IfMatch
from service.problems import MethodNotAllowed
from service.representations import Created, Listing
from service.requests import check_accepts, query
from service.responses import RawHeaders, RawResponse
from service.routes import Answer, Route

_IN_A_LINK = "/%:@!$&'()*+,;=-._~"
_NO_STORE: Final = b"no-store"
_NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})


class Endpoint:
    """Answers requests to one route."""

    def __init__(self, route: Route, *, cache_control: bytes) -> None:
        self._route = route
        self._handler = route.handler
        self._signature = route.signature
        self._arguments = route.signature.arguments
        self._reads = route.method == "GET"
        self._may_be_pretty = route.answers.is_json
        self._known = [each.name for each in route.signature.parameters if each.place == "query"]
        if self._may_be_pretty:
            self._known.append(PRETTY.name)
        self._conditional = route.answers.conditional
        self._media_type = route.answers.media_type
        known = cache_control if self._reads and self._conditional else _NO_STORE
        self._headers = ((b"cache-control", known), *route.answers.headers)

    async def __call__(self, scope: Scope, receive: Receive) -> RawResponse:
        """Raises Problem."""
        if_none_match = self._check_headers(scope["headers"]) if self._conditional else None
        given: Mapping[str, str] = query(scope, self._known) if scope["query_string"] else _NO_QUERY
        pretty = bool(given) and self._may_be_pretty and _wants_pretty(given.get(PRETTY.name))
        arguments = self._arguments(scope["path_params"], given)
        answer = await (self._handler(**arguments) if self._reads else self._change(scope, receive, arguments))
        if answer is None:
            return RawResponse(204, [(b"cache-control", _NO_STORE)])
        headers: RawHeaders = self._headers
        status = 200
        if isinstance(answer, Listing):
            if answer.next_cursor is not None:
                headers = (*headers, (b"link", _link_to_next(scope, given, answer.next_cursor)))
            answer = answer.representation
        elif isinstance(answer, Created):
            status = 201
            headers = (*headers, (b"location", quote(answer.location, safe=_IN_A_LINK).encode()))
            answer = answer.representation
        if pretty:
            answer = answer.pretty()
        if not self._conditional:
            return RawResponse(status, (*answer.content, *headers), answer.body)
        if if_none_match is not None and self._reads and answer.matches(if_none_match):
            return RawResponse(304, (*headers, (b"etag", answer.etag)))
        return RawResponse(status, (*answer.tagged, *headers), answer.body)

    def _check_headers(self, headers: RawHeaders) -> bytes | None:
        """The request's If-None-Match. Raises NotAcceptable."""
        accept = if_none_match = None
        for name, value in headers:
            if name == b"accept":
                accept = value if accept is None else accept + b", " + value
            elif name == b"if-none-match":
                if_none_match = value if if_none_match is None else if_none_match + b", " + value
        check_accepts(accept, self._media_type)
        return if_none_match

    async def _change(self, scope: Scope, receive: Receive, arguments: dict[str, Any]) -> Answer:
        """Calls the handler of a method that changes something, with body, If-Match and idempotency key if it has them.

        Raises Problem.
        """
        signature, said, raw = self._signature, repr(arguments), b""
        key = key_of(scope["headers"]) if self._route.keys is not None else ""
        if signature.body is not None:
            assert signature.body_name is not None
            raw, arguments[signature.body_name] = await signature.body.read(scope, receive)
        if signature.if_match is not None:
            arguments[signature.if_match] = IfMatch.of(scope["headers"])
        if self._route.keys is None:
            return await self._handler(**arguments)

        async def once(request: IdempotentRequest) -> Any:
            return await self._handler(**arguments, **{str(signature.idempotent): request})

        route = f"{self._route.method} {self._route.path}"
        return await self._route.keys.run(f"{route} {key}", fingerprint(route, said, raw), once)


class Methods:
    """ASGI application: the routes of one path, by method. HEAD runs GET's handler; the server omits the body."""

    def __init__(self, routes: Sequence[Route], *, cache_control: bytes) -> None:
        self._by_method = {route.method: Endpoint(route, cache_control=cache_control) for route in routes}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]
        methods = sorted({*self._by_method, "OPTIONS"})
        self._allow = ", ".join(methods)
        self._detail = f"This address answers {', '.join(methods[:-1])} and {methods[-1]} only."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises MethodNotAllowed, and the handler's errors."""
        endpoint = self._by_method.get(scope["method"])
        if endpoint is not None:
            response = await endpoint(scope, receive)
        elif scope["method"] == "OPTIONS":
            response = RawResponse(204, [(b"allow", self._allow.encode())])
        else:
            raise MethodNotAllowed(self._detail, headers={"Allow": self._allow})
        await response(scope, receive, send)


def _wants_pretty(text: str | None) -> bool:
    return text is not None and PRETTY.parse(text) != "false"


def _link_to_next(scope: Scope, given: Mapping[str, str], cursor: str) -> bytes:
    """The Link header to the next page of the same request (RFC 8288)."""
    path = quote(scope["raw_path"].decode("ascii"), safe=_IN_A_LINK)
    return f'<{path}?{urlencode({**given, "cursor": cursor})}>; rel="next"'.encode()
