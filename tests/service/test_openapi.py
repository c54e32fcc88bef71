"""The OpenAPI document and its page, compared with the routes and with the API's responses."""

import asyncio
import base64
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import httpx
import jsonschema_rs
import pytest
from cassandra.cluster import NoHostAvailable
from schemathesis.specs.openapi.definitions import OPENAPI_31

from keyspaces.results import Column
from keyspaces.statements import DeadlineExceeded
from service.health import Health
from tests.fakes.table import FakeTable
from tests.processes import get
from tests.serving.application import application, ask


def _document() -> dict[str, Any]:
    return cast(dict[str, Any], asyncio.run(ask(application(FakeTable()), "/openapi.json")).json())


_DOCUMENT = _document()
_OPERATIONS = [(path, method) for path, methods in _DOCUMENT["paths"].items() for method in methods]
_LIMITS = {"408", "413", "414", "431"}  # of the connection: tests of the server hold them
# Routes without the table have no foreseeable failures; /readyz's 503 has a test below.
_UNFORESEEN = {"/readyz": {"500", "503"}, **{path: {"500"} for path in ("/openapi.json", "/docs", "/ping", "/livez")}}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: Any = _DOCUMENT
    for step in node.get("$ref", "#").removeprefix("#").strip("/").split("/"):
        found = found[step] if step else node
    return cast(dict[str, Any], found)


def test_is_a_document_of_openapi_3_1() -> None:
    """No tool could read the document."""
    jsonschema_rs.validator_for(OPENAPI_31).validate(_DOCUMENT)


def test_describes_each_route_and_its_methods() -> None:
    """A client could not find a route that the document leaves out, or a method that an address has."""
    for path, methods in _DOCUMENT["paths"].items():
        allowed = _ask(path.replace("{id}", "ab"), "options", {}, None).headers["allow"]
        assert {method.upper() for method in methods} == {*allowed.split(", ")}
    assert {"/things", "/things/{id}", "/ping", "/openapi.json", "/docs"} < {*_DOCUMENT["paths"]}


_Way = tuple[str, dict[str, str], Exception | None]


def _ways(path: str) -> dict[str, _Way]:
    """Requests that cause each status: their headers, and the table's behaviour."""
    good = path.replace("{id}", "ab")
    return {
        "200": (good, {}, None),
        "304": (good, {"If-None-Match": "*"}, None),
        "400": (f"{good}?nonsense", {}, None),
        "404": (path.replace("{id}", "zz"), {}, None),
        "406": (good, {"Accept": "image/png"}, None),
        "500": (good, {}, ZeroDivisionError()),
        "503": (good, {}, NoHostAvailable("down", {})),
        "504": (good, {}, DeadlineExceeded()),
    }


def _ask(
    target: str, method: str, headers: dict[str, str], error: Exception | None, ready: bool = True
) -> httpx.Response:
    async def run() -> httpx.Response:
        health = Health()
        health.ready = ready
        app = application(FakeTable(error=error), health=health)
        return await ask(app, target, method=method.upper(), headers=headers)

    return asyncio.run(run())


