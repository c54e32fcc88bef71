"""Headers that restrict a browser's use of a response."""

from collections.abc import Iterator

import pytest

from service.security_headers import security_headers
from tests.serving.served import Served, request, serve

ALWAYS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as running:
        yield running


@pytest.mark.parametrize(
    "raw",
    [
        request("/ping"),
        request("/things/ab"),
        request("/things/ab", method="OPTIONS"),
        request("/things/zz"),
        request("/things/ABC"),
        request("/nothing"),
        request("/things", method="DELETE"),
        request("/things/er"),
        request("/things/un"),
        request("/" + "a" * 9_000),
        request("/", "X: " + "a" * 20_000),
        request("/", "Content-Length: 70000", method="POST"),
        b"nonsense\r\n\r\n",
    ],
)
def test_has_them_on_every_answer(served: Served, raw: bytes) -> None:
    """An attacker would find the one response without these headers."""
    headers = served.ask(raw).headers
    assert ALWAYS.items() <= headers.items()
    assert not {"server", "x-powered-by", "via", "strict-transport-security"} & set(headers)


def test_has_them_on_304(served: Served) -> None:
    """A cached response would take over the headers of a 304."""
    etag = served.get("/things/ab").headers["etag"]
    answer = served.get("/things/ab", f"If-None-Match: {etag}")
    assert answer.status == 304
    assert ALWAYS.items() <= answer.headers.items()


@pytest.mark.parametrize("https", [False, True])
def test_leaves_a_page_its_own_policy(https: bool) -> None:
    """The documentation page would show nothing, since a browser applies both policies at once."""
    own = [(b"content-security-policy", b"script-src 'self'")]
    names = [name for name, _ in security_headers(own, https=https)]
    assert b"content-security-policy" not in names
    assert (b"strict-transport-security" in names) == https
    assert b"x-content-type-options" in names
