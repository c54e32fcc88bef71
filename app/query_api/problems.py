"""Errors as `application/problem+json` (RFC 9457), whatever went wrong.

What the client is not told goes into the request's line of the log: `scope["reason"]`.
"""

import http

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

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


_ROUTERS = {
    404: "There is nothing at this address; /docs says what there is.",
    405: "Only GET, HEAD and OPTIONS are answered here.",
}
"""Details of what the router raises without any."""


class Problems:
    """ASGI middleware: answers what is raised below, and leaves alone what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # or the router would answer in plain text instead of raising
        try:
            await self._app(scope, receive, send)
        except HTTPException as error:
            await _of_http(scope, error)(scope, receive, send)
        except CountriesUnavailable as error:
            scope["reason"] = f"the table cannot be read: {error}"
            detail = "The countries cannot be read at the moment; try again."
            await problem(503, detail, {"Retry-After": "1"}, request_id=_id(scope))(scope, receive, send)
        except DeadlineExceeded as error:
            scope["reason"] = f"the table was not read in time: {error}"
            detail = "The countries could not be read in time; try again."
            await problem(504, detail, request_id=_id(scope))(scope, receive, send)


def _of_http(scope: Scope, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted({*headers["Allow"].split(", "), "OPTIONS"}))
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=headers)
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else _ROUTERS.get(error.status_code)
    return problem(error.status_code, detail, headers, request_id=_id(scope))


def _id(scope: Scope) -> str | None:
    return scope.get("request_id")
