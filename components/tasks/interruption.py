"""Waiting in a dynamic provider, until the time is over or the update is ended."""

import time
from concurrent.futures import ThreadPoolExecutor

from components.aws_errors import ResourceFailed

# Takes no work once the interpreter is shutting down, which is how a thread that is not the main one learns of Ctrl-C.
_probe = ThreadPoolExecutor(max_workers=1)


class Interrupted(ResourceFailed):
    """The update is being ended."""


def pause(seconds: float) -> None:
    """Raises Interrupted as soon as the update is ended.

    Pulumi tells a provider of the second Ctrl-C only: at the first it waits for what is under way.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _raise_if_interrupted()
        time.sleep(min(left, 0.2))


def _raise_if_interrupted() -> None:
    try:
        _probe.submit(int)
    except RuntimeError as error:
        raise Interrupted("the update was ended") from error
