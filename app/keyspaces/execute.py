"""The EXECUTE message of CQL's protocol, version 4, as bytes.

The driver makes its own anew, field by field, for each statement. Source: Apache Cassandra, native_protocol_v4.spec,
4.1.6.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

from cassandra import ConsistencyLevel
from cassandra.query import PreparedStatement

VERSION: Final = 4  # the one Keyspaces documents

_OPCODE: Final = 0x0A
_VALUES, _PAGE_SIZE, _PAGING_STATE = 0x01, 0x04, 0x08
_HEADER = struct.Struct(">BBhBI").pack  # version, flags, stream, opcode, length
_INT = struct.Struct(">i").pack
_SHORT = struct.Struct(">H").pack
_PARAMETERS = struct.Struct(">HBH").pack  # consistency, flags, number of values


class ExecuteMessage:
    """Executions of one prepared statement, at LOCAL_QUORUM."""

    def __init__(self, statement: PreparedStatement) -> None:
        self._id = _SHORT(len(statement.query_id)) + statement.query_id
        self._types = [column.type for column in statement.column_metadata]

    def __call__(self, values: Sequence[Any], fetch_size: int | None, paging_state: bytes | None) -> bytes:
        """A message's body. values: one for each mark of the statement. Raises what the types do for a wrong value."""
        flags = _VALUES
        parts: list[bytes] = []
        for type_, value in zip(self._types, values, strict=True):
            serialized = type_.serialize(value, VERSION)
            parts += _INT(len(serialized)), serialized
        if fetch_size is not None:
            flags |= _PAGE_SIZE
            parts.append(_INT(fetch_size))
        if paging_state is not None:
            flags |= _PAGING_STATE
            parts += _INT(len(paging_state)), paging_state
        return b"".join([self._id, _PARAMETERS(ConsistencyLevel.LOCAL_QUORUM, flags, len(values)), *parts])


def encode(body: bytes, stream: int, version: int, **_: Any) -> bytes:
    """A frame, as the driver's connections want encoders to make it; not compressed."""
    return _HEADER(version, 0, stream, _OPCODE, len(body)) + body
