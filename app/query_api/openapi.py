"""The contract as an OpenAPI 3.1 document: what each route takes and answers."""

from collections.abc import Sequence

from query_api.answers import JSON
from query_api.countries import Column
from query_api.endpoints import LIMIT, LIMIT_AT_MOST
from query_api.openapi_components import Node, components, header_references, problem, references

_ABOUT = f"""\
Reads a table of countries, by GET and HEAD; OPTIONS names the methods, others are answered with 405 and `Allow`.

Errors are problems (RFC 9457): `detail` says what is wrong and what to do, and `request_id`, which is also the answer's
`X-Request-ID`, leads to the request in the logs. A query parameter that is unknown or given twice is an error, so that
a misspelled one is noticed.

JSON has an entity tag: who sends it as `If-None-Match`, and has the newest, gets 304 without a body. The list comes in
pages of {LIMIT} unless `limit` says otherwise; follow `Link` with `rel="next"` until there is none."""

_ANYWHERE = (400, 408, 413, 414, 431, 500)


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
        "components": components(columns),
    }


def _path(summary: str, responses: Node, *parameters: str) -> Node:
    """GET, HEAD (of which every answer goes without its body, as RFC 9110 says), and OPTIONS."""
    given = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    responses = dict(sorted((responses | references(*_ANYWHERE)).items()))
    allow = {"description": "The methods there are, in `Allow`.", "headers": header_references("Allow")}
    any_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "us"}
    return {
        "get": {"summary": summary, "parameters": given, "responses": responses},
        "head": {"summary": f"{summary}: the headers only", "parameters": given, "responses": responses},
        "options": {
            "summary": "Ask for the methods",
            "parameters": [any_id] if "id" in parameters else [],
            "responses": {"204": allow, **references(*_ANYWHERE)},
        },
    }


def _countries() -> Node:
    content = _json({"type": "array", "items": {"$ref": "#/components/schemas/Country"}, "maxItems": LIMIT_AT_MOST})
    return _tagged("A page of countries.", content, "Link") | references(406, 503, 504)


def _country() -> Node:
    content = _json({"$ref": "#/components/schemas/Country"})
    return _tagged("The country.", content) | references(404, 406, 503, 504)


def _openapi() -> Node:
    return _tagged("This document.", _json({"type": "object"})) | references(406)


def _docs() -> Node:
    page = {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
    return _tagged("The page.", page, "Content-Security-Policy") | references(406)


def _word(word: str) -> Node:
    content = {"text/plain; charset=utf-8": {"schema": {"type": "string", "const": f"{word}\n"}}}
    answer = {"description": "Yes.", "headers": header_references("Cache-Control"), "content": content}
    return {"200": answer}


def _not_ready() -> Node:
    headers = header_references("Cache-Control")
    return {"503": {**problem(503), "description": "No: it is about to end.", "headers": headers}}


def _tagged(description: str, content: Node, *headers: str) -> Node:
    """The answers of what has an entity tag."""
    both = header_references("ETag", "Cache-Control", *headers)
    return {
        "200": {"description": description, "headers": both, "content": content},
        "304": {"description": "`If-None-Match` names what is still the newest.", "headers": both},
    }


def _json(schema: Node) -> Node:
    return {JSON: {"schema": schema}}
