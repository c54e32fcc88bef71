"""Checks of the schedule expressions of EventBridge Scheduler and Application Auto Scaling."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.*)\)")
_EXAMPLES = "rate(1 day) or cron(0 3 * * ? *)"
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, kw_only=True)
class _Field:
    """names: words for numbers. special: forms that this field takes besides numbers, ranges, steps and `*`."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    special: re.Pattern[str] = re.compile(r"(?!)")

    def takes(self, text: str) -> bool:
        return all(self._takes_one(part) for part in text.split(","))

    def _takes_one(self, part: str) -> bool:
        if self.special.fullmatch(part):
            return True
        values, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
            return False
        if values == "*":
            return True
        low, dash, high = values.partition("-")
        numbers = [self._number(low), *([self._number(high)] if dash else [])]
        return all(number is not None and self.low <= number <= self.high for number in numbers)

    def _number(self, text: str) -> int | None:
        if text.isascii() and text.isdigit():
            return int(text)
        return self.names.get(text.upper())


# EventBridge Scheduler user guide, "Schedule types", Cron-based schedules.
_FIELDS = (
    _Field(name="minutes", low=0, high=59),
    _Field(name="hours", low=0, high=23),
    _Field(name="day of month", low=1, high=31, special=re.compile(r"\?|L|LW|([1-9]|[12]\d|3[01])W")),
    _Field(name="month", low=1, high=12, names={name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field(
        name="day of week",
        low=1,
        high=7,
        names={name: number for number, name in enumerate(_DAYS, 1)},
        special=re.compile(r"\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])", re.IGNORECASE),
    ),
    _Field(name="year", low=1970, high=2199),
)


def expression_mistake(expression: str) -> str | None:
    """The mistake in `rate(<number> <unit>)`, or in `cron(...)` with minutes, hours, day of month, month, day of week
    and year."""
    if _RATE.fullmatch(expression):
        return None
    cron = _CRON.fullmatch(expression)
    if cron is None:
        return f"is {expression!r}; use one such as {_EXAMPLES}"
    fields = cron[1].split(" ")
    if len(fields) != len(_FIELDS):
        names = ", ".join(each.name for each in _FIELDS)
        return f"is {expression!r}; cron takes six fields with one space between: {names}"
    for given, each in zip(fields, _FIELDS, strict=True):
        if not each.takes(given):
            return f"is {expression!r}, whose {each.name} {given!r} is not valid; use one such as {_EXAMPLES}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return f"is {expression!r}; put ? for the day of month or for the day of week, and not for both"
    return None


def timezone_mistake(timezone: str) -> str | None:
    known = zoneinfo.available_timezones()  # empty if neither the system nor the package tzdata has zones
    if not known or timezone in known:
        return None
    return f"is {timezone!r}; use a name of the IANA database, such as UTC or Europe/Berlin"
