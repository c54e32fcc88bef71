"""The contract as an OpenAPI 3.1 document, derived from the routes."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from service.parameters import PRETTY, Parameter
from service.problems import (
    MEDIA_TYPE,
    BadRequest,
    Conflict,
    ContentTooLarge,
    GatewayTimeout,
    HeaderFieldsTooLarge,
    InternalServerError,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    Problem,
    RequestTimeout,
    ServiceUnavailable,
    UnprocessableContent,
    UnsupportedMediaType,
    UriTooLong,
    WriteOutcomeUnknown,
)
from service.representations import JSON
from service.routes import Node, Route

_CONVENTIONS = """\
Every GET route also answers HEAD. OPTIONS lists the methods of an address; other methods get 405 with `Allow`.

Errors are problems (RFC 9457): `detail` says what is wrong and what to do. `request_id`, which is also the answer's
`X-Request-ID`, finds the request in the logs. A query parameter that is unknown or given twice is an error, so that a
misspelled parameter is noticed.

JSON has an entity tag: a client that sends it as `If-None-Match` gets 304 without a body while nothing has changed. A
list has pages; follow the `Link` with `rel="next"` until a page has none."""

_CHANGES = """\
A body is JSON. `Idempotency-Key` makes retries safe: the request takes effect once, and every retry gets the first
answer. `If-Match` with an entity tag makes a change only if the row is still the one that the client has read. 504 with
the `type` `/docs#outcome-unknown` means that the outcome is unknown; after any other error, nothing was changed."""

_ANYWHERE = (BadRequest, RequestTimeout, ContentTooLarge, UriTooLong, HeaderFieldsTooLarge, InternalServerError)
_SHARED = (
    *_ANYWHERE,
    NotFound,
    NotAcceptable,
    Conflict,
    PreconditionFailed,
    UnsupportedMediaType,
    UnprocessableContent,
    ServiceUnavailable,
    GatewayTimeout,
    WriteOutcomeUnknown,
)


def document(routes: Sequence[Route], *, title: str, version: str, about: str) -> Node:
    """The document, with the paths in the order of the routes."""
    paths: dict[str, Node] = {}
    schemas: dict[str, Node] = {}
    for route in routes:
        schemas |= route.answers.components
        path = paths.setdefault(route.path, {"options": _options(route)})
        operation = _operation(route, schemas)
        path[route.method.lower()] = operation
        if route.method == "GET":
            path["head"] = {**operation, "summary": f"{route.summary}: the headers only"}
    changes = any(route.method != "GET" for route in routes)
    conventions = f"{_CONVENTIONS}\n\n{_CHANGES}" if changes else _CONVENTIONS
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": f"{about}\n\n{conventions}"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {
                **schemas,
                "Problem": _problem_schema(),
            },
            "headers": _headers(),
            "responses": {
                _name(each): _response(each, each.meaning) for each in _SHARED if _is_referred_to(each, paths)
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Node]) -> Node:
    """schemas: receives the schemas that the route's body refers to."""
    signature = route.signature
    parameters = [_parameter(each) for each in signature.parameters]
    problems: list[type[Problem]] = [*_ANYWHERE]
    if route.answers.is_json:
        parameters.append({**_parameter(PRETTY), "allowEmptyValue": True})
    if route.answers.conditional:
        problems.append(NotAcceptable)
        if route.method == "GET":
            parameters.append(_if_none_match())
    if signature.if_match is not None:
        parameters.append(_header("If-Match", "Entity tags that the client accepts, separated by commas, or `*`."))
        problems.append(PreconditionFailed)
    if route.keys is not None:
        key = _header("Idempotency-Key", "Identifies the request in all its retries, for example a UUID.")
        example = {"example": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
        parameters.append({**key, "required": True, **example, "schema": {"type": "string", "maxLength": 200}})
        problems.append(UnprocessableContent)
    operation: Node = {"summary": route.summary, "parameters": parameters}
    if signature.body is not None:
        problems.append(UnsupportedMediaType)
        ((body,), components) = msgspec.json.schema_components(
            [signature.body.type], ref_template="#/components/schemas/{name}"
        )
        schemas |= {name: _described(schema) for name, schema in components.items()}
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return {**operation, "responses": dict(sorted((_success(route) | _failures(route, problems)).items()))}


def _failures(route: Route, problems: Sequence[type[Problem]]) -> Node:
    responses = _references(problems)
    for problem, when in route.problems.items():
        status = str(problem.status)
        if problem.status == GatewayTimeout.status and WriteOutcomeUnknown in route.problems:
            problem = WriteOutcomeUnknown  # its description covers both
        responses[status] = _references([problem])[status] if not when else _response(problem, when)
    return responses


def _described(schema: Node) -> Node:
    return schema if "description" in schema else {**schema, "description": "A request's body."}


def _options(route: Route) -> Node:
    in_path = [_parameter(each) for each in route.signature.parameters if each.place == "path"]
    allow = {"description": "The methods of this address, in `Allow`.", "headers": _header_references(["Allow"])}
    return {
        "summary": "Ask for the methods",
        "parameters": [{**each, "schema": {"type": "string"}} for each in in_path],
        "responses": {"204": allow, **_references(_ANYWHERE)},
    }


def _success(route: Route) -> Node:
    answers = route.answers
    if route.status == 204:
        return {"204": {"description": answers.description, "headers": _header_references(["Cache-Control"])}}
    more = [name.decode().title() for name, _ in answers.headers]
    content = {answers.media_type: {"schema": answers.schema}}
    if not answers.conditional:
        headers = _header_references(["Cache-Control", *more])
        return {"200": {"description": answers.description, "headers": headers, "content": content}}
    own = (["Link"] if answers.listing else []) + (["Location"] if route.status == 201 else [])
    headers = _header_references(["ETag", "Cache-Control", *more, *own])
    success = {str(route.status): {"description": answers.description, "headers": headers, "content": content}}
    if route.method == "GET":
        success["304"] = {"description": "`If-None-Match` names the current entity tag.", "headers": headers}
    return success


def _references(problems: Iterable[type[Problem]]) -> Node:
    return {str(problem.status): {"$ref": f"#/components/responses/{_name(problem)}"} for problem in problems}


def _is_referred_to(problem: type[Problem], paths: Node) -> bool:
    return any(
        response == {"$ref": f"#/components/responses/{_name(problem)}"}
        for operations in paths.values()
        for operation in operations.values()
        for response in operation["responses"].values()
    )


def _name(problem: type[Problem]) -> str:
    return problem.__name__


def _header_references(names: Iterable[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def _response(problem: type[Problem], when: str) -> Node:
    type_ = {"type": problem.type} if problem.type else {}
    id_ = "5f2f54c8ca5e4566a66fed5a434ba70a"
    example = {**type_, "title": problem.title(), "status": problem.status, "request_id": id_}
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
    return _header("If-None-Match", "Entity tags that the client has, separated by commas, or `*`.")


def _header(name: str, description: str) -> Node:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _problem_schema() -> Node:
    return {
        "type": "object",
        "description": "A problem (RFC 9457). Without `type`, the status identifies the problem.",
        "properties": {
            "type": {"type": "string", "description": "Tells the problem from others with the same status."},
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
        "Allow": {"description": "The methods, separated by commas.", "required": True, "schema": text},
        "Cache-Control": {"description": "Says how long caches may keep it.", "required": True, "schema": text},
        "Content-Security-Policy": {"description": "Forbids scripts.", "required": True, "schema": text},
        "ETag": {
            "description": "A strong entity tag. Indented JSON has another.",
            "required": True,
            "schema": {"type": "string", "pattern": '^"[0-9a-f]{24}"$'},
        },
        "Link": {"description": 'The next page, with `rel="next"` (RFC 8288). The last page has none.', "schema": text},
        "Location": {"description": "The address of the new resource.", "required": True, "schema": text},
        "Retry-After": {
            "description": "Seconds to wait before a retry.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
        "X-Request-ID": {
            "description": "Finds the request in the logs. It is the request's `X-Request-ID`, if it has one.",
            "required": True,
            "schema": text,
        },
    }
