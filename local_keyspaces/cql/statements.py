"""Parsed CQL statements, as far as authorisation and Keyspaces' own rules need them.

Names are as in Cassandra: unquoted names in lower case, quoted names without their quotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

# Strings, numbers and booleans are kept as text.
Option: TypeAlias = str | Mapping[str, "Option"] | tuple["Option", ...]
Order: TypeAlias = Literal["ASC", "DESC"]


@dataclass(frozen=True, kw_only=True)
class TableName:
    """A table's or a type's name. `text[start:end]` is the complete name, with the keyspace."""

    keyspace: str | None
    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Term:
    """A value.

    `text` is a literal's decoded text, None for null; for a call, it is the function's name.
    `size` is the largest possible size in bytes, None if only the execution determines it.
    `marker` is the index of a marker in the statement's text, from 0; for `:x`, `marker_name` is x.
    `elements` are the parts of a collection (keys and values alternate), the arguments of a call, the operands of
    arithmetic.
    """

    kind: Literal["literal", "marker", "call", "collection", "other"]
    text: str | None = None
    size: int | None = None
    marker: int | None = None
    marker_name: str | None = None
    elements: tuple["Term", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Relation:
    """`columns operator terms`; an IN's values are `terms`, or all of them `in_marker`. `m[k] = v` has terms (k, v)."""

    columns: tuple[str, ...]
    operator: str
    terms: tuple[Term, ...]
    in_marker: Term | None = None
    token: bool = False


@dataclass(frozen=True, kw_only=True)
class Select:
    table: TableName
    functions: frozenset[str]
    distinct: bool
    group_by: bool
    per_partition_limit: bool
    where: tuple[Relation, ...]
    ann: bool


@dataclass(frozen=True, kw_only=True)
class Insert:
    """As in Cassandra's grammar, the numbers of `values` and `columns` may differ."""

    table: TableName
    columns: tuple[str, ...]
    values: tuple[Term, ...]
    json: Term | None
    if_not_exists: bool
    ttl: Term | None
    timestamp: Term | None
    functions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Update:
    """`assignments` are columns with the terms on their right side; an index or a key comes first, if there is one."""

    table: TableName
    assignments: tuple[tuple[str, tuple[Term, ...]], ...]
    where: tuple[Relation, ...]
    conditional: bool
    if_exists: bool
    ttl: Term | None
    timestamp: Term | None
    functions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Delete:
    table: TableName
    columns: tuple[str, ...]
    where: tuple[Relation, ...]
    conditional: bool
    if_exists: bool
    timestamp: Term | None
    functions: frozenset[str]


Modification: TypeAlias = Insert | Update | Delete


@dataclass(frozen=True, kw_only=True)
class Batch:
    kind: Literal["LOGGED", "UNLOGGED", "COUNTER"]
    statements: tuple[Modification, ...]
    timestamp: Term | None


@dataclass(frozen=True, kw_only=True)
class Use:
    keyspace: str


@dataclass(frozen=True, kw_only=True)
class CreateKeyspace:
    keyspace: str
    if_not_exists: bool
    options: Mapping[str, Option]


@dataclass(frozen=True, kw_only=True)
class AlterKeyspace:
    keyspace: str
    options: Mapping[str, Option]
    add_tags: Mapping[str, str]
    drop_tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class DropKeyspace:
    keyspace: str
    if_exists: bool


@dataclass(frozen=True, kw_only=True)
class Type:
    """`cql` is the canonical text. `cql` and `names` keep the quotes of a name that needs them.

    `depth` is the number of nested collections. `user_types` are names without keyspace and quotes.
    """

    cql: str
    names: frozenset[str]
    user_types: frozenset[str]
    depth: int


@dataclass(frozen=True, kw_only=True)
class CreateTable:
    """The keys are empty if the text has none, and may name columns that do not exist."""

    table: TableName
    if_not_exists: bool
    columns: Mapping[str, Type]
    static: frozenset[str]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]
    clustering_order: Mapping[str, Order]
    options: Mapping[str, Option]


@dataclass(frozen=True, kw_only=True)
class AlterTable:
    table: TableName
    add: Mapping[str, Type]
    static: frozenset[str]
    options: Mapping[str, Option]
    add_tags: Mapping[str, str]
    drop_tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class DropTable:
    table: TableName
    if_exists: bool


@dataclass(frozen=True, kw_only=True)
class CreateType:
    name: TableName
    if_not_exists: bool
    fields: Mapping[str, Type]


@dataclass(frozen=True, kw_only=True)
class DropType:
    name: TableName
    if_exists: bool


@dataclass(frozen=True, kw_only=True)
class Unsupported:
    """A statement that Cassandra supports and Keyspaces does not; only its first words were parsed."""

    what: str


SchemaChange: TypeAlias = (
    CreateKeyspace | AlterKeyspace | DropKeyspace | CreateTable | AlterTable | DropTable | CreateType | DropType
)
Statement: TypeAlias = Select | Modification | Batch | Use | SchemaChange | Unsupported
