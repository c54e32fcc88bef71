"""A client that follows Link headers."""

import re
from collections.abc import Iterator
from typing import Any

from tests.processes import get

_NEXT = re.compile(r'<(/[^>]*)>; rel="next"')


def follow(api: str, address: str) -> Iterator[list[dict[str, Any]]]:
    """The pages from this one to the last."""
    following: str | None = address
    while following:
        answer = get(f"{api}{following}")
        assert answer.status == 200, answer.text
        yield answer.json()
        following = next_page(answer.headers)


def next_page(headers: Any) -> str | None:
    link = {name.lower(): value for name, value in headers.items()}.get("link")
    if link is None:
        return None
    found = _NEXT.fullmatch(link)
    assert found, link
    return found[1]
