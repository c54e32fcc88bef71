"""The traffic through the load balancer, and a file with the measured consumption of this run's requests.

`python -m costs` reads the file, and computes the measured cost of a million requests of this program.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.stack_model import Service, Stack
from local_keyspaces.files import write_atomically

_SECONDS = 10.0


@dataclass
class Traffic:
    """The traffic of one target group. requests: answered by a task, by method. Bytes include the headers."""

    requests: Counter[str] = field(default_factory=Counter)
    request_bytes: int = 0
    response_bytes: int = 0

    def add(self, method: str, request_bytes: int, response_bytes: int) -> None:
        self.requests[method] += 1
        self.request_bytes += request_bytes
        self.response_bytes += response_bytes


def header_bytes(headers: Mapping[str, str]) -> int:
    """The bytes of the headers in HTTP/1.1, each with a colon, a space and a line end; without the first line."""
    return sum(len(name) + len(value) + 4 for name, value in headers.items())


def measured(
    stack: Stack, name: str, traffic: Mapping[str, Traffic], statements: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The measured consumption of each service that has had requests.

    name: the stack's. traffic: by target group. statements: the meter's.
    """
    by_role: dict[str, list[float]] = {}
    for each in statements:
        units = by_role.setdefault(each["role"], [0.0, 0.0])
        units[0] += each["read_units"]
        units[1] += each["write_units"]
    services = {}
    for step in stack.steps:
        if not isinstance(step, Service) or step.target_group is None:
            continue
        if (seen := traffic.get(step.target_group.name)) and seen.requests:
            read, write = by_role.get(step.task.role.arn.rpartition("/")[2], [0.0, 0.0])
            services[step.name] = {
                "requests": dict(seen.requests),
                "request_bytes": seen.request_bytes,
                "response_bytes": seen.response_bytes,
                "read_units": read,
                "write_units": write,
            }
    return {"stack": name, "at": datetime.now(UTC).isoformat(timespec="seconds"), "services": services}


class MeasuredFile:
    """Writes the file while the stack runs, and at its end, if any request was answered."""

    def __init__(self, file: Path, measure: Callable[[], Mapping[str, Any]]) -> None:
        self._file = file
        self._measure = measure
        self._written: Mapping[str, Any] | None = None

    def write(self) -> None:
        found = self._measure()
        if found["services"] and found["services"] != self._written:
            write_atomically(self._file, json.dumps(found, indent=2))
            self._written = found["services"]

    async def keep(self) -> None:
        """Writes the file every 10 seconds, and once more when it is cancelled."""
        try:
            while True:
                await asyncio.sleep(_SECONDS)
                self.write()
        finally:
            self.write()
