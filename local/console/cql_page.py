"""The page for CQL: a check before a statement runs, its rows, and its consumption."""

import asyncio
from typing import Any, Final

from aiohttp import web

from local.console.pages import Pages
from local.console.queries import Asked, History, opinion, query
from local.console.sources import Watched
from local_keyspaces import system_tables
from local_keyspaces.profiles import ADMINISTRATOR


class CqlPage:
    def __init__(self, watched: Watched, pages: Pages) -> None:
        self._watched = watched
        self._pages = pages
        self._history = History()

    async def answer(self, request: web.Request) -> web.Response:
        """The page; for a POST, with the result of its statement."""
        given = await self._given(request)
        result = None
        if given["statement"] and request.method == "POST":
            watched = self._watched
            result = await asyncio.to_thread(
                query,
                watched.state,
                watched.running,
                watched.statements,
                given["statement"],
                given["profile"],
                page=given["page_state"],
            )
            outcome = "refused" if result.error else f"{len(result.rows)} rows"
            self._history.add(Asked(statement=given["statement"], profile=given["profile"], outcome=outcome))
        tables = self._tables()
        names = [name for name in tables if name.partition(".")[0] not in system_tables.KEYSPACES]
        shown: dict[str, Any] = {
            **given,
            "profiles": self._profiles(),
            "result": result,
            "tables": {name: tables[name] for name in names},
            "words": _words(tables),
            "history": list(self._history.asked),
            "opinion": self._opinion(given),
        }
        if not given["statement"] and names:
            shown["statement"] = f"SELECT * FROM {names[0]} LIMIT 20"
            shown["opinion"] = self._opinion({**given, "statement": shown["statement"]})
        return self._pages.html("cql.html", "cql", request, shown)

    async def check(self, request: web.Request) -> web.Response:
        """A fragment that tells whether the role may run the statement."""
        return self._pages.html("opinion.html", "cql", request, {"opinion": self._opinion(await self._given(request))})

    async def _given(self, request: web.Request) -> dict[str, str]:
        given = await request.post() if request.method == "POST" else request.query
        profile = str(given.get("profile", ADMINISTRATOR))
        if profile not in self._profiles():
            known = ", ".join(self._profiles())
            raise web.HTTPBadRequest(text=f"There is no profile {profile[:50]!r}; the profiles are {known}.\n")
        statement = str(given.get("statement", "")).strip().removesuffix(";")
        return {"statement": statement, "profile": profile, "page_state": str(given.get("page_state", ""))}

    def _profiles(self) -> list[str]:
        return [ADMINISTRATOR, *sorted(self._watched.roles)]

    def _opinion(self, given: dict[str, str]) -> Any:
        if not given["statement"] or self._watched.statements is None:
            return None
        return opinion(self._watched.statements, self._watched.roles.get(given["profile"]), given["statement"])

    def _tables(self) -> dict[str, dict[str, str]]:
        """Columns and their types, by table."""
        if self._watched.statements is None:
            return {}
        tables = self._watched.statements.catalog.tables
        return {
            f"{keyspace}.{name}": {
                column: f"{known.type}{'' if known.kind == 'regular' else ', ' + known.kind.replace('_', ' ')}"
                for column, known in table.columns.items()
            }
            for (keyspace, name), table in sorted(tables.items())
        }


_KEYWORDS: Final = (
    "SELECT FROM WHERE AND LIMIT ORDER BY ALLOW FILTERING INSERT INTO VALUES UPDATE SET DELETE IF EXISTS NOT USING TTL"
    " CREATE ALTER DROP TABLE KEYSPACE COUNT IN CONTAINS JSON BEGIN BATCH APPLY"
).split()


def _words(tables: dict[str, dict[str, str]]) -> list[str]:
    """The words that the editor can suggest."""
    columns = {column for of_table in tables.values() for column in of_table}
    return [*tables, *sorted(columns - set(tables)), *_KEYWORDS]
