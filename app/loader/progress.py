"""Shows the progress of a load: a bar on a terminal, or a line of JSON every few seconds in a log."""

import json
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final

from tqdm import tqdm

from loader.rows import Input

_LOG_SECONDS: Final = 5.0


class LoadProgress:
    """The progress of one pass over the input. The remaining time is estimated from the bytes that were read, but not
    for standard input, whose size is unknown. A pass that ends before the first line is due shows no line.
    """

    def __init__(self, what: str, data: Input, count: Callable[[], int]) -> None:
        """what: the work on the rows, such as `written`. count: the number of rows so far."""
        self._what, self._data, self._count = what, data, count
        self._started = monotonic()
        self._due = self._started + _LOG_SECONDS
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=data.size or None, unit="B", unit_scale=True, desc=what, leave=False)

    def step(self) -> None:
        """Updates the bar, or prints a line if it is due. Call it often."""
        if self._bar is not None:
            rate = self._count() / max(monotonic() - self._started, 0.001)
            self._bar.set_postfix_str(f"{self._count()} rows, {rate:.0f} a second", refresh=False)
            self._bar.update(self._data.read_bytes - self._bar.n)
            return
        now = monotonic()
        if now >= self._due:
            self._due = now + _LOG_SECONDS
            seconds, read = now - self._started, self._data.read_bytes
            line = {"progress": self._what, "rows": self._count(), "rows_a_second": round(self._count() / seconds)}
            if self._data.size and read:
                line["seconds_left"] = round(max(self._data.size - read, 0) * seconds / read)
            print(json.dumps(line), flush=True)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
