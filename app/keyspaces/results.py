"""Decodes the rows of a result, with the types that the same result's metadata names.

The driver decodes a result while it reads the connection: a value that Python cannot represent then closes the
connection for all callers, and the driver logs the bytes. Here the connection only hands over the result's body and the
caller decodes it, so that an error affects this caller only.

A result without metadata would be smaller, but would not show that the table was created again with other types: a
statement's id is a hash of its text, so another client's PREPARE makes an old id valid again (CASSANDRA-10786 is a
similar defect). So each result carries its metadata, which is compared, as bytes, with the metadata of earlier results.
Source of the format: Apache Cassandra, native_protocol_v4.spec, 4.2.5.2.
"""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from cassandra.bytesio import BytesIOReader
from cassandra.deserializers import make_deserializers
from cassandra.obj_parser import ListParser
from cassandra.parsing import ParseDesc
from cassandra.policies import ColDesc
from cassandra.protocol import (
    ProtocolHandler,
    ResultMessage,
    read_binary_longstring,
    read_binary_string,
    read_short,
)

from keyspaces.serialize import VERSION, cql_name
from keyspaces.types import ExactResult, Unrepresentable

_RESULT: Final = ExactResult.opcode
_ROWS: Final = 2
_TRACING, _CUSTOM_PAYLOAD, _WARNING = 0x02, 0x04, 0x08  # flags of a frame
_MORE_PAGES: Final = 0x02  # flags of a result
_NO_METADATA: Final = 0x04
_HEAD: Final = struct.Struct(">iii").unpack_from  # kind, flags, number of columns
_INT: Final = struct.Struct(">i").unpack_from

Row = tuple[Any, ...]
Metadata = Sequence[tuple[str, str, str, Any]]
"""The driver's metadata: keyspace, table, name and type of each column."""


class SchemaChanged(Exception):
    """The table's columns are no longer those that the statement was prepared for; the message names the change."""


@dataclass(frozen=True, slots=True)
class Column:
    """cql_type: as CQL writes it, such as `int` or `list<text>`."""

    name: str
    cql_type: str


class RowPage(NamedTuple):
    """Rows in the order of the columns; paging_state: where the next page begins, None after the last."""

    rows: Sequence[Row]
    paging_state: bytes | None


def decode_message(*args: Any) -> Any:
    """A decoder for the driver's connections. Rows stay bytes; a decoding error is returned, not raised.

    So the driver neither closes the connection nor logs the bytes.
    """
    _, _, _, flags, opcode, body, _, _ = args
    try:
        if opcode == _RESULT:
            rest = _without_extras(body, flags) if flags else body
            if _INT(rest)[0] == _ROWS:
                return rest
        return ProtocolHandler.decode_message(*args)
    except Exception as error:
        return error


def _without_extras(body: bytes, flags: int) -> bytes:
    """A body without its optional prefixes: tracing id, warnings and custom payload."""
    stream = io.BytesIO(body)
    if flags & _TRACING:
        stream.seek(16)
    if flags & _WARNING:
        for _ in range(read_short(stream)):
            read_binary_string(stream)
    if flags & _CUSTOM_PAYLOAD:
        for _ in range(read_short(stream)):
            read_binary_string(stream)
            read_binary_longstring(stream)
    return stream.read()


class _UnreadResult(ResultMessage):  # type: ignore[misc]  # the package has no types
    def recv_results_rows(self, stream: Any, _: int, user_types: Any, *__: Any) -> None:
        self.recv_results_metadata(stream, user_types)
        self.column_names = [column[2] for column in self.column_metadata]
        self.column_types = [column[3] for column in self.column_metadata]
        self.parsed_rows: list[Any] = []


class UnreadRows(ProtocolHandler):  # type: ignore[misc]
    """A protocol handler for the driver that does not decode rows, so that no value can make it fail."""

    message_types_by_opcode: ClassVar = {**ProtocolHandler.message_types_by_opcode, _RESULT: _UnreadResult}


