"""The HTTP contract that clients rely on, over a real table, TLS and SigV4."""

import http.client
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.keyspaces import LocalKeyspaces
from tests.processes import free_port, get, listens, start_program, wait_until
from tests.serving.paging import follow, next_page

ALL = {"cn", "in", "gb", "mt", "us"}
ROUTES = ["/countries", "/countries/us", "/openapi.json", "/docs", "/ping", "/livez", "/readyz"]
TAGGED = ["/countries", "/countries?limit=2", "/countries/us", "/openapi.json", "/docs"]


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def send(api: str, target: str, headers: Sequence[tuple[str, str]] = ()) -> tuple[int, str]:
    """Sends a GET with an unchecked target and repeatable headers. Returns status and media type."""
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=10)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["content-type"]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/countries/zz", 404, "There is no country 'zz'."),
        ("/countries/USA", 400, "id is 'USA'; give two letters from a to z, such as us."),
        ("/countries/1", 400, "two letters from a to z"),
        ("/countries/%27%20OR%201", 400, "give two letters"),
        ("/countries/u%0A", 400, "give two letters"),
        ("/countries/us%0A", 400, "give two letters"),
        ("/countries%0A", 404, None),
        ("/countries/us?prety", 400, "no query parameter 'prety' here; it takes pretty."),
        ("/countries/us?limit=1", 400, "no query parameter 'limit' here"),
        ("/countries/us?pretty=yes", 400, "pretty is 'yes'; give no value, or true or false."),
        ("/countries?limit=1&limit=1", 400, "'limit' is given twice; give it once."),
        ("/countries?limit=0", 400, "limit is '0'; give a whole number from 1 to 1000."),
        ("/countries?limit=1001", 400, "from 1 to 1000"),
        ("/countries?limit=", 400, "from 1 to 1000"),
        ("/countries?limit=%D9%A3", 400, "from 1 to 1000"),
        ("/countries?cursor=", 400, "begin again without a cursor"),
        ("/countries?cursor=AAAA", 400, "begin again without a cursor"),
        ("/countries?%FF=1", 400, "percent-encoded UTF-8"),
        ("/countries?" + "a&" * 30, 400, "a few parameters"),
        ("/ping?verbose", 400, "it takes none"),
        ("/openapi.json?limit=1", 400, "it takes pretty"),
        ("/docs?pretty", 400, "it takes none"),
        ("/countries/", 404, None),
        ("/countries/us/", 404, None),
        ("/nothing", 404, None),
    ],
)
def test_explains_what_it_cannot_answer(api: str, path: str, status: int, detail: str | None) -> None:
    """A client could not tell its mistakes apart, since it branches on the status and shows the detail."""
    answer = get(f"{api}{path}")
    problem = answer.json()
    assert answer.status == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem["title"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert (detail or "") in problem.get("detail", "")


_OVER_HTTP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@_OVER_HTTP
@given(st.text(min_size=1, max_size=30) | st.from_regex("[a-z]{2}", fullmatch=True))
def test_answers_any_id(api: str, text: str) -> None:
    """A client's mistake in an address would be answered as a fault of the service."""
    status, media_type = send(api, f"/countries/{quote(text, safe='', errors='surrogatepass')}")
    assert status in (200, 400, 404)
    assert media_type == ("application/json" if status == 200 else "application/problem+json")


@_OVER_HTTP
@given(
    st.dictionaries(
        st.sampled_from(["limit", "cursor", "pretty"]) | st.text(max_size=5), st.text(max_size=20), max_size=3
    )
)
def test_answers_any_query(api: str, query: Mapping[str, str]) -> None:
    """A client's mistake in a query would be answered as a fault of the service."""
    pairs = (f"{quote(name)}={quote(value)}" for name, value in query.items())
    status, media_type = send(api, f"/countries?{'&'.join(pairs)}")
    assert status in (200, 400)
    assert media_type == ("application/json" if status == 200 else "application/problem+json")


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "POST", "PUT", "TRACE"])
def test_refuses_other_methods(api: str, path: str, method: str) -> None:
    """A client that writes to a read-only API would not get an error in the usual format."""
    answer = get(f"{api}{path}", method=method)
    assert (answer.status, answer.json()["status"]) == (405, 405)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ROUTES)
def test_reports_the_allowed_methods(api: str, path: str) -> None:
    """A client that sends OPTIONS would not learn the allowed methods."""
    answer = get(f"{api}{path}", method="OPTIONS")
    assert (answer.status, answer.text, answer.headers["allow"]) == (204, "", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", [*ROUTES, "/countries?limit=2", "/countries/zz", "/countries/1", "/nothing"])
def test_gives_to_head_the_headers_of_get(api: str, path: str) -> None:
    """Caches and link checkers would get other headers by HEAD than by GET."""
    by_get, by_head = get(f"{api}{path}"), get(f"{api}{path}", method="HEAD")
    assert (by_head.status, by_head.text) == (by_get.status, "")
    assert {*_lower(by_head.headers)} == {*_lower(by_get.headers)}
    for name in ("content-type", "content-length", "etag", "cache-control"):
        if name != "content-length" or not path.startswith("/nothing"):
            assert _lower(by_head.headers).get(name) == _lower(by_get.headers).get(name), name


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (["*/*"], 200),
        (["application/json"], 200),
        (["APPLICATION/JSON;charset=utf-8"], 200),
        (["text/html, application/*;q=0.1"], 200),
        (["text/html", "application/json"], 200),
        (["text/html, application/xhtml+xml, */*;q=0.8"], 200),
        (["application/json, */*;q=0"], 200),
        (["application/json;q=nonsense"], 200),
        ([""], 200),
        (["text/html"], 406),
        (["application/problem+json"], 406),
        (["application/json;q=0"], 406),
        (["application/json;q=0.000, */*"], 406),
        (["*/*;q=0"], 406),
        (["*/*, application/*;q=0"], 406),
        ([";;,;q=1"], 406),
    ],
)
def test_answers_json_if_it_is_accepted(api: str, accept: Sequence[str], status: int) -> None:
    """A client would be refused although its Accept header allows JSON, or the reverse (RFC 9110, 12.5.1)."""
    assert send(api, "/countries/us", [("Accept", line) for line in accept])[0] == status


