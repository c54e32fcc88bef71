"""The meter of a running endpoint, for tests and command lines.

with metered() as m:
    place_order()
assert m.reads("orders") <= 3
"""

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically
from local_keyspaces.least_privilege import RoleDecisions
from local_keyspaces.meter import Meter
from local_keyspaces.throttling import Throttling

_FILE = "meter.json"
_SECONDS = 10.0
_TOKEN_BYTES = 32
_COUNTS = ("statements", "read_units", "write_units", "failed_conditions", "estimated")
_SHAPE = ("role", "keyspace", "table", "text")


class NoMeter(LocalKeyspacesError):
    """Says in one sentence that no endpoint runs in the directory, or that it does not answer."""


class Metered:
    """The consumption between two moments. A table is named as `orders`, or as `shop.orders`."""

    def __init__(self) -> None:
        self.statements: list[Mapping[str, Any]] = []
        """One entry for each role, table and shape, as in `read_totals`, with the consumption in between only."""

    def reads(self, table: str | None = None) -> float:
        """Read units of a table, or of all tables."""
        return self._sum("read_units", table)

    def writes(self, table: str | None = None) -> float:
        """Write units of a table, or of all tables."""
        return self._sum("write_units", table)

    def count(self, table: str | None = None) -> int:
        """Statements on a table, or on all tables; each part of a batch counts as one."""
        return int(self._sum("statements", table))

    def _sum(self, what: str, table: str | None) -> float:
        return sum(
            float(each[what])
            for each in self.statements
            if table in (None, each["table"], f"{each['keyspace']}.{each['table']}")
        )


@contextmanager
def metered(source: Meter | Path | str = Path(".local", "keyspaces")) -> Iterator[Metered]:
    """Measures the consumption of a block; the totals are complete when the block has ended. Raises NoMeter.

    source: the directory of a running endpoint (default: of the endpoint that was started in this working directory),
    or the meter of an endpoint in this process.
    """
    found = Metered()
    before = {_shape(each): each for each in _statements(source)}
    yield found
    for each in _statements(source):
        old = before.get(_shape(each), {})
        changed = {**each, **{name: each[name] - old.get(name, 0) for name in _COUNTS}}
        if changed["statements"]:
            found.statements.append(changed)


def read_totals(directory: Path) -> Mapping[str, Any]:
    """The totals of the endpoint that runs with this directory. Blocks. Raises NoMeter.

    The totals are `Meter.snapshot`, `Throttling.report` if capacity is enforced, and `RoleDecisions.snapshot` as
    `permissions`.
    """
    try:
        address = json.loads((directory / _FILE).read_text())
        with socket.create_connection(("127.0.0.1", address["port"]), timeout=_SECONDS) as connection:
            connection.sendall(address["token"].encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        totals: Mapping[str, Any] = json.loads(answer)
    except (OSError, ValueError, KeyError) as error:
        raise NoMeter(f"no local Keyspaces runs with the directory {directory}: start it first ({error})") from None
    return totals


@asynccontextmanager
async def serve(
    meter: Meter, decisions: RoleDecisions, directory: Path, throttling: Throttling | None = None
) -> AsyncIterator[None]:
    """Serves the totals to `read_totals`, only to users that may read the directory's file: partition keys are data.

    throttling: None if capacity is not enforced; otherwise its report is in the totals, too.
    """
    token = secrets.token_hex(_TOKEN_BYTES // 2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                given = await reader.readexactly(_TOKEN_BYTES)
                if hmac.compare_digest(given, token.encode()):
                    totals = {**meter.snapshot(), "permissions": decisions.snapshot()}
                    if throttling is not None:
                        totals |= throttling.report()
                    writer.write(json.dumps(totals).encode())
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    file = directory / _FILE
    write_atomically(file, json.dumps({"port": server.sockets[0].getsockname()[1], "token": token}))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        server.close()


def _statements(source: Meter | Path | str) -> list[Mapping[str, Any]]:
    totals = source.snapshot() if isinstance(source, Meter) else read_totals(Path(source))
    statements: list[Mapping[str, Any]] = totals["statements"]
    return statements


def _shape(statement: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(statement[name] for name in _SHAPE)
