"""Serves the API's contract as an OpenAPI document and as an HTML page; both are made once, at start."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from service.docs_page import STYLE, render
from service.openapi import document
from service.representations import JSON, Representation
from service.routes import Content, Route, get

_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class About:
    """The service's description in its documents. about: paragraphs of plain text, with code in backticks."""

    title: str
    version: str
    about: str


def documentation(about: About, routes: Sequence[Route]) -> Sequence[Route]:
    """The routes of the documents, which describe `routes` and these routes."""
    made: dict[str, Representation] = {}

    async def openapi() -> Representation:
        return made[JSON]

    async def docs() -> Representation:
        return made[_HTML]

    policy = ((b"content-security-policy", _policy(STYLE).encode()),)
    object_ = Content(media_type=JSON, schema={"type": "object"}, description="The document.")
    page = Content(media_type=_HTML, schema={"type": "string"}, description="The page.", headers=policy)
    ours = [
        get("/openapi.json", "Get this document", answers=object_)(openapi),
        get("/docs", "Read this document as a page", answers=page)(docs),
    ]
    described = document([*routes, *ours], title=about.title, version=about.version, about=about.about)
    made[JSON] = Representation.of_json(msgspec.json.encode(described))
    made[_HTML] = Representation.of(render(described).encode(), _HTML)
    return ours


def _policy(style: str) -> str:
    """A policy that allows this style only: the page has no script, image, font, frame or form."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    nothing = ("default-src", "base-uri", "form-action", "frame-ancestors")
    return "; ".join([f"style-src 'sha256-{digest}'", *(f"{directive} 'none'" for directive in nothing)])
