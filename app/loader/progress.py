"""How far a load is: a line that changes on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable
from typing import Final

_TERMINAL_SECONDS: Final = 0.2
_LOG_SECONDS: Final = 10.0


class LoadProgress:
    """Of so many records. A load that is done before the first line is due shows none."""

    def __init__(self, count: int, say: Callable[[str], None]) -> None:
        self._count = count
        self._say = say
        self._terminal = sys.stderr.isatty()
        self._every = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
        self._drawn = False

    def step(self, what: str) -> Callable[[], None]:
        """To be called for each record that is `what`."""
        done, started = 0, time.monotonic()
        due = started + self._every

        def one() -> None:
            nonlocal done, due
            done += 1
            now = time.monotonic()
            if now >= due:
                due = now + self._every
                rate = done / (now - started)
                self._show(
                    f"{done} of {self._count} {what}, {rate:.0f} a second, {(self._count - done) / rate:.0f} s left"
                )

        return one

    def end(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self, line: str) -> None:
        if self._terminal:
            self._drawn = True
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            self._say(line)
