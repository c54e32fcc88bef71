"""Checks a request's query and the media types that it accepts."""

import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from service.problems import BadRequest, NotAcceptable

_PARAMETERS_AT_MOST: Final = 20
_NEVER: Final = re.compile(r"q=0(\.0{0,3})?").fullmatch


def query(scope: Scope, known: Collection[str]) -> Mapping[str, str]:
    """The query's parameters. Raises BadRequest for one that is unknown, repeated or not UTF-8."""
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_PARAMETERS_AT_MOST,
        )
    except ValueError as error:
        raise BadRequest("The query is malformed; give a few parameters in percent-encoded UTF-8.") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise BadRequest(f"There is no query parameter {name[:50]!r} here; {takes}.")
        if name in found:
            raise BadRequest(f"Query parameter {name!r} is given twice; give it once.")
        found[name] = value
    return found


def check_accepts(accept: bytes | None, media_type: str) -> None:
    """Raises NotAcceptable if the Accept header leaves out the media type (RFC 9110, 12.5.1)."""
    if accept is None or accept == b"*/*" or _accepts(accept.decode("latin-1"), media_type.partition(";")[0]):
        return
    raise NotAcceptable(f"This route answers {media_type} only; the request's Accept header leaves it out.")


def _accepts(accept: str, media_type: str) -> bool:
    """False if the most specific matching range has q=0, or if no range matches.

    Other weights do not matter, since a route has only one media type. Parameters such as a charset are ignored.
    """
    ranges = {"*/*": 1, f"{media_type.partition('/')[0]}/*": 2, media_type: 3}
    best, accepted = 0, not accept.strip(" \t,")
    for item in accept.lower().split(","):
        name, *details = (part.strip() for part in item.split(";"))
        specific = ranges.get(name, 0)
        if specific > best:
            best, accepted = specific, False
        if specific and specific == best:
            accepted = accepted or not any(map(_NEVER, details))
    return accepted
