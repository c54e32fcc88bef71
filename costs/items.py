"""The lines of an estimate, and helpers that read a resource's inputs for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from costs.prices import HOURS, Price
from declared.errors import ProgramError
from declared.program import Resource


@dataclass(frozen=True, kw_only=True)
class Item:
    """what: the item's name. count: number of the price's units. hours: for a price by the hour."""

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
    """Merges items that differ only in their count, at the place of the first; leaves out items with count 0."""
    found: dict[Item, float] = {}
    for item in items:
        kind = replace(item, count=0)
        found[kind] = found.get(kind, 0) + item.count
    return [replace(kind, count=count) for kind, count in found.items() if count]


def number(resource: Resource, key: str, inputs: Mapping[str, Any], default: float | None = None) -> float:
    """The number under `key`. inputs: of `resource`, or a part. Raises ProgramError if it is missing or no number."""
    value = inputs.get(key)
    if value is None and default is not None:
        return default
    try:
        return float(value)  # type: ignore[arg-type]  # other types raise TypeError
    except (TypeError, ValueError):
        raise unclear(resource, f"{key} is {value!r}, not a number") from None


def unclear(resource: Resource, why: str) -> ProgramError:
    """The error for a resource that cannot be priced."""
    return ProgramError(f"the cost of {resource.name} ({resource.type}) is unknown: {why}")
