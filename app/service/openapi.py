"""The contract as an OpenAPI 3.1 document, derived from the routes."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.parameters import PRETTY, Parameter
from service.problems import (
    MEDIA_TYPE,
    BadRequest,
    ContentTooLarge,
    GatewayTimeout,
    HeaderFieldsTooLarge,
    InternalServerError,
    NotAcceptable,
    NotFound,
    Problem,
    RequestTimeout,
    ServiceUnavailable,
    UriTooLong,
)
from service.routes import Content, Node, Route

_CONVENTIONS = """\
GET also answers HEAD. OPTIONS names the methods of an address; other methods get 405 with `Allow`.

Errors are problems (RFC 9457): `detail` says what is wrong and what to do. `request_id`, which is also the answer's
`X-Request-ID`, finds the request in the logs. A query parameter that is unknown or given twice is an error, so that a
misspelled parameter is noticed.

JSON has an entity tag: a client that sends it as `If-None-Match` gets 304 without a body while nothing has changed. A
list comes in pages; follow the `Link` with `rel="next"` until there is none."""

_ANYWHERE = (BadRequest, RequestTimeout, ContentTooLarge, UriTooLong, HeaderFieldsTooLarge, InternalServerError)
_SHARED = (*_ANYWHERE, NotFound, NotAcceptable, ServiceUnavailable, GatewayTimeout)


def document(routes: Sequence[Route], *, title: str, version: str, about: str) -> Node:
    """The document, with the paths in the order of the routes."""
    paths: dict[str, Node] = {}
    for route in routes:
        path = paths.setdefault(route.path, {"options": _options(route)})
        operation = _operation(route)
        path[route.method.lower()] = operation
        if route.method == "GET":
            path["head"] = {**operation, "summary": f"{route.summary}: the headers only"}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": f"{about}\n\n{_CONVENTIONS}"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {
                **{name: schema for route in routes for name, schema in route.answers.components.items()},
                "Problem": _problem_schema(),
            },
            "headers": _headers(),
            "responses": {_name(problem): _response(problem, problem.meaning) for problem in _SHARED},
        },
    }


def _operation(route: Route) -> Node:
    parameters = [_parameter(each) for each in route.signature.parameters]
    problems: list[type[Problem]] = [*_ANYWHERE]
    if route.answers.is_json:
        parameters.append({**_parameter(PRETTY), "allowEmptyValue": True})
    if route.answers.conditional:
        parameters.append(_if_none_match())
        problems.append(NotAcceptable)
    responses = _success(route.answers) | _references(problems)
    for problem, when in route.problems.items():
        responses[str(problem.status)] = (
            _references([problem])[str(problem.status)] if not when else _response(problem, when)
        )
    return {
        "summary": route.summary,
        "parameters": parameters,
        "responses": dict(sorted(responses.items())),
    }


def _options(route: Route) -> Node:
    in_path = [_parameter(each) for each in route.signature.parameters if each.place == "path"]
    allow = {"description": "The methods of this address, in `Allow`.", "headers": _header_references(["Allow"])}
    return {
        "summary": "Ask for the methods",
        "parameters": [{**each, "schema": {"type": "string"}} for each in in_path],
        "responses": {"204": allow, **_references(_ANYWHERE)},
    }


def _success(answers: Content) -> Node:
    more = [name.decode().title() for name, _ in answers.headers]
    content = {answers.media_type: {"schema": answers.schema}}
    if not answers.conditional:
        headers = _header_references(["Cache-Control", *more])
        return {"200": {"description": answers.description, "headers": headers, "content": content}}
    headers = _header_references(["ETag", "Cache-Control", *more, *(["Link"] if answers.listing else [])])
    return {
        "200": {"description": answers.description, "headers": headers, "content": content},
        "304": {"description": "`If-None-Match` names the current entity tag.", "headers": headers},
    }


def _references(problems: Iterable[type[Problem]]) -> Node:
    return {str(problem.status): {"$ref": f"#/components/responses/{_name(problem)}"} for problem in problems}


def _name(problem: type[Problem]) -> str:
    return problem.__name__


def _header_references(names: Iterable[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def _response(problem: type[Problem], when: str) -> Node:
    example = {"title": problem.title(), "status": problem.status, "request_id": "5f2f54c8ca5e4566a66fed5a434ba70a"}
    return {
        "description": when,
        "headers": _header_references(["Cache-Control", *(["Retry-After"] if problem is ServiceUnavailable else [])]),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def _parameter(parameter: Parameter) -> Node:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": parameter.schema,
    }
    if parameter.required:
        described["required"] = True
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _if_none_match() -> Node:
    return {
        "name": "If-None-Match",
        "in": "header",
        "description": "Entity tags that the client has, with commas between them, or `*`.",
        "schema": {"type": "string"},
    }


def _problem_schema() -> Node:
    return {
        "type": "object",
        "description": "RFC 9457. `type` is left out: the status says everything.",
        "properties": {
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What is wrong, and what to do."},
            "request_id": {"type": "string", "description": "Finds the request in the logs."},
        },
        "required": ["title", "status", "request_id"],
    }


def _headers() -> Node:
    text = {"type": "string"}
    return {
        "Allow": {"description": "The methods, with commas between them.", "required": True, "schema": text},
        "Cache-Control": {"description": "How long an answer may be used again.", "required": True, "schema": text},
        "Content-Security-Policy": {"description": "No script, nothing of others.", "required": True, "schema": text},
        "ETag": {
            "description": "A strong entity tag. The indented form has its own.",
            "required": True,
            "schema": {"type": "string", "pattern": '^"[0-9a-f]{24}"$'},
        },
        "Link": {"description": 'The next page, with `rel="next"` (RFC 8288); not on the last.', "schema": text},
        "Retry-After": {
            "description": "Seconds.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
        "X-Request-ID": {
            "description": "Finds the request in the logs; the request's own, if it has one.",
            "required": True,
            "schema": text,
        },
    }
