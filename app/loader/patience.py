"""Requests that are tried again for two minutes, as for a table that scales up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from keyspaces.results import SchemaChanged
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.statements import DeadlineExceeded, OutcomeUnknown

_STATEMENT_SECONDS: Final = 10.0
_PATIENCE: Final = 120.0  # seconds for which one request is tried
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds


class LoadFailed(Exception):
    """Not every row is in the table as it should be; the message says which is not, and why."""


async def patiently(failed: Callable[[], str], execute: Callable[[float], Awaitable[Any]]) -> Any:
    """Tries again with growing pauses: Keyspaces reports throttling as a timeout.

    failed: begins the message of LoadFailed, which it raises when its patience ends. Raises Unwritable.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
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
    """The error in a group of errors, which may have groups in it."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