def test_answers_the_page_if_html_is_accepted(api: str) -> None:
    """A browser would get no page, or a program that wants JSON would get HTML."""
    assert send(api, "/docs", [("Accept", "text/html,application/xhtml+xml;q=0.9")]) == (
        200,
        "text/html; charset=utf-8",
    )
    assert send(api, "/docs", [("Accept", "application/json")])[0] == 406


@pytest.mark.parametrize("path", TAGGED)
def test_reports_that_the_client_has_the_newest(api: str, path: str) -> None:
    """A client that asks often would download the same bytes each time."""
    answer = get(f"{api}{path}")
    tag = _lower(answer.headers)["etag"]
    for condition in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other",{tag}', "*"):
        unchanged = get(f"{api}{path}", headers={"If-None-Match": condition})
        assert (unchanged.status, unchanged.text) == (304, ""), condition
        assert _lower(unchanged.headers)["etag"] == tag
        assert _lower(unchanged.headers)["cache-control"] == _lower(answer.headers)["cache-control"] == "no-cache"
        assert ("link" in _lower(unchanged.headers)) == ("link" in _lower(answer.headers))
    for condition in ('"other"', tag.strip('"'), "", f"{tag}x", '"*"'):
        assert get(f"{api}{path}", headers={"If-None-Match": condition}).status == 200, condition
    assert send(api, path, [("If-None-Match", '"other"'), ("If-None-Match", tag)])[0] == 304


def test_tags_what_is_indented_on_its_own(api: str) -> None:
    """A cache would serve indented bytes for others, since both representations have one strong tag."""
    tags = {_lower(get(f"{api}/countries/us{query}").headers)["etag"] for query in ("", "?pretty", "?pretty=true")}
    assert len(tags) == 2
    assert _lower(get(f"{api}/countries/us?pretty=false").headers)["etag"] in tags


def test_finds_nothing_new_in_what_is_not_there(api: str) -> None:
    """A 304 for a deleted country would keep it alive in caches."""
    assert get(f"{api}/countries/zz", headers={"If-None-Match": "*"}).status == 404


@pytest.mark.parametrize("faults", [{}, {"page_rows": 1}, {"empty_pages": True}, {"page_rows": 1, "empty_pages": True}])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 1000])
def test_pages_through_all_countries(
    api: str, loaded: LocalKeyspaces, faults: Mapping[str, object], limit: int
) -> None:
    """A client would miss a country or see one twice when Keyspaces returns short or empty pages."""
    with loaded.injecting(**faults):
        pages = list(follow(api, f"/countries?limit={limit}"))
    assert sorted(country["id"] for page in pages for country in page) == sorted(ALL)
    full, rest = divmod(len(ALL), limit)
    assert [len(page) for page in pages if page] == [limit] * full + [rest] * bool(rest)


def test_keeps_what_was_asked_for_on_the_next_page(api: str) -> None:
    """A client that follows a link would get other rows, or another format, than on its first page."""
    first = get(f"{api}/countries?pretty&limit=2")
    following = next_page(first.headers)
    assert following
    second = get(f"{api}{following}")
    assert len(second.json()) == 2
    assert second.text.startswith("[\n  {\n")
    assert get(f"{api}{following.replace('limit=2', 'limit=3')}").json()[:2] == second.json()
    assert next_page(get(f"{api}/countries").headers) is None


def test_shares_cursors_between_processes_with_one_key(loaded: LocalKeyspaces) -> None:
    """Behind a load balancer, another task could not open the cursor; or a task would accept a forged cursor."""
    keys: list[dict[str, str]] = [
        {"CURSOR_KEY": "k" * 32},
        {"CURSOR_KEY": "k" * 32, "CACHE_MAX_AGE": "60"},
        {"CURSOR_KEY": "l" * 32},
        {},
    ]
    with ExitStack() as stack:
        ports = [free_port() for _ in keys]
        for port, key in zip(ports, keys, strict=True):
            environment = {**loaded.environment(), "HOST": "127.0.0.1", "PORT": str(port), **key}
            stack.enter_context(start_program("countries", environment=environment))
        wait_until(lambda: all(map(listens, ports)))
        first, second, stranger, alone = (f"http://127.0.0.1:{port}" for port in ports)
        following = next_page(get(f"{first}/countries?limit=2").headers)
        assert following
        answer = get(f"{second}{following}")
        assert answer.json() == get(f"{first}{following}").json()
        assert _lower(answer.headers)["cache-control"] == "public, max-age=60"
        for other in (stranger, alone):
            refused = get(f"{other}{following}")
            assert (refused.status, refused.json()["status"]) == (400, 400)
            assert len(list(follow(other, "/countries?limit=2"))) >= 3
