"""Access to the console, only with the address that was printed.

The address has a token, which becomes a cookie for the console's own path, so that browsers do not send it to other
servers at other ports of this host. The checks of Origin and Host refuse other web pages, and other names for this
host.
"""

import hmac
import secrets
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

_COOKIE: Final = "console"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # without a referrer, the console's own forms would send the Origin null
    "X-Content-Type-Options": "nosniff",
}


class ConsoleAccess:
    """prefix: the start of the console's own path, which is as hard to guess as the token."""

    def __init__(self, port: int) -> None:
        self._token = secrets.token_urlsafe(32)
        self.prefix = f"/{secrets.token_urlsafe(12)}"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.address = f"http://127.0.0.1:{port}{self.prefix}/?token={self._token}"

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await self._answer(request, handler)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        response.headers.update(_HEADERS)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in self._hosts:
            raise web.HTTPForbidden(text="The console is at 127.0.0.1 only; use the address that `make up` printed.\n")
        origin = request.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") != request.host:
            raise web.HTTPForbidden(text="Another web page may not use the console.\n")
        if request.method not in ("GET", "HEAD") and origin is None:
            raise web.HTTPForbidden(text="A change needs an Origin; use the console's own pages.\n")
        if "token" in request.query and request.method == "GET":
            if not self._is_token(request.query["token"]):
                raise self._refused()
            response = web.Response(status=303, headers={"Location": request.path})
            response.set_cookie(_COOKIE, self._token, path=f"{self.prefix}/", httponly=True, samesite="Strict")
            return response
        # A browser sends the cookie. A command of `python -m local` sends the header, which no other web page can set.
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._is_token(request.cookies.get(_COOKIE, "")) and not self._is_token(bearer):
            raise self._refused()
        return await handler(request)

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _refused(self) -> web.HTTPException:
        return web.HTTPForbidden(text="Open the address that `make up` printed, or `python -m local console` prints.\n")
