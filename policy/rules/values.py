"""Inputs of resources, some of which a preview may not know."""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy.proxy import UnknownValueError


class _Unknown:
    """Stands for a value that will be known in the update. It is neither true nor false, so a rule must call `is_known`
    first."""

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false: ask is_known first")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def is_known(value: Any) -> bool:
    return not isinstance(value, _Unknown)


def plain(value: Any) -> Any:
    """A value of the policy SDK as dicts and lists. Where the SDK raises for an unknown value, this has `UNKNOWN`.

    Whole numbers are ints again; the protocol has them as floats.
    """
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def items(value: Any) -> list[Any]:
    """The elements of a list, or a single value as a list: IAM documents allow both. None is an empty list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def texts(value: Any) -> list[str]:
    """The known texts among `items`."""
    return [item for item in items(value) if isinstance(item, str)]


def objects(value: Any) -> list[dict[str, Any]]:
    """The known objects among `items`; their values may be unknown."""
    return [item for item in items(value) if isinstance(item, dict)]


def inside(value: Any, *path: str) -> Any:
    """The value at the path; None if there is none, `UNKNOWN` if it, or a value on the path, is not known."""
    for key in path:
        if not isinstance(value, dict):
            return value if not is_known(value) else None
        value = value.get(key)
    return value


def is_or_may_be(value: Any, *wanted: Any) -> bool:
    """Whether the value is one of the wanted values, or not known yet."""
    return not is_known(value) or value in wanted
