"""The parts of the OpenAPI document that its routes share: problems, parameters, headers, and what a country is."""

import http
from collections.abc import Sequence
from typing import Any

from query_api.countries import Column
from query_api.cursors import LENGTH_AT_MOST
from query_api.endpoints import ID, LIMIT, LIMIT_AT_MOST
from query_api.values import example_of, nullable, schema_of

Node = dict[str, Any]

_PROBLEM = "application/problem+json"
_STATUSES = {
    400: "A parameter is malformed, unknown or given twice, or this is not HTTP/1.1.",
    404: "There is no such country.",
    406: "The request's `Accept` leaves out the one media type there is.",
    408: "The request did not come to its end in time.",
    413: "The request's body is too large; none is needed.",
    414: "The address is too long.",
    431: "The request's headers are too many or too large.",
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


def components(columns: Sequence[Column]) -> Node:
    return {
        "schemas": {"Country": _country_schema(columns), "Problem": _problem_schema()},
        "parameters": _parameters(),
        "headers": _headers(),
        "responses": {_name(status): problem(status) for status in _STATUSES},
    }


def references(*statuses: int) -> Node:
    """Problems, by status."""
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses}


def _name(status: int) -> str:
    return http.HTTPStatus(status).phrase.replace(" ", "")


def header_references(*names: str) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def problem(status: int) -> Node:
    example = {"title": http.HTTPStatus(status).phrase, "status": status}
    if status in _DETAILS:
        example["detail"] = _DETAILS[status]
    example["request_id"] = "5f2f54c8ca5e4566a66fed5a434ba70a"
    return {
        "description": _STATUSES[status],
        "headers": header_references("Cache-Control", *(["Retry-After"] if status == 503 else [])),
        "content": {_PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
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
        "required": ["title", "status", "request_id"],
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
        "X-Request-ID": {
            "description": "By which the request is found in the logs; the request's own, if it has one.",
            "required": True,
            "schema": text,
        },
    }
