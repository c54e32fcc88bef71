"""Checks all records, then writes them, then reads them back.

Nothing is written until every record fits the table. Writing a record again changes nothing, so a load that was ended
is run again from the start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cassandra.cqltypes import ListType, MapType, ReversedType, SetType, TupleType
from cassandra.query import UNSET_VALUE

from keyspaces.database import Database, Description
from keyspaces.reads import PreparedRead
from keyspaces.serialize import Unwritable, serializer
from keyspaces.session import DRIVER_ERRORS, describe
from keyspaces.statements import DeadlineExceeded, OutcomeUnknown
from keyspaces.writes import PreparedWrite
from loader.records import BadData, Record

ROW_AT_MOST: Final = 1024 * 1024  # bytes (Keyspaces developer guide, "Quotas")
_MISTAKES_SHOWN: Final = 20
_AT_ONCE: Final = 64  # statements
_STATEMENT_SECONDS: Final = 10.0
_PATIENCE: Final = 120.0  # seconds for which one record is tried, as for a table that scales up
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds


class LoadFailed(Exception):
    """Not every record is in the table as it should be; the message says which is not, and why."""


@dataclass(frozen=True)
class Loading:
    """A table, with the statements that load it."""

    description: Description
    insert: PreparedWrite
    find: PreparedRead

    @classmethod
    def of(cls, database: Database) -> "Loading":
        """Blocks. Raises the driver's errors, and LoadFailed for a table of counters."""
        description = database.describe()
        names = [f'"{column.name}"' for column in description.columns]
        if any(column.cql_type == "counter" for column in description.columns):
            raise LoadFailed(f"{description.name} has counters, which can be counted up but not loaded")
        values = f"({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
        key = " AND ".join(f'"{name}" = ?' for name in description.key)
        return cls(
            description,
            database.write("INSERT INTO", values, effect="idempotent write"),
            database.read(f"WHERE {key}"),
        )

    @property
    def types(self) -> Mapping[str, str]:
        """The table's CQL types by column."""
        return {column.name: column.cql_type for column in self.description.columns}


def check(loading: Loading, records: Iterable[Record]) -> int:
    """How many there are. Raises BadData, which names what is wrong with each."""
    serializers = {name: serializer(name, type_) for name, type_ in loading.insert.types.items()}
    seen: dict[bytes, str] = {}
    mistakes: list[str] = []
    count = wrong = left_out = 0
    for record in records:
        count += 1
        found = list(_mistakes(loading.description, serializers, record, seen))
        wrong += bool(found)
        shown = found[: _MISTAKES_SHOWN - len(mistakes)]
        mistakes += shown
        left_out += len(found) - len(shown)
    if wrong:
        more = [f"and more: {wrong} of {count} records cannot be loaded"] if left_out else []
        raise BadData("\n".join([*mistakes, *more]))
    if not count:
        raise BadData("there is no record in the data")
    return count


def _mistakes(
    table: Description, serializers: Mapping[str, Callable[[Any], bytes]], record: Record, seen: dict[bytes, str]
) -> Iterator[str]:
    if record.mistakes:
        yield from (f"{record.where}: {mistake}" for mistake in record.mistakes)
        return
    size, key = 0, {}
    for name, value in record.values.items():
        if name not in serializers:
            yield f"{record.where}: the table has no column {name!r}; it has {', '.join(serializers)}"
        elif value is not None:
            try:
                serialized = serializers[name](value)
            except Unwritable as error:
                yield f"{record.where}: {error}: {str(value)[:50]!r}"
            else:
                size += len(serialized)
                if name in table.key:
                    key[name] = serialized
    if missing := [name for name in table.key if record.values.get(name) is None]:
        yield f"{record.where}: {', '.join(missing)} is missing, which is in the primary key"
    elif len(key) == len(table.key):
        identity = b"".join(len(key[name]).to_bytes(4, "big") + key[name] for name in table.key)
        first = seen.setdefault(identity, record.where)
        if first != record.where:
            yield f"{record.where}: has the primary key of {first}"
    if size > ROW_AT_MOST:
        yield f"{record.where}: has {size} bytes; a row has {ROW_AT_MOST} at most"


async def write(loading: Loading, records: Iterable[Record], done: Callable[[], None]) -> int:
    """Writes each record. done: is called after each. Returns how many. Raises LoadFailed."""
    columns = [column.name for column in loading.description.columns]

    async def insert(record: Record) -> None:
        values = [record.values.get(name, UNSET_VALUE) for name in columns]
        await _patiently(record, "written", lambda deadline: loading.insert.execute(values, deadline=deadline))
        done()

    return await _for_each(records, insert)


async def verify(loading: Loading, records: Iterable[Record], done: Callable[[], None]) -> int:
    """Reads each record back. Returns how many are there as given. Raises LoadFailed if one is not."""
    types, columns = loading.insert.types, [column.name for column in loading.description.columns]

    async def find(record: Record) -> None:
        key = [record.values[name] for name in loading.description.key]
        page = await _patiently(record, "read back", lambda deadline: loading.find.execute(key, deadline=deadline))
        if not page.rows:
            raise LoadFailed(f"{record.where}: is not in the table although it was written")
        found = dict(zip(columns, page.rows[0], strict=True))
        for name, value in record.values.items():
            if _comparable(types[name], value) != _comparable(types[name], found[name]):
                raise LoadFailed(f"{record.where}: {name} reads back differently")
        done()

    return await _for_each(records, find)


async def _for_each(records: Iterable[Record], act: Callable[[Record], Awaitable[None]]) -> int:
    """A few at a time, whatever their number; the first error ends all."""
    remaining, count = iter(records), 0

    async def work() -> None:
        nonlocal count
        for record in remaining:
            await act(record)
            count += 1

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except* (LoadFailed, BadData) as errors:
        raise errors.exceptions[0] from None
    return count


async def _patiently(record: Record, what: str, execute: Callable[[float], Awaitable[Any]]) -> Any:
    """Tries again with growing pauses: Keyspaces reports throttling as a timeout."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return await execute(loop.time() + _STATEMENT_SECONDS)
        except Unwritable as error:
            raise LoadFailed(f"{record.where}: cannot be {what}: {error}") from error
        except (*DRIVER_ERRORS, DeadlineExceeded, OutcomeUnknown) as error:
            if loop.time() + pause > until:
                raise LoadFailed(f"{record.where}: cannot be {what}: {describe(error)}") from error
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _comparable(type_: Any, value: Any) -> Any:
    """Equal for equal values of the type, in whatever order a set or a map comes; an empty collection is a null."""
    if value is None:
        return None
    if issubclass(type_, ReversedType):
        return _comparable(type_.subtypes[0], value)
    if issubclass(type_, MapType):
        key, item = type_.subtypes
        return sorted((_comparable(key, each), _comparable(item, value[each])) for each in value) or None
    if issubclass(type_, SetType):
        return sorted(_comparable(type_.subtypes[0], each) for each in value) or None
    if issubclass(type_, ListType):
        return [_comparable(type_.subtypes[0], each) for each in value] or None
    if issubclass(type_, TupleType):
        return _comparable_tuple(type_, value)
    return serializer("", type_)(value)


def _comparable_tuple(type_: Any, value: Any) -> Sequence[Any]:
    names = getattr(type_, "fieldnames", range(len(type_.subtypes)))
    each = [value.get(name) for name in names] if isinstance(value, Mapping) else list(value)
    return [_comparable(subtype, item) for subtype, item in zip(type_.subtypes, each, strict=True)]
