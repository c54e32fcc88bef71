"""Waiting in a dynamic provider, until the time is over or the update is cancelled."""

import time
from concurrent.futures import ThreadPoolExecutor

from components.aws_errors import ResourceFailed

# It takes no work once the interpreter is shutting down, so that any thread can detect Ctrl-C.
_probe = ThreadPoolExecutor(max_workers=1)


class Interrupted(ResourceFailed):
    """The update is being cancelled."""


def pause(seconds: float) -> None:
    """Raises Interrupted as soon as the update is cancelled.

    Pulumi tells a provider only of the second Ctrl-C; after the first, it waits for operations that are under way.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _raise_if_interrupted()
        time.sleep(min(left, 0.2))


def _raise_if_interrupted() -> None:
    try:
        _probe.submit(int)
    except RuntimeError as error:
        raise Interrupted("the update was cancelled") from error
