"""The API: routes and what they answer."""

import json
import re
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from query_api.countries import Countries
from query_api.problems import HANDLERS

_ID = re.compile(r"[a-z]{2}")


def create_app(countries: Countries) -> Starlette:
    """`?pretty` on any JSON answer indents it."""

    async def ping(request: Request) -> Response:
        return PlainTextResponse("pong\n")

    async def list_countries(request: Request) -> Response:
        return _json(request, await countries.all())

    async def get_country(request: Request) -> Response:
        id_ = request.path_params["id"]
        if not _ID.fullmatch(id_):
            raise HTTPException(400, f"{id_!r} is not a country's id: two letters from a to z, such as us.")
        country = await countries.one(id_)
        if country is None:
            raise HTTPException(404, f"There is no country {id_!r}.")
        return _json(request, country)

    app = Starlette(
        routes=[
            Route("/ping", ping),
            Route("/countries", list_countries),
            Route("/countries/{id}", get_country),
        ],
        exception_handlers=HANDLERS,
    )
    app.router.redirect_slashes = False  # one address for each thing
    return app


def _json(request: Request, content: Any) -> Response:
    indent = 2 if "pretty" in request.query_params else None
    body = json.dumps(content, indent=indent, ensure_ascii=False, default=str) + "\n"
    return Response(body, media_type="application/json")
