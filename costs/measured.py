"""The measured consumption of requests in a run on this machine, which replaces the assumptions.

`python -m local up` writes the file. This package knows only its format, and imports nothing of `local`.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from costs.assumptions import DEFAULTS, REQUESTS, Assumptions
from costs.prices import READS, WRITES
from declared.errors import ProgramError

_FEW = 100


@dataclass(frozen=True, kw_only=True)
class MeasuredService:
    """requests: number of answered requests by method. Bytes and units are totals; bytes include headers."""

    name: str
    requests: Mapping[str, int]
    request_bytes: int
    response_bytes: int
    read_units: float
    write_units: float

    @property
    def count(self) -> int:
        return sum(self.requests.values())

    def line(self) -> str:
        read, write = self.read_units / self.count, self.write_units / self.count
        methods = ", ".join(f"{method} {count:,}" for method, count in sorted(self.requests.items()))
        dollars = (read * READS.usd + write * WRITES.usd) * REQUESTS / 1e6
        return (
            f"{self.name}: {self.count:,} requests ({methods}); each {read:.3g} RRU and {write:.3g} WRU,"
            f" ${dollars:.2f} a million for Keyspaces"
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """stack: name of the stack that ran. at: time of the last counted request, in UTC."""

    stack: str
    at: str
    services: Sequence[MeasuredService]

    @property
    def count(self) -> int:
        return sum(each.count for each in self.services)

    def assumptions(self) -> Assumptions:
        """Assumptions with the means of all requests in the run; a million requests have the same mix of methods."""
        return dataclasses.replace(
            DEFAULTS,
            read_units=sum(each.read_units for each in self.services) / self.count,
            write_units=sum(each.write_units for each in self.services) / self.count,
            request_bytes=sum(each.request_bytes for each in self.services) / self.count,
            response_bytes=sum(each.response_bytes for each in self.services) / self.count,
        )

    def lines(self) -> Iterator[str]:
        yield f"Measured by the last run of stack {self.stack} on this machine, {self.at}:"
        yield from (f"  {each.line()}" for each in self.services)
        if self.count < _FEW:
            yield f"  These are few requests, and reads at the start of tasks count, too; send at least {_FEW}."


def read_measured(file: Path) -> Measured | None:
    """The measurements, or None if no run had requests. Raises ProgramError for a file with another format."""
    try:
        found = json.loads(file.read_text())
        services = [MeasuredService(name=name, **each) for name, each in found["services"].items()]
        measured = Measured(stack=str(found["stack"]), at=str(found["at"]), services=services)
        return measured if measured.count else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProgramError(f"{file} is not a measured run ({error!r}): delete it and run `make up` again") from None
