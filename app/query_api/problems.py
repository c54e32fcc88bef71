"""Errors as `application/problem+json` (RFC 9457), whatever went wrong."""

import http
import json
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from query_api.countries import CountriesUnavailable

_log = logging.getLogger("uvicorn.error")


def problem(status: int, detail: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """`type` is left out: by the RFC that says the status tells all there is."""
    body = {"title": http.HTTPStatus(status).phrase, "status": status, **({"detail": detail} if detail else {})}
    return Response(json.dumps(body) + "\n", status, headers, media_type="application/problem+json")


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = http.HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    return problem(error.status_code, error.detail if error.detail != phrase else None, headers)


async def on_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("the table cannot be read: %s", error)
    return problem(503, "The countries cannot be read at the moment; try again.", {"Retry-After": "1"})


async def on_error(request: Request, error: Exception) -> Response:
    # Starlette logs the traceback; the caller learns nothing of the inside.
    return problem(500)


HANDLERS = {HTTPException: on_http_exception, CountriesUnavailable: on_unavailable, Exception: on_error}
