"""The consumption of requests in a run on this machine, in place of what is assumed of them.

`python -m local up` writes the file. This room knows its form only: it imports nothing of `local`.
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
    """requests: answered ones, by method. Bytes and units are of all of them together; bytes are with headers."""

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
            f" ${dollars:.2f} of Keyspaces a million"
        )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """stack: that ran. at: when the last request was counted, in UTC."""

    stack: str
    at: str
    services: Sequence[MeasuredService]

    @property
    def count(self) -> int:
        return sum(each.count for each in self.services)

    def assumptions(self) -> Assumptions:
        """With the mean of all requests in the run, whose mix of methods is that of a million."""
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
            yield f"  These are few, and what tasks read at their start counts with them; {_FEW} requests are better."


def read_measured(file: Path) -> Measured | None:
    """None if there was no run with requests. Raises ProgramError for a file of another form."""
    try:
        found = json.loads(file.read_text())
        services = [MeasuredService(name=name, **each) for name, each in found["services"].items()]
        measured = Measured(stack=str(found["stack"]), at=str(found["at"]), services=services)
        return measured if measured.count else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProgramError(f"{file} is no measured run ({error!r}): delete it, and `make up` writes it anew") from None
