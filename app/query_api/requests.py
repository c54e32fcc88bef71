"""What a request asks for, checked: query parameters and the media types it accepts."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

_PRETTY = {"": True, "true": True, "false": False}
_PARAMETERS_AT_MOST = 20
_NEVER = re.compile(r"q=0(\.0{0,3})?")


def header(request: Request, name: bytes) -> bytes | None:
    """A header's value by its lower-case name; if it was sent several times, joined as RFC 9110 (5.3) says."""
    values = [value for key, value in request.scope["headers"] if key == name]
    return b", ".join(values) if values else None


def parameters(request: Request, *known: str) -> Mapping[str, str]:
    """The query's parameters. Raises HTTPException 400 for one that is unknown, repeated or not UTF-8."""
    query: bytes = request.scope["query_string"]
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_AT_MOST
        )
    except ValueError as error:
        raise HTTPException(400, "The query cannot be read; give a few parameters in percent-encoded UTF-8.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise HTTPException(400, f"There is no query parameter {name[:50]!r} here; {_list(known)}.")
        if name in found:
            raise HTTPException(400, f"Query parameter {name!r} is given twice; give it once.")
        found[name] = value
    return found


def wants_pretty(given: Mapping[str, str]) -> bool:
    """`?pretty`. Raises HTTPException 400."""
    value = given.get("pretty", "false")
    if value not in _PRETTY:
        raise HTTPException(400, f"pretty is {value[:50]!r}; give it alone, or true or false.")
    return _PRETTY[value]


def check_accepts(request: Request, media_type: str) -> None:
    """Raises HTTPException 406 if the request accepts other media types only (RFC 9110, 12.5.1)."""
    accept = header(request, b"accept")
    if accept is None or accept == b"*/*" or _accepts(accept.decode("latin-1"), media_type):
        return
    raise HTTPException(406, f"This is {media_type} only, which the request's Accept header leaves out.")


def _accepts(accept: str, media_type: str) -> bool:
    """Whether the most specific range that matches the media type does not say that it is never wanted.

    With one media type to give, no other weight matters. Parameters such as a charset are of no account.
    """
    ranges = {"*/*": 1, f"{media_type.partition('/')[0]}/*": 2, media_type: 3}
    best, accepted = 0, not accept.strip(" \t,")
    for item in accept.lower().split(","):
        name, *details = (part.strip() for part in item.split(";"))
        specific = ranges.get(name, 0)
        if specific > best:
            best, accepted = specific, False
        if specific and specific == best:
            accepted = accepted or not any(map(_NEVER.fullmatch, details))
    return accepted


def _list(known: Collection[str]) -> str:
    return f"it takes {', '.join(known)}" if known else "it takes none"
