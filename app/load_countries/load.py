"""Writes records to a table and reads them back."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import Session
from cassandra.query import BoundStatement, SimpleStatement

from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.target import QualifiedName

Record = Mapping[str, Any]

_ATTEMPTS = 6
_FIRST_PAUSE = 0.2  # seconds, doubled each time


class LoadFailed(Exception):
    """Not every record is in the table as it should be; the message says which is not, and why."""


def wait_until_active(
    session: Session, table: QualifiedName, *, deadline: float, report: Callable[[str], None]
) -> None:
    """Keyspaces creates tables asynchronously: waits for ACTIVE. Raises LoadFailed at `deadline` (time.monotonic())."""
    # Not prepared: Keyspaces has refused to prepare reads of system tables.
    question = SimpleStatement(
        "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s"
    )
    seen = None
    while True:
        row = session.execute(question, (table.keyspace, table.name)).one()
        status = row["status"] if row else "missing"
        if status == "ACTIVE":
            return
        if time.monotonic() >= deadline:
            raise LoadFailed(f"table {table} is {status}, not ACTIVE, and time is up")
        if status != seen:
            report(f"waiting for table {table}: {status}")
            seen = status
        time.sleep(1)


def write(session: Session, table: QualifiedName, records: Sequence[Record]) -> int:
    """Writes every record; writing one again changes nothing. Returns how many. Raises LoadFailed."""
    for record in records:
        columns = ", ".join(f'"{column}"' for column in record)
        marks = ", ".join("?" for _ in record)
        insert = session.prepare(f"INSERT INTO {table.in_cql} ({columns}) VALUES ({marks})")
        _execute(session, insert.bind(list(record.values())), f"writing {dict(record)}")
    return len(records)


def verify(session: Session, table: QualifiedName, records: Sequence[Record], key: str = "id") -> int:
    """Reads every record back by its key. Returns how many are there as given. Raises LoadFailed if one is not."""
    for record in records:
        columns = ", ".join(f'"{column}"' for column in record)
        select = session.prepare(f'SELECT {columns} FROM {table.in_cql} WHERE "{key}" = ?')
        rows = _execute(session, select.bind([record[key]]), f"reading {record[key]!r}")
        if rows != [dict(record)]:
            raise LoadFailed(f"{table}: {record[key]!r} reads back as {rows}, not as {dict(record)}")
    return len(records)


def _execute(session: Session, statement: BoundStatement, doing: str) -> list[dict[str, Any]]:
    """Tries again with growing pauses: Keyspaces reports throttling as a timeout."""
    pause = _FIRST_PAUSE
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return list(session.execute(statement))
        except (InvalidRequest, Unauthorized) as error:
            raise LoadFailed(f"{doing}: {describe(error)}") from error
        except DRIVER_ERRORS as error:
            if attempt == _ATTEMPTS:
                raise LoadFailed(f"{doing}: {describe(error)} ({_ATTEMPTS} attempts)") from error
        time.sleep(pause)
        pause *= 2
    raise AssertionError("unreachable")
