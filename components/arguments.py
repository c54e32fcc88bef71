"""What is wrong with arguments is said all at once, in plain words, before anything is created."""

from collections.abc import Mapping

import pulumi


class InvalidArguments(pulumi.RunError, ValueError):
    """One or more arguments that AWS would refuse, or that contradict each other. Pulumi shows it without a traceback.

    mistakes: by argument, what is wrong and what to do, such as `{"cpu": "is 300; use 256, 512 or 1024"}`.
    """

    def __init__(self, of: str, mistakes: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{of}: {argument} {mistake}" for argument, mistake in mistakes.items()))
        self.mistakes = dict(mistakes)


def refuse(of: str, mistakes: Mapping[str, str | None]) -> None:
    """Raises InvalidArguments for those of the `mistakes` that were made: the others are None.

    of: the component or class whose arguments they are.
    """
    made = {argument: mistake for argument, mistake in mistakes.items() if mistake is not None}
    if made:
        raise InvalidArguments(of, made)


def outside(value: float, low: float, high: float, unit: str = "") -> str | None:
    """A mistake, unless low <= value <= high."""
    return None if low <= value <= high else f"is {value}; use {low} to {high}{unit and f' {unit}'}"


def below(value: float, least: float, unit: str = "") -> str | None:
    """A mistake, if value < least."""
    return None if value >= least else f"is {value}; use {least} or more{unit and f' {unit}'}"
