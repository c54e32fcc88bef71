"""An in-memory table that replaces the kit's database access."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from keyspaces.database import Description
from keyspaces.results import Column, Row, RowPage
from keyspaces.statements import Effect
from keyspaces.writes import Applied

COLUMNS = (Column("id", "text"), Column("area", "int"))


@dataclass
class FakeTable:
    """rows: the first column is the key. errors: raised for a key. error: raised by each read. may_answer: reads wait
    for it."""

    rows: Sequence[Row] = (("ab", 9834000),)
    columns: Sequence[Column] = COLUMNS
    errors: Mapping[str, Exception] = field(default_factory=dict)
    error: Exception | None = None
    reads: int = 0
    may_answer: asyncio.Event | None = None

    def describe(self) -> Description:
        kinds = dict.fromkeys([column.name for column in self.columns[1:]], "regular")
        key = self.columns[0].name
        return Description("fakes.things", self.columns, [key], {key: "partition_key", **kinds})

    def read(self, clauses: str = "") -> "_FakeRead":
        return _FakeRead(self)

    def write(self, before: str, after: str, *, effect: Effect) -> NoReturn:
        raise NotImplementedError("tests of writes use a real table")


class _FakeRead:
    def __init__(self, table: FakeTable) -> None:
        self._table = table

    async def execute(
        self,
        values: Sequence[Any],
        *,
        deadline: float,
        fetch_size: int | None = None,
        paging_state: bytes | None = None,
    ) -> RowPage:
        table = self._table
        table.reads += 1
        error = table.error or (table.errors.get(values[0]) if values else None)
        if error is not None:
            raise error
        if table.may_answer is not None:
            await table.may_answer.wait()
        found = [row for row in table.rows if not values or row[0] == values[0]]
        start = int(paging_state or 0)
        end = len(found) if fetch_size is None else start + fetch_size
        return RowPage(found[start:end], str(end).encode() if end < len(found) else None)


class NoBatches:
    """Replaces batches, for an in-memory table."""

    async def execute(self, writes: Sequence[Any], kind: str, *, deadline: float) -> Applied:
        raise NotImplementedError("tests of writes use a real table")
