"""Injects the faults that are on into the statements of one connection."""

import time

from local_keyspaces import results
from local_keyspaces.awaited import Change
from local_keyspaces.faults import Faults
from local_keyspaces.refusals import throttled
from local_keyspaces.requests import Parameters

# The prefix of the paging state after an injected empty page: the requested page is still to come.
_AFTER_EMPTY = b"\0after-empty\0"
_DEFAULT_PAGE = 5000


class FaultInjector:
    """faults: those that are on; the connection sets them whenever it has received data."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.struck = ""
        """The name of the fault that was raised last."""
        self._second, self._in_second = 0, 0

    def strike(self, *, write_type: str | None, consistency: str, of_system: bool = False) -> None:
        """Raises Refused for a statement that is throttled, ConnectionAbortedError for a connection that is dropped.

        write_type: None for a read. of_system: a statement on system tables is never throttled, because these tables
        have no capacity to exceed, and drivers need them.
        """
        if not self.faults.any:
            return
        self.drop()
        if of_system:
            return
        if self.faults.throttles(write=write_type is not None):
            self.struck = "throttle_reads" if write_type is None else "throttle_writes"
            raise throttled(write_type=write_type, consistency=consistency)
        if self._is_too_fast():
            self.struck = "rate_limit"
            raise throttled(write_type=write_type, consistency=consistency)

    def drop(self) -> None:
        """Raises ConnectionAbortedError for a connection that is dropped."""
        if self.faults.drops():
            self.struck = "drop"
            raise ConnectionAbortedError("dropped on demand")

    def page(self, parameters: Parameters, change: Change | None) -> tuple[bytes, Change | None]:
        """The parameters with the page to request from Cassandra, and the change to the answer, including `change`."""
        state, size = parameters.paging_state, parameters.page_size
        follows_empty = state is not None and state.startswith(_AFTER_EMPTY)
        if size is None or not (self.faults.page_rows or self.faults.empty_pages or follows_empty):
            return parameters.encoded, change
        if size <= 0:
            size = _DEFAULT_PAGE
        if self.faults.page_rows:
            size = min(size, self.faults.page_rows)
        if state is not None and follows_empty:
            return parameters.with_page(size, state.removeprefix(_AFTER_EMPTY) or None), change
        if not self.faults.empty_pages:
            return parameters.with_page(size, state), change

        def empty(body: bytes) -> bytes:
            return results.empty_page(change(body) if change else body, _AFTER_EMPTY + (state or b""))

        return parameters.with_page(1, state), empty

    def _is_too_fast(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return 0 < self.faults.rate_limit < self._in_second
