"""The newest statements of all clients, each with its request, the decisions about it, and its consumption.

The endpoint writes one entry for every statement. Facts that only a reader needs, such as the deciding policy, are
computed when the log is read.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from local_keyspaces.catalog import Catalog
from local_keyspaces.frames import ErrorCode, Reader
from local_keyspaces.iam import Decision, Principal
from local_keyspaces.plans import Access
from local_keyspaces.refusals import Refused

_KEPT: Final = 20_000
_LONGEST_TEXT: Final = 1000

Stage = Literal["rule", "permission", "fault", "capacity", "Cassandra"]
"""The stages of a statement, each of which may refuse it, in their order."""


@dataclass(kw_only=True, slots=True)
class LoggedStatement:
    """at: time.time(). stage: the last one reached. delay: seconds added by a fault. seconds: None until it ends."""

    principal: Principal
    request_id: str
    text: str
    at: float = field(default_factory=time.time)
    accesses: frozenset[Access] = frozenset()
    consistency: str = ""
    stage: Stage = "rule"
    faults: tuple[str, ...] = ()
    delay: float = 0.0
    error: str = ""
    read_units: float = 0.0
    write_units: float = 0.0
    scans: bool = False
    seconds: float | None = None
    _started: float = field(default_factory=time.perf_counter)

    def refused(self, error: Refused) -> None:
        if error.code == ErrorCode.UNAUTHORIZED:
            self.stage = "permission"
        self.ended(error.message)

    def ended(self, error: str = "") -> None:
        self.seconds = time.perf_counter() - self._started
        self.error = error

    def failed(self, body: bytes) -> None:
        """body: the body of Cassandra's ERROR."""
        reader = Reader(body)
        reader.integer()
        self.ended(reader.string())

    def decisions(self, catalog: Catalog) -> Iterator[Decision]:
        for access in sorted(self.accesses, key=lambda each: (each.keyspace, each.table or "", each.action)):
            yield from access.decisions(self.principal, catalog)

    def as_json(self, catalog: Catalog) -> dict[str, Any]:
        refused_by = self.stage if self.error else ""
        return {
            "at": self.at,
            "ms": None if self.seconds is None else round(self.seconds * 1000, 2),
            "request_id": self.request_id,
            "role": self.principal.name,
            "statement": self.text[:_LONGEST_TEXT],
            "consistency": self.consistency,
            "tables": sorted({f"{each.keyspace}.{each.table}" for each in self.accesses if each.table}),
            "permissions": [
                {"action": each.action, "resource": each.resource, "allowed": each.allowed, "because": each.reason}
                for each in self.decisions(catalog)
            ],
            "faults": list(self.faults),
            "delay_ms": round(self.delay * 1000, 2),
            "refused_by": refused_by,
            "error": self.error,
            "scan": self.scans,
            "read_units": self.read_units,
            "write_units": self.write_units,
        }


class StatementLog:
    """Only the endpoint's thread may append; any thread may call `newest`."""

    def __init__(self) -> None:
        self._kept: deque[LoggedStatement] = deque(maxlen=_KEPT)

    def keep(self, logged: LoggedStatement) -> None:
        self._kept.append(logged)

    def newest(self) -> list[LoggedStatement]:
        """At most 20,000 statements in their order, the newest last."""
        return list(self._kept)

    def by_request(self) -> Mapping[str, list[LoggedStatement]]:
        """The statements that belong to a request, by the request's id."""
        found: dict[str, list[LoggedStatement]] = {}
        for each in self.newest():
            if each.request_id:
                found.setdefault(each.request_id, []).append(each)
        return found

    @property
    def since(self) -> float:
        """The time.time() from which the log is complete."""
        kept = self.newest()
        return kept[0].at if len(kept) == _KEPT else 0.0
