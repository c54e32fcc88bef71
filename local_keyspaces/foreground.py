"""Running in the foreground until one is asked to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from local_keyspaces.progress import Progress


async def until_stopped(work: Coroutine[Any, Any, None], progress: Progress) -> bool:
    """Runs `work` to its end, or until SIGINT, SIGTERM or SIGHUP; returns whether it was stopped so."""
    task = asyncio.create_task(work)
    stop_asked = False

    def stop() -> None:
        nonlocal stop_asked
        if not stop_asked:  # the second Ctrl-C of an impatient user must not cut the clean-up short
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
    """Once all that was started has ended, one more Ctrl-C has nothing left to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
