"""The state of a load on disk: its position, the primary keys so far, and the rejected rows.

It is one SQLite file: a process that is killed at any moment leaves either the whole of a step or nothing of it, and
memory does not grow with the rows, which take 45 bytes of disk each.
"""

import json
import os
import sqlite3
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS seen (hash INTEGER PRIMARY KEY, rest INTEGER NOT NULL, record INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS rejects (record INTEGER PRIMARY KEY, reject TEXT NOT NULL);
"""
_KEYS: Final = struct.Struct(">qq").iter_unpack
_CACHE_KIB: Final = 2 * 1024
"""Small, so that memory is the same for small and large loads; the operating system also caches the file."""
_VERSION: Final = "1"

Reject = Mapping[str, Any]
"""A row's entry in the rejects file: file, line, columns, values, reasons."""


class StateInUse(Exception):
    """Another load uses this state, or the folder cannot be used; the message says which."""


class Ledger:
    """The state of the load of one input into one table. Records are numbered from 0 over all files of the input."""

    def __init__(self, folder: Path, identity: str) -> None:
        """identity: of input and table; state with another identity is discarded. Raises StateInUse."""
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.geteuid():
                raise StateInUse(f"{folder} belongs to another user; give another folder by --state")
            self._database = sqlite3.connect(folder / "state.sqlite", isolation_level=None, timeout=0)
            run = self._database.execute
            run("PRAGMA locking_mode = EXCLUSIVE")
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = NORMAL")
            run(f"PRAGMA cache_size = -{_CACHE_KIB}")
            run("BEGIN EXCLUSIVE")
            self._database.execute("COMMIT")
            self._database.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise StateInUse(f"the state in {folder} cannot be used: {error}") from error
        identity = f"{_VERSION} {identity}"
        if self._fact("identity") != identity:
            for table in ("facts", "seen", "rejects"):
                run(f"DELETE FROM {table}")
            self._set("identity", identity)
        self.position = int(self._fact("position") or 0)
        self._rejects: list[tuple[int, str]] = []
        run("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def duplicates(self, records: Sequence[int], keys: bytes) -> Mapping[int, int]:
        """For each record whose key an earlier record has, the earlier record. keys: digests of 16 bytes each."""
        rows = [(hash_, rest, record) for (hash_, rest), record in zip(_KEYS(keys), records, strict=True)]
        before = self._database.total_changes
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", rows)
        if self._database.total_changes - before == len(rows):
            return {}
        found: dict[int, int] = {}
        for hash_, rest, number in rows:
            first = self._database.execute("SELECT rest, record FROM seen WHERE hash = ?", (hash_,)).fetchone()
            if first[0] == rest and first[1] != number:
                found[number] = first[1]
        return found

    def reject(self, record: int, reject: Reject) -> None:
        self._rejects.append((record, json.dumps(reject)))

    def commit(self, position: int) -> None:
        """Stores that all records before the position are written or rejected.

        A killed process loses no commit; a power failure may lose the last ones.
        """
        run = self._database.execute
        self._database.executemany("INSERT OR REPLACE INTO rejects VALUES (?, ?)", self._rejects)
        self._rejects.clear()
        self._set("position", str(position))
        run("COMMIT")
        run("BEGIN")
        self.position = position

    def rejected(self, first: int, end: int) -> set[int]:
        """The rejected records from `first` to before `end`."""
        rows = self._database.execute("SELECT record FROM rejects WHERE record >= ? AND record < ?", (first, end))
        return {record for (record,) in rows}

    def count_rejects(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM rejects").fetchone()
        return int(count)

    def rejects(self) -> Iterator[str]:
        """The rejects as JSON, in the order of the records."""
        for (reject,) in self._database.execute("SELECT reject FROM rejects ORDER BY record"):
            yield reject

    def remember_plan(self, plan: Mapping[str, Any]) -> None:
        self._set("plan", json.dumps(plan))
        self.commit(self.position)

    def plan(self) -> Mapping[str, Any] | None:
        kept = self._fact("plan")
        return json.loads(kept) if kept else None

    def forget(self) -> None:
        """Deletes the state after a complete load, so that the next load begins at the start."""
        self._database.close()
        for name in ("state.sqlite", "state.sqlite-wal", "state.sqlite-shm"):
            (self.folder / name).unlink(missing_ok=True)

    def _fact(self, name: str) -> str | None:
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
