"""The cost of tasks that EventBridge Scheduler starts: runs a month, and the cost of a run."""

from collections.abc import Iterator
from re import fullmatch

from costs.assumptions import Assumptions
from costs.containers import definition_of_arn, run_items_of
from costs.items import Item, unclear
from costs.prices import DAYS
from declared.program import Program, Resource

SCHEDULE = "aws:scheduler/schedule:Schedule"
_MINUTES_OF = {"minute": 1, "hour": 60, "day": 24 * 60}
_DAYS_OF_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def schedule_items(schedule: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """A month's runs. Scheduler's first 14 million calls a month are free (EventBridge pricing page)."""
    target = schedule.inputs.get("target") or {}
    parameters = target.get("ecsParameters")
    if not parameters:
        raise unclear(schedule, "its target is not an ECS task")
    runs = runs_a_month(schedule)
    definition = definition_of_arn(schedule, parameters.get("taskDefinitionArn"), program)
    yield from run_items_of(f"{schedule.name}, {runs:g} runs", definition, program, assumptions, runs=runs)


def runs_a_month(schedule: Resource) -> float:
    """The average number of runs. Approximate: days that no month has, and past years, count like others."""
    expression = str(schedule.inputs.get("scheduleExpression"))
    if rate := fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return DAYS * 24 * 60 / (int(rate[1]) * _MINUTES_OF[rate[2]])
    cron = fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
    if cron is None:
        raise unclear(schedule, f"scheduleExpression {expression!r} is not priced; only rate(...) and cron(...) are")
    minutes, hours, of_month, month, of_week, _ = cron.groups()
    days = DAYS * _share(month, 1, 12, _MONTHS)
    days *= _share(of_week, 1, 7, _DAYS_OF_WEEK) if of_month == "?" else _share(of_month, 1, 31, ())
    return days * _share(minutes, 0, 59, ()) * 60 * _share(hours, 0, 23, ()) * 24


def _share(field: str, low: int, high: int, names: tuple[str, ...]) -> float:
    """The share of the numbers from low to high that the field matches."""
    found: set[int | str] = set()
    for part in field.split(","):
        values, _, step = part.partition("/")
        first, dash, last = ("*", "", "") if values == "*" else values.partition("-")
        begin = low if first == "*" else _number(first, names)
        if begin is None:  # a single day, such as L, 15W or MON#2
            found.add(part)
            continue
        end = _number(last, names) if dash else (high if first == "*" or step else begin)
        found.update(range(begin, (begin if end is None else end) + 1, int(step or 1)))
    return len(found) / (high - low + 1)


def _number(text: str, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    return names.index(text.upper()) + 1 if text.upper() in names else None
