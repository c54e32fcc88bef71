"""Errors as `application/problem+json` (RFC 9457), whatever went wrong.

What the client is not told goes into the request's line of the log: `scope["reason"]`.
"""

import http

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from keyspaces.reads import DeadlineExceeded
from query_api.countries import CountriesUnavailable


def problem(
    status: int, detail: str | None = None, headers: dict[str, str] | None = None, *, request_id: str | None = None
) -> Response:
    """`type` is left out: by the RFC that says the status tells all there is."""
    body = {
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        **({"detail": detail} if detail else {}),
        **({"request_id": request_id} if request_id else {}),
    }
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(body) + b"\n", status, headers, media_type="application/problem+json")


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted({*headers["Allow"].split(", "), "OPTIONS"}))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else None
    return problem(error.status_code, detail, headers, request_id=_id(request))


async def on_unavailable(request: Request, error: Exception) -> Response:
    request.scope["reason"] = f"the table cannot be read: {error}"
    detail = "The countries cannot be read at the moment; try again."
    return problem(503, detail, {"Retry-After": "1"}, request_id=_id(request))


async def on_deadline(request: Request, error: Exception) -> Response:
    request.scope["reason"] = f"the table was not read in time: {error}"
    return problem(504, "The countries could not be read in time; try again.", request_id=_id(request))


async def on_error(request: Request, error: Exception) -> Response:
    # The traceback is in the log; the caller learns nothing of the inside.
    return problem(500, request_id=_id(request))


def _id(request: Request) -> str | None:
    return request.scope.get("request_id")


HANDLERS = {
    HTTPException: on_http_exception,
    CountriesUnavailable: on_unavailable,
    DeadlineExceeded: on_deadline,
    Exception: on_error,
}
