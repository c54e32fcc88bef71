"""Logs an error when file descriptors run out, since libuv then closes new connections without any message."""

import logging
import resource
import time
from typing import Final

_RESERVE: Final = 8  # descriptors that libraries may need besides
_EVERY: Final = 60.0  # seconds between two lines
_log: Final = logging.getLogger(__name__)


class DescriptorWatch:
    """Watches the descriptor of each new connection: the lowest free one. A high descriptor means that few are left."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def saw(self, descriptor: int) -> None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        now = time.monotonic()
        if limit != resource.RLIM_INFINITY and descriptor >= limit - _RESERVE and now >= self._silent_until:
            self._silent_until = now + _EVERY
            _log.error("file descriptors run out: %d of %d are in use; more connections are closed", descriptor, limit)