def _hold(documented: dict[str, Any], response: httpx.Response, method: str) -> None:
    headers = {name: _resolved(header) for name, header in documented.get("headers", {}).items()}
    for name, header in headers.items():
        if header.get("required") or name.lower() in response.headers:
            value: Any = response.headers[name.lower()]
            schema = header["schema"]
            jsonschema_rs.validate(schema, int(value) if schema["type"] == "integer" else value)
    content = documented.get("content")
    if content is None:
        assert "content-type" not in response.headers
        return
    ((media_type, described),) = content.items()
    assert response.headers["content-type"] == media_type
    if media_type.endswith("json") and method == "get":
        schema = {**described["schema"], "components": _DOCUMENT["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(response.json())
        if "example" in described:
            jsonschema_rs.Draft202012Validator(schema).validate(described["example"])
            assert {*response.json()} - {"detail"} == {*described["example"]} - {"detail"}


@pytest.mark.parametrize(("path", "method"), _OPERATIONS)
def test_describes_each_answer_as_it_is_sent(path: str, method: str) -> None:
    """The API would lack a promised status, header, media type or body, or return another one."""
    documented = _DOCUMENT["paths"][path][method]["responses"]
    seen = set()
    for target, headers, error in _ways(path).values():
        response = _ask(target, method, headers, error)
        seen.add(str(response.status_code))
        _hold(_resolved(documented[str(response.status_code)]), response, method)
    unseen = set(documented) - seen - _LIMITS
    if method == "options":
        assert unseen == {"400", "500"}  # of a malformed request, and of an unforeseen failure
    else:
        assert unseen == _UNFORESEEN.get(path, set())


def test_documents_that_a_stopping_task_accepts_no_requests() -> None:
    """An operator would not know the metric to watch."""
    response = _ask("/readyz", "get", {}, None, ready=False)
    assert response.status_code == 503
    _hold(_resolved(_DOCUMENT["paths"]["/readyz"]["get"]["responses"]["503"]), response, "get")


@pytest.mark.parametrize(("path", "method"), [each for each in _OPERATIONS if each[1] == "get"])
def test_describes_the_query_parameters_there_are(path: str, method: str) -> None:
    """A client that sends an unknown parameter would not learn the known ones."""
    given = (_resolved(each) for each in _DOCUMENT["paths"][path][method]["parameters"])
    documented = {each["name"] for each in given if each["in"] == "query"}
    detail = _ask(f"{path.replace('{id}', 'ab')}?nonsense", "get", {}, None).json()["detail"]
    taken = re.search(r"it takes (.*)\.", detail)
    assert taken
    assert documented == {*taken[1].split(", ")} - {"none"}


# Its schema cannot require that the API has issued the cursor.
_SETTINGS = """
[[operations]]
include-path = "/things"
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.long
def test_answers_as_described_whatever_is_asked(api: str, tmp_path: Path) -> None:
    """A generated request would cause a server error, an undocumented response, or success with invalid input."""
    (tmp_path / "settings.toml").write_text(_SETTINGS)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "settings.toml", "run", f"{api}/openapi.json"),
            *("--phases", "coverage,fuzzing,stateful", "--max-examples", "10"),
            *("--generation-deterministic", "--no-shrink", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(rf"Tested: +{len(_OPERATIONS) - 1}\n", result.stdout)  # all but GET of the document itself


class _Page(HTMLParser):
    """Checks that every element is closed, and collects the addresses that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            assert name in {"lang", "charset", "name", "content", "id", "href", "aria-label", "aria-labelledby"} | {
                "scope",
                "tabindex",
            }
            if name == "id":
                self.anchors.add(str(value))
            if name == "href":
                self.links.add(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    assert not page.open
    return page


def test_shows_the_document_to_a_person(api: str) -> None:
    """A reader without internet would see a part of the page, or nothing."""
    answer = get(f"{api}/docs")
    page = _page(answer.text)
    document = get(f"{api}/openapi.json").json()
    for path, methods in document["paths"].items():
        assert f"GET {path}" in page.text
        assert methods["get"]["summary"] in page.text
        assert f'curl -i "$URL{path.replace("{id}", "ab")}' in page.text
    for column in document["components"]["schemas"]["Thing"]["properties"]:
        assert column in page.text
    assert "script" not in page.tags
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json?pretty"}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.anchors


def test_the_page_may_load_only_its_own_style(api: str) -> None:
    """A browser would run or load a stranger's text, if any ever reached the page."""
    answer = get(f"{api}/docs")
    policy = {name.lower(): value for name, value in answer.headers.items()}["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy


def test_escapes_values_from_the_table() -> None:
    """A column's name, which may be any text, would run as a script in the reader's browser."""
    columns = (Column("id", "text"), Column("<script>&`", 'frozen<"<b>">'))
    page = _page(asyncio.run(ask(application(FakeTable(columns=columns)), "/docs")).text)
    assert "script" not in page.tags
    assert "<script>&`" in page.text
