"""RESULT messages: reads and changes the metadata of rows and of prepared statements.

Source: Apache Cassandra, doc/native_protocol_v4.spec, section 4.2.5.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from local_keyspaces import frames
from local_keyspaces.frames import ProtocolError, Reader

FullName = tuple[str, str]
"""Keyspace and table."""

_GLOBAL_TABLE, _MORE_PAGES, _NO_METADATA = 0x01, 0x02, 0x04


class Kind(IntEnum):
    VOID = 1
    ROWS = 2
    SET_KEYSPACE = 3
    PREPARED = 4
    SCHEMA_CHANGE = 5


VOID = frames.int_(Kind.VOID)


def set_keyspace(name: str) -> bytes:
    return frames.int_(Kind.SET_KEYSPACE) + frames.string(name)


def schema_change(change: str, target: str, *names: str) -> bytes:
    """change: CREATED, UPDATED or DROPPED. target: KEYSPACE, TABLE or TYPE. names: keyspace, and table or type."""
    return frames.int_(Kind.SCHEMA_CHANGE) + b"".join(map(frames.string, (change, target, *names)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Column:
    table: FullName | None
    name_and_type: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Metadata:
    """key: positions of the partition key among bound values; None in the metadata of rows."""

    flags: int
    count: int
    key: bytes | None
    paging_state: bytes | None
    table: FullName | None
    columns: tuple[_Column, ...]

    @classmethod
    def read(cls, reader: Reader, *, bound: bool = False) -> "_Metadata":
        flags, count = reader.integer(), reader.integer()
        key = None
        if bound:
            start = reader.at
            for _ in range(reader.integer()):
                reader.short()
            key = reader.since(start)
        paging_state = reader.bytes_or_null() if flags & _MORE_PAGES else None
        table: FullName | None = None
        columns: list[_Column] = []
        if not flags & _NO_METADATA:
            if flags & _GLOBAL_TABLE and (count or not bound):
                table = (reader.string(), reader.string())
            for _ in range(count):
                own = None if flags & _GLOBAL_TABLE else (reader.string(), reader.string())
                start = reader.at
                reader.string()
                _skip_type(reader)
                columns.append(_Column(table=own, name_and_type=reader.since(start)))
        return cls(flags=flags, count=count, key=key, paging_state=paging_state, table=table, columns=tuple(columns))

    def renamed(self, rename: Callable[[FullName], FullName]) -> "_Metadata":
        return replace(
            self,
            table=rename(self.table) if self.table else None,
            columns=tuple(
                replace(column, table=rename(column.table)) if column.table else column for column in self.columns
            ),
        )

    def encode(self) -> bytes:
        parts = [frames.int_(self.flags), frames.int_(self.count), self.key or b""]
        if self.flags & _MORE_PAGES:
            parts.append(frames.bytes_(self.paging_state))
        if self.table:
            parts += map(frames.string, self.table)
        for column in self.columns:
            if column.table:
                parts += map(frames.string, column.table)
            parts.append(column.name_and_type)
        return b"".join(parts)


def rename_tables(body: bytes, rename: Callable[[FullName], FullName]) -> bytes:
    """A RESULT of rows or of a PREPARE, with the table names of its columns replaced; any other RESULT unchanged."""
    reader = Reader(body)
    match reader.integer():
        case Kind.ROWS:
            return frames.int_(Kind.ROWS) + _Metadata.read(reader).renamed(rename).encode() + reader.rest()
        case Kind.PREPARED:
            id_ = reader.short_bytes()
            bound = _Metadata.read(reader, bound=True).renamed(rename)
            rows = _Metadata.read(reader).renamed(rename)
            return b"".join((frames.int_(Kind.PREPARED), frames.short_bytes(id_), bound.encode(), rows.encode()))
        case _:
            return body


def prepared_id(body: bytes) -> bytes | None:
    """The prepared statement's id; None unless `body` is the RESULT of a PREPARE."""
    reader = Reader(body)
    return reader.short_bytes() if reader.integer() == Kind.PREPARED else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """names: the columns' names; None if the client asked for no metadata. cells: row after row, None for null."""

    names: tuple[str, ...] | None
    columns: int
    count: int
    more_pages: bool
    cells: Iterator[bytes | None]


def rows(body: bytes) -> Rows | None:
    """The rows; None unless `body` is a RESULT with rows."""
    reader = Reader(body)
    if reader.integer() != Kind.ROWS:
        return None
    metadata = _Metadata.read(reader)
    count = reader.integer()
    return Rows(
        names=None if metadata.flags & _NO_METADATA else _names(metadata),
        columns=metadata.count,
        count=count,
        more_pages=bool(metadata.flags & _MORE_PAGES),
        cells=(reader.bytes_or_null() for _ in range(count * metadata.count)),
    )


def prepared_names(body: bytes) -> tuple[str, ...]:
    """The names of a statement's result columns, from the RESULT of its PREPARE."""
    reader = Reader(body)
    reader.integer()
    reader.short_bytes()
    _Metadata.read(reader, bound=True)
    return _names(_Metadata.read(reader))


def _names(metadata: _Metadata) -> tuple[str, ...]:
    return tuple(Reader(column.name_and_type).string() for column in metadata.columns)


def empty_page(body: bytes, paging_state: bytes) -> bytes:
    """A RESULT of rows without its rows and with this paging state; any other RESULT unchanged."""
    reader = Reader(body)
    if reader.integer() != Kind.ROWS:
        return body
    metadata = _Metadata.read(reader)
    metadata = replace(metadata, flags=metadata.flags | _MORE_PAGES, paging_state=paging_state)
    return frames.int_(Kind.ROWS) + metadata.encode() + frames.int_(0)


def _skip_type(reader: Reader, depth: int = 0) -> None:
    if depth > 100:
        raise ProtocolError("a type that is nested too deeply")
    match reader.short():
        case 0x00:  # custom
            reader.string()
        case 0x20 | 0x22:  # list, set
            _skip_type(reader, depth + 1)
        case 0x21:  # map
            _skip_type(reader, depth + 1)
            _skip_type(reader, depth + 1)
        case 0x30:  # user-defined type
            reader.string()
            reader.string()
            for _ in range(reader.short()):
                reader.string()
                _skip_type(reader, depth + 1)
        case 0x31:  # tuple
            for _ in range(reader.short()):
                _skip_type(reader, depth + 1)
