"""One line of an estimate, and how a resource's inputs are read for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from costs.prices import HOURS, Price
from declared.errors import ProgramError
from declared.program import Resource


@dataclass(frozen=True, kw_only=True)
class Item:
    """what: in words; count: how many of the price's unit. hours: of a month, for a price by the hour."""

    what: str
    count: float
    price: Price
    hours: float = HOURS

    @property
    def usd(self) -> float:
        return self.count * self.price.usd * (self.hours if self.price.by == "hour" else 1)


def total(items: Iterable[Item]) -> float:
    return sum(item.usd for item in items)


def merged(items: Iterable[Item]) -> list[Item]:
    """Those that say the same become one with the sum of their counts, where the first was; none of nothing."""
    found: dict[Item, float] = {}
    for item in items:
        kind = replace(item, count=0)
        found[kind] = found.get(kind, 0) + item.count
    return [replace(kind, count=count) for kind, count in found.items() if count]


def number(resource: Resource, key: str, inputs: Mapping[str, Any], default: float | None = None) -> float:
    """inputs: of `resource`, or a part of them. Raises ProgramError for what is no number, or missing."""
    value = inputs.get(key)
    if value is None and default is not None:
        return default
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number is refused below
    except (TypeError, ValueError):
        raise unclear(resource, f"{key} is {value!r}, not a number") from None


def unclear(resource: Resource, why: str) -> ProgramError:
    """The error that says why a resource cannot be priced."""
    return ProgramError(f"what {resource.name} ({resource.type}) costs is not known: {why}")
