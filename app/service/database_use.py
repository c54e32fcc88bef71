"""Uses the database within the concurrency limit and the deadline, and turns its errors into problems."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from keyspaces.results import SchemaChanged
from keyspaces.serialize import Unwritable
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.statements import DeadlineExceeded, OutcomeUnknown
from keyspaces.types import Unrepresentable
from service.concurrency_limit import ConcurrencyLimit
from service.options import Options
from service.problems import (
    BadRequest,
    GatewayTimeout,
    InternalServerError,
    ServiceUnavailable,
    UnprocessableContent,
    WriteOutcomeUnknown,
)
from service.schema_watch import SchemaWatch

T = TypeVar("T")
Execute = Callable[[float], Awaitable[T]]
"""A function that uses the database. Its argument is the deadline, in the event loop's time."""


class DatabaseUse:
    """Shared by all tables of a task."""

    def __init__(self, options: Options, watch: SchemaWatch) -> None:
        self._seconds = options.deadline
        self._limit = ConcurrencyLimit(options.concurrency)
        self._watch = watch

    async def read(self, execute: Execute[T]) -> T:
        """Raises Problem."""
        async with self._limit:
            try:
                return await execute(self._deadline())
            except DeadlineExceeded as error:
                raise GatewayTimeout("The table was not read in time; try again.", reason=str(error)) from error
            except SchemaChanged as error:
                raise self._changed(error) from error
            except Unrepresentable as error:
                raise InternalServerError("A value in this answer is too large.", reason=str(error)) from error
            except Unwritable as error:
                raise BadRequest(_sentence(error), reason=_reason(error)) from error
            except DRIVER_ERRORS as error:
                reason = f"the table cannot be read: {describe(error)}"
                raise ServiceUnavailable("The table cannot be read at the moment; try again.", reason=reason) from error

    async def write(self, execute: Execute[T]) -> T:
        """Raises Problem. Nothing was written after any Problem except WriteOutcomeUnknown."""
        async with self._limit:
            try:
                return await execute(self._deadline())
            except OutcomeUnknown as error:
                raise WriteOutcomeUnknown(
                    "The database did not say whether it made this change; read the row before you send it again.",
                    reason=str(error),
                ) from error
            except SchemaChanged as error:
                raise self._changed(error) from error
            except Unwritable as error:
                raise UnprocessableContent(_sentence(error), reason=_reason(error)) from error
            except (*DRIVER_ERRORS, DeadlineExceeded) as error:
                reason = f"the table cannot be written: {describe(error)}"
                raise ServiceUnavailable(
                    "The table cannot be written at the moment, and nothing was changed; try again.", reason=reason
                ) from error

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._seconds

    def _changed(self, error: SchemaChanged) -> ServiceUnavailable:
        self._watch.changed(str(error))
        return ServiceUnavailable("The table has changed; try again.", reason=str(error))


def _sentence(error: Unwritable) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _reason(error: Unwritable) -> str:
    """The log's reason: the database's message if the values were sent to it, otherwise empty."""
    return describe(error.__cause__) if isinstance(error.__cause__, DRIVER_ERRORS) else ""
