"""What the routes of countries answer."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from query_api.admission import Admission
from query_api.answers import JSON, Representation, answer, cache_control
from query_api.countries import Countries
from query_api.cursors import BadCursor, Cursors
from query_api.options import Options
from query_api.requests import check_accepts, parameters, wants_pretty
from query_api.sharing import SharedReads
from query_api.values import JsonRows

ID = "[a-z]{2}"
LIMIT, LIMIT_AT_MOST = 100, 1000
_ID = re.compile(ID)
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_ENTRY = 200  # bytes of a kept value besides its body, about


@dataclass(frozen=True, slots=True)
class _List:
    representation: Representation
    paging_state: bytes | None


class CountryEndpoints:
    def __init__(self, countries: Countries, options: Options) -> None:
        self._countries = countries
        self._rows = JsonRows(countries.columns)
        self._deadline = options.deadline
        self._admission = Admission(options.concurrency)
        self._cursors = Cursors(options.cursor_key, query=countries.query, cached=options.cache_max_age)
        self._cache_control = cache_control(options.cache_max_age)
        share, keep = options.share_reads, options.read_cache
        self._by_id = SharedReads(
            self._read_one, share=share, keep=keep, size=lambda one: _ENTRY + (len(one.body) if one else 0)
        )
        self._lists = SharedReads(
            self._read_list, share=share, keep=keep, size=lambda page: _ENTRY + len(page.representation.body)
        )

    async def get(self, request: Request) -> Response:
        """One country."""
        check_accepts(request, JSON)
        pretty = wants_pretty(parameters(request, "pretty"))
        id_: str = request.path_params["id"]
        if not _ID.fullmatch(id_):
            raise HTTPException(400, f"{id_[:50]!r} is not a country's id: two letters from a to z, such as us.")
        country = await self._by_id.get(id_)
        if country is None:
            raise HTTPException(404, f"There is no country {id_!r}.")
        return answer(request, country.pretty() if pretty else country, cache_control=self._cache_control)

    async def list(self, request: Request) -> Response:
        """One page of countries, and where the next one is, as a Link header (RFC 8288)."""
        check_accepts(request, JSON)
        given = parameters(request, "limit", "cursor", "pretty")
        pretty = wants_pretty(given)
        limit, paging_state = _limit(given.get("limit")), self._paging_state(given.get("cursor"))
        page = await self._lists.get((limit, paging_state))
        links = []
        if page.paging_state is not None:
            following = {**given, "cursor": self._cursors.seal(page.paging_state)}
            links.append((b"link", f'</countries?{urlencode(following)}>; rel="next"'.encode()))
        found = page.representation
        return answer(request, found.pretty() if pretty else found, cache_control=self._cache_control, more=links)

    # Only who asks the database takes a place there; who shares a read, or finds it kept, does not.

    async def _read_one(self, id_: str) -> Representation | None:
        until = self._until()
        async with self._admission:
            country = await self._countries.one(id_, deadline=until)
        return None if country is None else Representation.of_json(self._rows.one(country))

    async def _read_list(self, asked: tuple[int, bytes | None]) -> _List:
        limit, paging_state = asked
        until = self._until()
        async with self._admission:
            page = await self._countries.page(limit=limit, paging_state=paging_state, deadline=until)
        return _List(Representation.of_json(self._rows.many(page.countries)), page.paging_state)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._deadline

    def _paging_state(self, cursor: str | None) -> bytes | None:
        if cursor is None:
            return None
        try:
            return self._cursors.open(cursor)
        except BadCursor as error:
            raise HTTPException(400, str(error)) from error


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not _NUMBER.fullmatch(text) or int(text) > LIMIT_AT_MOST:
        raise HTTPException(400, f"limit is {text[:50]!r}; give a whole number from 1 to {LIMIT_AT_MOST}.")
    return int(text)
