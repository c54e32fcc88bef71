"""Ends a task when the columns of its table have changed, so that a new task starts with the new contract."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

_log: Final = logging.getLogger(__name__)


class SchemaWatch:
    """Receives changes of the schema, on the event loop's thread.

    seconds: after columns were added, the task still gives right answers; it ends at a random moment within this time,
    so that the tasks of a service do not all end at once.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stop: Callable[[], object] = lambda: None
        self._timer: asyncio.TimerHandle | None = None
        self._at_once = False
        self.has_changed = False

    def on_change(self, stop: Callable[[], object]) -> None:
        """stop: ends the program."""
        self._stop = stop

    def more_columns(self, change: str) -> None:
        if not self.has_changed:
            self._end(change, random.uniform(0, self._seconds))  # noqa: S311  # not a secret

    def changed(self, change: str) -> None:
        """The table's old columns have changed, so the task's statements no longer work; the task ends at once."""
        if not self._at_once:
            self._at_once = True
            self._end(change, 0)

    def _end(self, change: str, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.has_changed = True
        self._timer = asyncio.get_running_loop().call_later(seconds, self._stop)
        _log.error("the table is not as it was at start: %s; this task ends in %.0f s", change, seconds)
