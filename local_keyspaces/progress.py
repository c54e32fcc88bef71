"""Reports the steps of a program: on a terminal while a step runs, in a log when it has ended."""

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TextIO

_KEPT: Final = 200


class Progress:
    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.said: deque[str] = deque(maxlen=_KEPT)
        """The newest lines, each with its time of day."""
        self._live = stream.isatty()

    def say(self, line: str = "") -> None:
        if line.strip():
            self.said.append(f"{time.strftime('%H:%M:%S')} {line.strip()}")
        # The reader of the output may be gone; the work must still continue and end.
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self._stream, flush=True)

    @asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """Reports one step in one line, with its duration in seconds."""
        start = time.monotonic()
        ticker = asyncio.create_task(self._tick(what, start)) if self._live else None
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, asyncio.CancelledError)
            await self._finish(ticker, f"  {what}: {'stopped' if stopped else 'failed'}")
            raise
        await self._finish(ticker, f"  {what} ({time.monotonic() - start:.1f} s)")

    async def _tick(self, what: str, start: float) -> None:
        while True:
            print(f"\r  {what} … {time.monotonic() - start:.0f} s", end="", file=self._stream, flush=True)
            await asyncio.sleep(1)

    async def _finish(self, ticker: "asyncio.Task[None] | None", line: str) -> None:
        if ticker is not None:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            print("\r\x1b[K", end="", file=self._stream)
        self.say(line)
