"""Gives the measured servers a core of their own.

On a shared core, Cassandra interrupts a server every few requests, and the server spends CPU time to fill the
processor's caches again.
"""

import os
import sys

import psutil


def reserve() -> int | None:
    """Moves this process, and all that it starts later, away from one core, and returns that core.

    None if there is only one core, or if the system does not let a program choose (macOS). Call it before threads
    start.
    """
    if sys.platform != "linux":
        return None
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return None
    os.sched_setaffinity(0, others)
    return first


def move(process: psutil.Process, core: int) -> None:
    """Moves a process that has started its threads; later threads stay with those that start them."""
    if sys.platform == "linux":
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})
