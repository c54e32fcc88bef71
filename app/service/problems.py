"""Errors as `application/problem+json` (RFC 9457).

Problem
├── BadRequest            400  a parameter, or the request itself, is malformed
├── NotFound              404  the address or the row does not exist
├── MethodNotAllowed      405  the address exists, but not for this method
├── NotAcceptable         406  the Accept header leaves out the route's media type
├── RequestTimeout        408  the request did not arrive in time
├── Conflict              409  the current state does not allow the change
├── PreconditionFailed    412  the row is not the one that `If-Match` names
├── ContentTooLarge       413  the body is larger than the server's limit
├── UriTooLong            414  the address is longer than the server's limit
├── UnsupportedMediaType  415  the body is of another media type than the route takes
├── UnprocessableContent  422  the body is valid JSON, but cannot be applied
├── HeaderFieldsTooLarge  431  the headers are larger than the server's limits
├── InternalServerError   500  a defect, or a value that cannot be written as JSON
├── ServiceUnavailable    503  too many requests, or the database does not take statements
└── GatewayTimeout        504  the database did not answer within the request's deadline
    └── WriteOutcomeUnknown    and the change may have been made, or not
"""

import http
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from service.responses import RawResponse

MEDIA_TYPE: Final = "application/problem+json"
REFUSAL: Final = "service.refusal"
"""Key of a scope: the Problem for which the HTTP server refuses the request. The application answers and logs it."""


class Problem(Exception):
    """An error that is sent to the client.

    detail: a sentence that says what is wrong and what to do. reason: for the log only. headers: of the answer.
    """

    status: ClassVar[int]
    meaning: ClassVar[str]
    """The cause in general, for the OpenAPI document."""
    type: ClassVar[str] = ""
    """A relative address, for a problem that the status alone does not identify."""

    def __init__(
        self, detail: str = "", *, reason: str = "", headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.headers = headers

    @classmethod
    def title(cls) -> str:
        return http.HTTPStatus(cls.status).phrase

    def response(self, request_id: str) -> RawResponse:
        """The HTTP response. Without a `type`, the status identifies the problem (RFC 9457, 4.2.1)."""
        body: dict[str, Any] = {"type": self.type} if self.type else {}
        body |= {"title": self.title(), "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        body["request_id"] = request_id
        return RawResponse.of(
            self.status, msgspec.json.encode(body) + b"\n", MEDIA_TYPE, {"Cache-Control": "no-store", **self.headers}
        )


class BadRequest(Problem):
    status = 400
    meaning = "A parameter or the body is malformed, unknown or given twice, or the request is not HTTP/1.1."


class NotFound(Problem):
    status = 404
    meaning = "The row does not exist."


class MethodNotAllowed(Problem):
    status = 405
    meaning = "The address exists, but not for this method; `Allow` names its methods."


class NotAcceptable(Problem):
    status = 406
    meaning = "The request's `Accept` leaves out the route's media type."


class RequestTimeout(Problem):
    status = 408
    meaning = "The request did not arrive in time."


class Conflict(Problem):
    status = 409
    meaning = "The current state does not allow this change."


class PreconditionFailed(Problem):
    status = 412
    meaning = "The row is not the one that `If-Match` names: it was changed since, or is gone."


class ContentTooLarge(Problem):
    status = 413
    meaning = "The request's body is too large."


class UriTooLong(Problem):
    status = 414
    meaning = "The address is too long."


class UnsupportedMediaType(Problem):
    status = 415
    meaning = "The body is not `application/json`, or is compressed."


class UnprocessableContent(Problem):
    status = 422
    meaning = "The body can be read, but a value does not fit the table, or an `Idempotency-Key` is used twice."

    @classmethod
    def title(cls) -> str:
        return "Unprocessable Content"  # RFC 9110; Python 3.11 and 3.12 have the older name


class HeaderFieldsTooLarge(Problem):
    status = 431
    meaning = "The request's headers are too many or too large."


class InternalServerError(Problem):
    status = 500
    meaning = "A defect of the service. Its log has the cause, under the request's id."


class ServiceUnavailable(Problem):
    """retry_after: seconds."""

    status = 503
    meaning = "Too many requests, or the database is unavailable; try again after `Retry-After` seconds."

    def __init__(self, detail: str, *, reason: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, reason=reason, headers={"Retry-After": str(retry_after)})


class GatewayTimeout(Problem):
    status = 504
    meaning = "The database did not answer within the deadline; try again."


class WriteOutcomeUnknown(GatewayTimeout):
    meaning = (
        "The database did not answer within the deadline. With the `type` `/docs#outcome-unknown`, the change may have"
        " been made, or not: read the current state before you send it again."
    )
    type = "/docs#outcome-unknown"


class Problems:
    """ASGI middleware that answers each Problem that the application raises; other exceptions pass through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Problem as problem:
            if problem.reason:
                scope["reason"] = problem.reason
            await problem.response(scope["request_id"])(scope, receive, send)
