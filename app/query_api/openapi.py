"""The contract as an OpenAPI 3.1 document, made of what the code knows: columns, limits, statuses."""

import http
from collections.abc import Sequence
from typing import Any

from query_api.answers import JSON
from query_api.countries import Column
from query_api.cursors import LENGTH_AT_MOST
from query_api.endpoints import ID, LIMIT, LIMIT_AT_MOST
from query_api.values import example_of, nullable, schema_of

Node = dict[str, Any]

PROBLEM = "application/problem+json"

_ABOUT = f"""\
Reads a table of countries, by GET and HEAD; OPTIONS names the methods, others are answered with 405 and `Allow`.

Errors are problems (RFC 9457): `title` and `status` are always there, `detail` says what is wrong and what to do. A
query parameter that is unknown or given twice is an error, so that a misspelled one is noticed. `request_id`, which is
also the answer's `X-Request-ID`, leads to the request in the logs.

JSON has an entity tag: who sends it as `If-None-Match`, and has the newest, gets 304 without a body. The list comes in
pages of {LIMIT} unless `limit` says otherwise; follow `Link` with `rel="next"` until there is none."""

_STATUSES = {
    400: "A parameter is malformed, unknown or given twice.",
    404: "There is no such country.",
    406: "The request's `Accept` leaves out the one media type there is.",
    500: "A fault of the service. What it is stands in its log, under the request's id.",
    503: "Too many requests, or the table cannot be read at the moment; try again after `Retry-After` seconds.",
    504: "The table was not read within the deadline; try again.",
}
_DETAILS = {
    400: "'USA' is not a country's id: two letters from a to z, such as us.",
    404: "There is no country 'zz'.",
    406: "This is application/json only, which the request's Accept header leaves out.",
    503: "The countries cannot be read at the moment; try again.",
    504: "The countries could not be read in time; try again.",
}


