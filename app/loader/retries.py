"""Retries requests for two minutes, which is enough for a table to scale up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from keyspaces.results import SchemaChanged
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.statements import DeadlineExceeded, OutcomeUnknown

_STATEMENT_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 120.0  # for one request
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds


class LoadFailed(Exception):
    """A row is not in the table with the given values; the message names the row and the reason."""


async def with_retries(failed: Callable[[], str], execute: Callable[[float], Awaitable[Any]]) -> Any:
    """Retries with growing pauses, also after timeouts, which Keyspaces sends for throttling.

    failed: the beginning of LoadFailed's message. Raises Unwritable, and LoadFailed after two minutes.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + _RETRY_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return await execute(loop.time() + _STATEMENT_SECONDS)
        except SchemaChanged as error:
            raise LoadFailed(f"{failed()}: the table has changed: {error}") from error
        except (*DRIVER_ERRORS, DeadlineExceeded, OutcomeUnknown) as error:
            if loop.time() + pause > until:
                raise LoadFailed(f"{failed()}: {describe(error)}") from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def first_of(errors: BaseException) -> BaseException:
    """The first error in a group of errors, which may contain other groups."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
