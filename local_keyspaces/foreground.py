"""Runs work in the foreground until a signal stops it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from local_keyspaces.progress import Progress


async def until_stopped(work: Coroutine[Any, Any, None], progress: Progress) -> bool:
    """Runs `work` to its end, or until SIGINT, SIGTERM or SIGHUP. Returns True if a signal stopped it."""
    task = asyncio.create_task(work)
    stop_asked = False

    def stop() -> None:
        nonlocal stop_asked
        if not stop_asked:  # a second Ctrl-C of an impatient user must not interrupt the clean-up
            stop_asked = True
            task.cancel()
            progress.say("\nStopping.")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stop_asked:
            raise
    return stop_asked


def ignore_interrupts() -> None:
    """Ignores Ctrl-C from now on; for the end of a program, when nothing is left to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