class RowsDecoder:
    """Decodes the results of one statement as rows of the columns that it was prepared for."""

    def __init__(self, metadata: Metadata, *, on_more_columns: Callable[[str], object]) -> None:
        """metadata: of a prepared statement's result. on_more_columns: called with a message if columns were added."""
        self.columns = described(metadata)
        self._on_more_columns = on_more_columns
        self._known: dict[bytes, _Parser] = {}  # by the metadata's bytes; two at most

    def decode(self, body: bytes) -> RowPage:
        """Raises SchemaChanged, and `keyspaces.types.Unrepresentable`."""
        _, flags, count = _HEAD(body)
        start, paging_state = 12, None
        if flags & _MORE_PAGES:
            (size,) = _INT(body, start)
            paging_state = body[start + 4 : start + 4 + size]
            start += 4 + size
        for metadata, parser in self._known.items():
            if body.startswith(metadata, start):
                return RowPage(parser.rows(body, start + len(metadata)), paging_state)
        if flags & _NO_METADATA:
            raise SchemaChanged("the server left out the result's metadata")
        return RowPage(self._first(body, flags, count, start), paging_state)

    def _first(self, body: bytes, flags: int, count: int, start: int) -> Sequence[Row]:
        """Rows of a result with new metadata, whose parser is kept for later results."""
        stream = io.BytesIO(body)
        stream.seek(4)
        message = ExactResult(_ROWS)
        message.recv_results_metadata(stream, {})
        parser = _Parser(message.column_metadata, self.columns)
        if parser.more_columns:
            self._on_more_columns(f"it has more columns than before: {', '.join(parser.more_columns)}")
        if len(self._known) > 1:
            self._known.clear()
        self._known[body[start : stream.tell()]] = parser
        return parser.rows(body, stream.tell())


class _Parser:
    """Parses results with the same metadata into rows of the wanted columns."""

    def __init__(self, metadata: Metadata, wanted: Sequence[Column]) -> None:
        """Raises SchemaChanged if a wanted column is missing or has another type."""
        found = {column.name: (index, column) for index, column in enumerate(described(metadata))}
        for column in wanted:
            if column.name not in found:
                raise SchemaChanged(f"column {column.name} is missing")
            if found[column.name][1] != column:
                raise SchemaChanged(
                    f"column {column.name} is of type {found[column.name][1].cql_type}, not {column.cql_type}"
                )
        self.more_columns = [name for name in found if name not in {column.name for column in wanted}]
        order = [found[column.name][0] for column in wanted]
        self._order = order if order != list(range(len(found))) else None
        types = [column[3] for column in metadata]
        self._description = ParseDesc(
            [column[2] for column in metadata],
            types,
            None,
            [ColDesc(*column[:3]) for column in metadata],
            make_deserializers(types),
            VERSION,
        )

    def rows(self, body: bytes, start: int) -> Sequence[Row]:
        """Raises Unrepresentable."""
        try:
            rows: Sequence[Row] = ListParser().parse_rows(BytesIOReader(body[start:]), self._description)
        except Exception as error:
            # The driver's message contains the cause's message, which may quote the value.
            cause = error.__context__
            raise Unrepresentable(str(cause) if isinstance(cause, Unrepresentable) else type(cause).__name__) from None
        if self._order is not None:
            rows = [tuple(row[index] for index in self._order) for row in rows]
        return rows


def decode_rows(body: bytes) -> list[dict[str, Any]]:
    """The rows of a result that has metadata, each by column. Raises `keyspaces.types.Unrepresentable`."""
    stream = io.BytesIO(body)
    stream.seek(4)
    message = ExactResult(_ROWS)
    message.recv_results_metadata(stream, {})
    columns = described(message.column_metadata)
    rows = _Parser(message.column_metadata, columns).rows(body, stream.tell())
    return [{column.name: value for column, value in zip(columns, row, strict=True)} for row in rows]


def described(metadata: Metadata) -> list[Column]:
    return [Column(column[2], cql_name(column[3])) for column in metadata]
