"""What is measured, and where it goes."""

from typing import Protocol


class Metrics(Protocol):
    def request(self, *, route: str, status: int, seconds: float) -> None:
        """route: the template, such as `/countries/{id}`."""

    def statement(self, outcome: str, seconds: float) -> None:
        """A CQL statement. outcome: `ok`, or the name of the error."""


class NoMetrics:
    def request(self, *, route: str, status: int, seconds: float) -> None: ...

    def statement(self, outcome: str, seconds: float) -> None: ...
