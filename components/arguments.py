"""Argument checks that report all mistakes at once, in plain words, before anything is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pulumi


class InvalidArguments(pulumi.RunError, ValueError):
    """One or more arguments that AWS would refuse, or that contradict each other. Pulumi shows it without a traceback.

    mistakes: by argument, what is wrong and what to do, such as `{"cpu": "is 300; use 256, 512 or 1024"}`. The
    names of other arguments are in backticks, so that a program can replace them by the names of its own settings.
    """

    def __init__(self, of: str, mistakes: Mapping[str, str]) -> None:
        sentences = (f"{of}: {argument} {mistake}" for argument, mistake in mistakes.items())
        super().__init__("; ".join(sentences).replace("`", ""))
        self.mistakes = dict(mistakes)


def raise_for(of: str, mistakes: Mapping[str, str | None]) -> None:
    """Raises InvalidArguments for the `mistakes` that are not None.

    of: the component or class that takes the arguments.
    """
    made = {argument: mistake for argument, mistake in mistakes.items() if mistake is not None}
    if made:
        raise InvalidArguments(of, made)


def outside(value: float, low: float, high: float, unit: str = "") -> str | None:
    """A mistake, unless low <= value <= high."""
    return None if low <= value <= high else f"is {value}; use {low} to {high}{unit and f' {unit}'}"


def none_of(value: object, choices: Any) -> str | None:
    """A mistake, unless `value` is one of the values of the Literal type `choices`."""
    return None if value in get_args(choices) else f"is {value!r}; use {', '.join(get_args(choices))}"


def below(value: float, least: float, unit: str = "") -> str | None:
    """A mistake, if value < least."""
    return None if value >= least else f"is {value}; use {least} or more{unit and f' {unit}'}"
