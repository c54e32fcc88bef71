"""Security headers of every answer: they tell browsers to treat it as data of this origin, not as a page or script."""

from collections.abc import Sequence
from typing import Final

_Headers = Sequence[tuple[bytes, bytes]]

_POLICY_NAME: Final = b"content-security-policy"
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Pages of other origins cannot embed the answer; reading it by CORS is not affected (Fetch, "CORP").
    (b"cross-origin-resource-policy", b"same-origin"),
)
_POLICY: Final = (_POLICY_NAME, b"default-src 'none'; frame-ancestors 'none'")
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")  # a year

_HTTP_HEADERS: Final = (*_ALWAYS, _POLICY)
_HTTPS_HEADERS: Final = (*_HTTP_HEADERS, _HTTPS_ONLY)


def security_headers(given: _Headers, *, https: bool) -> _Headers:
    """The headers that an answer lacks. A page that needs scripts or styles has its own policy."""
    for name, _ in given:
        if name == _POLICY_NAME:
            return (*_ALWAYS, _HTTPS_ONLY) if https else _ALWAYS
    return _HTTPS_HEADERS if https else _HTTP_HEADERS