def describe(columns: Sequence[Column]) -> Node:
    """The document. columns: the table's; `id` is its key."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Countries", "version": "1.0.0", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": {
            "/countries": _path("List countries", _countries(), "cursor", "limit", "pretty", "if-none-match"),
            "/countries/{id}": _path("Get one country", _country(), "id", "pretty", "if-none-match"),
            "/openapi.json": _path("Get this document", _openapi(), "pretty", "if-none-match"),
            "/docs": _path("Read this document as a page", _docs(), "if-none-match"),
            "/ping": _path("Ask whether it answers, as the load balancer does", _word("pong")),
            "/livez": _path("Ask whether the process lives", _word("live")),
            "/readyz": _path("Ask whether it takes requests", _word("ready") | _not_ready()),
        },
        "components": {
            "schemas": {"Country": _country_schema(columns), "Problem": _problem_schema()},
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {_name(status): _problem(status) for status in _STATUSES},
        },
    }


def _path(summary: str, responses: Node, *parameters: str) -> Node:
    """GET, HEAD with the same answers but without bodies, and OPTIONS."""
    given = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    heads = {
        status: {key: value for key, value in _resolved(status, response).items() if key != "content"}
        for status, response in responses.items()
    }
    allow = {"description": "The methods there are, in `Allow`.", "headers": _header_references("Allow")}
    any_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "us"}
    return {
        "get": {"summary": summary, "parameters": given, "responses": responses},
        "head": {"summary": f"{summary}: the headers only", "parameters": given, "responses": heads},
        "options": {
            "summary": "Ask for the methods",
            "parameters": [any_id] if "id" in parameters else [],
            "responses": {"204": allow, "500": _reference(500)},
        },
    }


def _countries() -> Node:
    content = _json({"type": "array", "items": {"$ref": "#/components/schemas/Country"}, "maxItems": LIMIT_AT_MOST})
    return _tagged("A page of countries.", content, "Link") | _references(400, 406, 500, 503, 504)


def _country() -> Node:
    content = _json({"$ref": "#/components/schemas/Country"})
    return _tagged("The country.", content) | _references(400, 404, 406, 500, 503, 504)


def _openapi() -> Node:
    return _tagged("This document.", _json({"type": "object"})) | _references(400, 406, 500)


def _docs() -> Node:
    page = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
    return _tagged("The page.", page, "Content-Security-Policy") | _references(400, 406, 500)


def _word(word: str) -> Node:
    content = {"text/plain; charset=utf-8": {"schema": {"type": "string", "const": f"{word}\n"}}}
    answer = {"description": "Yes.", "headers": _header_references("Cache-Control"), "content": content}
    return {"200": answer} | _references(400, 500)


def _not_ready() -> Node:
    headers = _header_references("Cache-Control")
    return {"503": {**_problem(503), "description": "No: it is about to end.", "headers": headers}}


def _tagged(description: str, content: Node, *headers: str) -> Node:
    """The answers of what has an entity tag."""
    both = _header_references("ETag", "Cache-Control", *headers)
    return {
        "200": {"description": description, "headers": both, "content": content},
        "304": {"description": "`If-None-Match` names what is still the newest.", "headers": both},
    }


def _json(schema: Node) -> Node:
    return {JSON: {"schema": schema}}


def _name(status: int) -> str:
    return http.HTTPStatus(status).phrase.replace(" ", "")


def _reference(status: int) -> Node:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _references(*statuses: int) -> Node:
    return {str(status): _reference(status) for status in statuses}


def _resolved(status: str, response: Node) -> Node:
    return _problem(int(status)) if "$ref" in response else response


def _header_references(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def _problem(status: int) -> Node:
    example = {"title": http.HTTPStatus(status).phrase, "status": status}
    if status in _DETAILS:
        example["detail"] = _DETAILS[status]
    return {
        "description": _STATUSES[status],
        "headers": _header_references("Cache-Control", *(["Retry-After"] if status == 503 else [])),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }


def _country_schema(columns: Sequence[Column]) -> Node:
    properties = {
        column.name: {"type": "string", "pattern": f"^{ID}$", "examples": ["us"]}
        if column.name == "id"
        else nullable(schema_of(column.cql_type))
        for column in columns
    }
    return {
        "type": "object",
        "description": "A row of the table, by its columns. Columns may be added; ignore those you do not know.",
        "properties": properties,
        "required": list(properties),
        "examples": [{name: example_of(schema) for name, schema in properties.items()}],
    }


def _problem_schema() -> Node:
    return {
        "type": "object",
        "description": "RFC 9457. `type` is left out: the status tells all there is.",
        "properties": {
            "title": {"type": "string", "description": "What the status is called."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What is wrong, and what to do."},
            "request_id": {"type": "string", "description": "By which the request is found in the logs."},
        },
        "required": ["title", "status"],
    }


def _parameters() -> Node:
    return {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "Two letters, as in ISO 3166-1 alpha-2, in lower case.",
            "schema": {"type": "string", "pattern": f"^{ID}$"},
            "example": "us",
        },
        "limit": {
            "name": "limit",
            "in": "query",
            "description": f"So many countries a page, {LIMIT_AT_MOST} at most.",
            "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_AT_MOST, "default": LIMIT},
            "example": 2,
        },
        "cursor": {
            "name": "cursor",
            "in": "query",
            "description": "Where the page begins: opaque, from the `Link` of the page before, good for a day.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": LENGTH_AT_MOST},
        },
        "pretty": {
            "name": "pretty",
            "in": "query",
            "description": "For people: indented. Alone, or `true` or `false`.",
            "schema": {"type": "string", "enum": ["", "true", "false"], "default": "false"},
            "allowEmptyValue": True,
        },
        "if-none-match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Entity tags of what the client has, with commas between them, or `*`.",
            "schema": {"type": "string"},
        },
    }


def _headers() -> Node:
    text = {"type": "string"}
    return {
        "Allow": {"description": "The methods, with commas between them.", "required": True, "schema": text},
        "Cache-Control": {"description": "For how long an answer may be used again.", "required": True, "schema": text},
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
        "X-Request-ID": {"description": "By which the request is found in the logs.", "schema": text},
    }
