"""Checks of the form of EC2 IDs that a program gives."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pulumi


def id_mistake(kind: str, id_: pulumi.Input[str] | None) -> str | None:
    """The mistake in `id_` if it is a string and has one.

    kind: such as `sg`. An output is not checked, since its value may not be known yet.
    """
    if not isinstance(id_, str) or _is_id(kind, id_):
        return None
    return f"is {id_!r}; give an ID such as {_example(kind)}"


def ids_mistake(kind: str, ids: Sequence[str], least: int) -> str | None:
    """The mistake in a list that must have plain strings, at least `least` of them."""
    if isinstance(ids, str):
        return f"is one string, {ids!r}; give a list of IDs such as {_example(kind)}"
    for id_ in ids:
        if not isinstance(id_, str) or not _is_id(kind, id_):
            return f"has {id_!r}; use plain IDs such as {_example(kind)}"
    if len(set(ids)) < len(ids):
        return "names one twice; name each once"
    return None if len(ids) >= least else f"has {len(ids)}; give at least {least}"


def _is_id(kind: str, id_: str) -> bool:
    return re.fullmatch(rf"{kind}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", id_) is not None


def _example(kind: str) -> str:
    return f"{kind}-0123456789abcdef0"
