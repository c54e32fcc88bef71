"""Reads rows back and compares them with the input, value by value, as bytes."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType, TupleType

from keyspaces.execute import encode_cell
from keyspaces.serialize import serializer
from loader.convert import Mistake, Ready
from loader.ledger import Ledger
from loader.load import Counts, LoadFailed, Loading, patiently
from loader.rows import Input, Row
from loader.sizes import READ_BYTES
from loader.sources import BadData
from loader.window import RequestWindow

_CHUNK_ROWS: Final = 600


class Verifier:
    """Of one load, which is done."""

    def __init__(
        self,
        loading: Loading,
        data: Input,
        *,
        window: RequestWindow,
        ledger: Ledger,
        counts: Counts,
        report: Callable[[Row, Sequence[Mistake]], None],
        progress: Callable[[], None],
        stop: asyncio.Event,
    ) -> None:
        """report: is told of each row that is not as given."""
        self._data, self._window, self._ledger, self._counts = data, window, ledger, counts
        self._report, self._progress, self._stop, self._find = report, progress, stop, loading.find
        types = loading.insert.types
        names = [column.name for column in loading.description.columns]
        self._key = [names.index(name) for name in loading.description.key]
        self._columns = [(name, types[name], serializer(name, types[name])) for name in names]

    async def verify(self) -> None:
        """Raises LoadFailed and BadData."""
        try:
            async with asyncio.TaskGroup() as group:
                rows = self._data.rows()
                while chunk := list(islice(rows, _CHUNK_ROWS)):
                    if self._stop.is_set():
                        break
                    left_out = self._ledger.rejected(chunk[0].record, chunk[-1].record + 1)
                    for row in chunk:
                        if isinstance(row.outcome, Ready) and row.record not in left_out:
                            await self._window.take()
                            group.create_task(self._compare(row, row.outcome))
                    self._progress()
        except* (LoadFailed, BadData) as errors:
            raise errors.exceptions[0] from None

    async def _compare(self, row: Row, ready: Ready) -> None:
        key = b"".join(encode_cell(ready.cells[at] or b"") for at in self._key)
        try:
            page = await patiently(
                f"{self._data.place(row.record)}: cannot be read back",
                lambda deadline: self._find.execute_row(key, deadline=deadline),
            )
        finally:
            self._window.give_back()
        self._counts.read_units += max(-(-len(ready.body) // READ_BYTES), 1)
        if not page.rows:
            mistakes = [Mistake(None, "", "is not in the table although it was written")]
        else:
            mistakes = list(self._different(ready, page.rows[0]))
        if mistakes:
            self._counts.different += 1
            self._report(row, mistakes)
        else:
            self._counts.verified += 1

    def _different(self, ready: Ready, found: Sequence[Any]) -> Iterator[Mistake]:
        for (name, type_, serialize), cell, value in zip(self._columns, ready.cells, found, strict=True):
            if cell is None:
                continue
            there = serialize(value) if value is not None else None
            if there != cell and canonical(type_, there) != canonical(type_, cell):
                yield Mistake(name, "", "reads back differently")


def canonical(type_: Any, value: bytes | None) -> Any:
    """Equal for equal values, in whatever order a set or a map comes; an empty collection is a null."""
    if value is None:
        return None
    if issubclass(type_, ReversedType):
        return canonical(type_.subtypes[0], value)
    if issubclass(type_, MapType | SetType | ListType):
        elements = [
            tuple(canonical(each, part) for each, part in zip(type_.subtypes, parts, strict=True))
            for parts in _grouped(_parts(value, 4), len(type_.subtypes))
        ]
        return (elements if issubclass(type_, ListType) else sorted(elements, key=repr)) or None
    if issubclass(type_, TupleType):  # and user-defined types, whose last fields may be left out
        fields = [canonical(each, part) for each, part in zip(type_.subtypes, _parts(value, 0), strict=False)]
        while fields and fields[-1] is None:
            fields.pop()
        return fields
    return value


def _parts(value: bytes, at: int) -> Iterator[bytes | None]:
    while at < len(value):
        length = int.from_bytes(value[at : at + 4], "big", signed=True)
        yield value[at + 4 : at + 4 + length] if length >= 0 else None
        at += 4 + max(length, 0)


def _grouped(parts: Iterable[bytes | None], size: int) -> Iterator[tuple[bytes | None, ...]]:
    return zip(*[iter(parts)] * size, strict=True)
