"""The contract, served: as a document for machines and as a page for people. Both are made once."""

import base64
import hashlib
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from query_api.answers import JSON, Representation, answer, cache_control
from query_api.countries import Column
from query_api.docs_page import STYLE, render
from query_api.openapi import describe
from query_api.options import Options
from query_api.requests import check_accepts, parameters, wants_pretty

_HTML = "text/html"


class Documentation:
    def __init__(self, columns: Sequence[Column], options: Options) -> None:
        document = describe(columns)
        self._cache_control = cache_control(options.cache_max_age)
        self._document = Representation.of_json(msgspec.json.encode(document))
        self._page = Representation.of(render(document).encode(), f"{_HTML}; charset=utf-8")
        self._policy = ((b"content-security-policy", _policy(STYLE).encode()),)

    async def openapi(self, request: Request) -> Response:
        """The document."""
        check_accepts(request, JSON)
        pretty = wants_pretty(parameters(request, "pretty"))
        document = self._document.pretty() if pretty else self._document
        return answer(request, document, cache_control=self._cache_control)

    async def docs(self, request: Request) -> Response:
        """The page."""
        check_accepts(request, _HTML)
        parameters(request)
        return answer(request, self._page, cache_control=self._cache_control, more=self._policy)


def _policy(style: str) -> str:
    """Nothing but this style: the page has no script, image, font, frame or form."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    return "; ".join([f"style-src 'sha256-{digest}'", *(f"{what} 'none'" for what in nothing)])
