"""The requests that carry CQL: QUERY, PREPARE, EXECUTE and BATCH.

Source: Apache Cassandra, doc/native_protocol_v4.spec, sections 4.1.4 to 4.1.7.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from local_keyspaces import frames
from local_keyspaces.frames import ProtocolError, Reader

_VALUES, _SKIP_METADATA, _PAGE_SIZE, _PAGING_STATE, _SERIAL, _TIMESTAMP, _NAMES = (1 << bit for bit in range(7))

_CONSISTENCY_AND_FLAGS = struct.Struct(">HB")

CONSISTENCY = {
    0x00: "ANY",
    0x01: "ONE",
    0x02: "TWO",
    0x03: "THREE",
    0x04: "QUORUM",
    0x05: "ALL",
    0x06: "LOCAL_QUORUM",
    0x07: "EACH_QUORUM",
    0x08: "SERIAL",
    0x09: "LOCAL_SERIAL",
    0x0A: "LOCAL_ONE",
}
CONSISTENCY_CODE = {name: code for code, name in CONSISTENCY.items()}


class Values(NamedTuple):
    """The values of a statement's markers: in their order, or by name. None: null, or not set."""

    by_position: Sequence[bytes | None] = ()
    names: Sequence[str] | None = None

    def at(self, position: int, name: str | None) -> bytes | None:
        """The value of a marker; None also if nothing was bound, which Cassandra itself will refuse.

        Raises ProtocolError if values have names and the marker has none: Cassandra would use the column's name.
        """
        if self.names is not None:
            if name is None:
                raise ProtocolError("values are given by name, and a marker of the statement has none")
            return self.by_position[self.names.index(name)] if name in self.names else None
        return self.by_position[position] if position < len(self.by_position) else None


_NO_VALUES = Values()


class Parameters(NamedTuple):
    """encoded: the received bytes. consistency: its name. page_size: in rows."""

    encoded: bytes
    consistency: str
    values: Values
    page_size: int | None
    paging_state: bytes | None

    @classmethod
    def read(cls, reader: Reader) -> "Parameters":
        start = reader.at
        code, flags = reader.unpack(_CONSISTENCY_AND_FLAGS)
        consistency = CONSISTENCY.get(code) or _unknown_consistency(code)
        if flags >= 1 << 7:
            raise ProtocolError(f"unknown flags 0x{flags:02x}")
        values = _values(reader, named=bool(flags & _NAMES)) if flags & _VALUES else _NO_VALUES
        page_size = reader.integer() if flags & _PAGE_SIZE else None
        paging_state = reader.bytes_or_null() if flags & _PAGING_STATE else None
        if flags & _SERIAL:
            _consistency(reader)
        if flags & _TIMESTAMP:
            reader.long()
        reader.end()
        return cls(reader.since(start), consistency, values, page_size, paging_state)

    def with_page(self, size: int, state: bytes | None) -> bytes:
        """The encoded parameters with another page to fetch."""
        reader = Reader(self.encoded)
        consistency, flags = reader.short(), reader.byte()
        before = reader.at
        if flags & _VALUES:
            _values(reader, named=bool(flags & _NAMES))
        values = reader.since(before)
        if flags & _PAGE_SIZE:
            reader.integer()
        if flags & _PAGING_STATE:
            reader.bytes_or_null()
        flags = (flags | _PAGE_SIZE) & ~_PAGING_STATE
        if state is not None:
            flags |= _PAGING_STATE
        return b"".join(
            (
                frames.short(consistency),
                bytes([flags]),
                values,
                frames.int_(size),
                frames.bytes_(state) if state is not None else b"",
                reader.rest(),
            )
        )


class Query(NamedTuple):
    text: str
    parameters: Parameters

    @classmethod
    def decode(cls, body: bytes) -> "Query":
        reader = Reader(body)
        return cls(text=reader.long_string(), parameters=Parameters.read(reader))


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepare:
    text: str

    @classmethod
    def decode(cls, body: bytes) -> "Prepare":
        reader = Reader(body)
        prepare = cls(text=reader.long_string())
        reader.end()
        return prepare


class Execute(NamedTuple):
    id: bytes
    parameters: Parameters

    @classmethod
    def decode(cls, body: bytes) -> "Execute":
        reader = Reader(body)
        return cls(reader.short_bytes(), Parameters.read(reader))


class BatchItem(NamedTuple):
    """query: the text of a statement, or the id of a prepared one. encoded_values: the received bytes."""

    query: str | bytes
    values: Values
    encoded_values: bytes

    @property
    def is_text(self) -> bool:
        return isinstance(self.query, str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """rest: the received bytes from the consistency on."""

    kind: str
    items: Sequence[BatchItem]
    consistency: str
    rest: bytes

    @classmethod
    def decode(cls, body: bytes) -> "Batch":
        reader = Reader(body)
        kind = reader.byte()
        if kind >= len(_KINDS):
            raise ProtocolError(f"unknown kind of batch {kind}")
        items = [_item(reader) for _ in range(reader.short())]
        before = reader.at
        consistency, flags = _consistency(reader), reader.byte()
        if flags & ~(_SERIAL | _TIMESTAMP):
            raise ProtocolError(f"unknown flags 0x{flags:02x}")
        if flags & _SERIAL:
            _consistency(reader)
        if flags & _TIMESTAMP:
            reader.long()
        reader.end()
        return cls(kind=_KINDS[kind], items=items, consistency=consistency, rest=reader.since(before))

    def encode(self, texts: Sequence[str]) -> bytes:
        """texts: replace the items' texts; the text of a prepared statement is not used."""
        parts = [bytes([_KINDS.index(self.kind)]), frames.short(len(self.items))]
        for item, text in zip(self.items, texts, strict=True):
            if isinstance(item.query, bytes):
                parts += [b"\x01", frames.short_bytes(item.query)]
            else:
                parts += [b"\x00", frames.long_string(text)]
            parts.append(item.encoded_values)
        return b"".join((*parts, self.rest))


_KINDS = ("LOGGED", "UNLOGGED", "COUNTER")


def _item(reader: Reader) -> BatchItem:
    kind = reader.byte()
    if kind > 1:
        raise ProtocolError(f"unknown kind of statement in a batch {kind}")
    query = reader.short_bytes() if kind else reader.long_string()
    start = reader.at
    values = _values(reader, named=False)
    return BatchItem(query, values, reader.since(start))


def _values(reader: Reader, *, named: bool) -> Values:
    count = reader.short()
    if not named:
        return Values(reader.values(count))
    names: list[str] = []
    values: list[bytes | None] = []
    for _ in range(count):
        names.append(reader.string())
        values += reader.values(1)
    return Values(values, names)


def _consistency(reader: Reader) -> str:
    code = reader.short()
    return CONSISTENCY.get(code) or _unknown_consistency(code)


def _unknown_consistency(code: int) -> NoReturn:
    raise ProtocolError(f"unknown consistency level {code}")
