"""Plans of statements that read or write rows: the permissions that they need, and the text for Cassandra."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias

from local_keyspaces import cql, guidance, rules, system_tables
from local_keyspaces.catalog import Catalog
from local_keyspaces.cql import TableName
from local_keyspaces.iam import Decision, Principal
from local_keyspaces.refusals import Refused, invalid, syntax_error, unauthorized
from local_keyspaces.requests import Values

# Plans are cached by text, because applications use few texts. Long texts are not cached, to save memory.
_REMEMBERED = 2048
LONGEST_REMEMBERED = 1024
LONGEST_NAME = 48

BATCH_WRITE_TYPES = {"LOGGED": "BATCH", "UNLOGGED": "UNLOGGED_BATCH", "COUNTER": "COUNTER"}


# Additional resources of a keyspace in several Regions (service authorization reference).
_MULTI_REGION = {
    **{action: f"{action}MultiRegionResource" for action in ("Alter", "Create", "Drop", "Modify", "Select")},
    "TagResource": "TagMultiRegionResource",
    "UntagResource": "UnTagMultiRegionResource",
}


@dataclass(frozen=True, kw_only=True)
class UpdatePartitioner:
    """`UPDATE system.local SET partitioner = '...' WHERE key = 'local'`: a setting of the account, not a row."""

    partitioner: str


Change: TypeAlias = cql.SchemaChange | UpdatePartitioner


@dataclass(frozen=True, kw_only=True)
class Access:
    """An action of IAM on a table, or on a keyspace."""

    action: str
    keyspace: str
    table: str | None = None

    def require(self, principal: Principal, catalog: Catalog) -> None:
        """Raises Refused. The wording is Cassandra's; the service's own is not documented."""
        arn = catalog.arn(self.keyspace, self.table)
        if not all(principal.may(action, arn) for action in self._actions(catalog)):
            on = f"<table {self.keyspace}.{self.table}>" if self.table else f"<keyspace {self.keyspace}>"
            raise unauthorized(
                f"User {principal.arn} has no {self.action.upper()} permission on {on} or any of its parents"
            )

    def decisions(self, principal: Principal, catalog: Catalog) -> Iterator[Decision]:
        """The decision on each action that this access needs."""
        arn = catalog.arn(self.keyspace, self.table)
        return (principal.decide(action, arn) for action in self._actions(catalog))

    def _actions(self, catalog: Catalog) -> Sequence[str]:
        action = f"cassandra:{self.action}"
        if self.keyspace in catalog.regions and self.action in _MULTI_REGION:
            return action, f"cassandra:{_MULTI_REGION[self.action]}"
        return (action,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """text: for Cassandra, with every table's keyspace. tables: the table of each part, as (keyspace, table).

    batch: the kind of a batch, otherwise None. timestamped: the batch itself has a timestamp.
    """

    parts: Sequence[cql.Select | cql.Modification]
    tables: Sequence[tuple[str, str]]
    text: str
    accesses: frozenset[Access]
    batch: str | None
    timestamped: bool
    shows_peers: bool

    @cached_property
    def text_bytes(self) -> int:
        """The size of the text, which may contain values; Keyspaces' quotas count bytes."""
        return len(self.text.encode())

    @cached_property
    def reads(self) -> bool:
        return isinstance(self.parts[0], cql.Select) if self.parts else False

    @cached_property
    def modifications(self) -> Sequence[cql.Modification]:
        """Its parts, if it writes."""
        return [part for part in self.parts if not isinstance(part, cql.Select)]

    @cached_property
    def reads_system(self) -> bool:
        return self.reads and self.tables[0][0] in system_tables.KEYSPACES

    @cached_property
    def reads_peers(self) -> bool:
        return self.reads and self.tables[0] == ("system", "peers")

    @cached_property
    def write_type(self) -> str | None:
        """The write type in a WriteTimeout; None for a read."""
        if self.reads:
            return None
        if self.batch is not None:
            return BATCH_WRITE_TYPES[self.batch]
        return "CAS" if rules.is_conditional(self.parts[0]) else "SIMPLE"


class BoundPlan(NamedTuple):
    """A plan with its values. size: the most bytes that the encoded values have."""

    plan: Plan
    values: Values
    size: int


def read(text: str, keyspace: str | None, *, shows_peers: bool) -> Plan | cql.Use | Change:
    """keyspace: the connection's, for tables without one. Raises Refused, also for an unsupported statement."""
    make = _remembered if len(text) <= LONGEST_REMEMBERED else _read
    return make(text, keyspace, shows_peers)


def _read(text: str, keyspace: str | None, shows_peers: bool) -> Plan | cql.Use | Change:
    try:
        statement = cql.parse(text)
    except cql.CqlSyntaxError as error:
        raise syntax_error(str(error)) from None
    rules.check_supported(statement)
    match statement:
        case cql.Batch():
            parts: Sequence[cql.Select | cql.Modification] = statement.statements
        case cql.Select() | cql.Insert() | cql.Update() | cql.Delete():
            parts = [statement]
            if isinstance(statement, cql.Update) and (change := _update_of_partitioner(statement, keyspace)):
                return change
        case cql.Unsupported():
            raise invalid(f"{statement.what} is not yet supported.", guidance.of_statement(statement.what))
        case _:
            return statement
    tables = [(_keyspace_of(part.table, keyspace), part.table.name) for part in parts]
    accesses: set[Access] = set()
    for part, (table_keyspace, table) in zip(parts, tables, strict=True):
        if isinstance(part, cql.Select):
            accesses.add(Access(action="Select", keyspace=table_keyspace, table=table))
            continue
        accesses.add(Access(action="Modify", keyspace=table_keyspace, table=table))
        if rules.is_conditional(part):
            # Otherwise the answer to a condition could reveal rows that may not be read; Cassandra requires it, too.
            accesses.add(Access(action="Select", keyspace=table_keyspace, table=table))
    return Plan(
        parts=parts,
        tables=tables,
        text=_with_full_names(text, parts, tables, shows_peers=shows_peers),
        accesses=frozenset(accesses),
        batch=statement.kind if isinstance(statement, cql.Batch) else None,
        timestamped=isinstance(statement, cql.Batch) and statement.timestamp is not None,
        shows_peers=shows_peers,
    )


def _update_of_partitioner(update: cql.Update, keyspace: str | None) -> UpdatePartitioner | None:
    """None for any other update."""
    if (update.table.keyspace or keyspace, update.table.name) != ("system", "local"):
        return None
    match update.assignments, update.where:
        case [("partitioner", [cql.Term(kind="literal", text=str(partitioner))])], [
            cql.Relation(columns=["key"], operator="=", terms=[cql.Term(kind="literal", text="local")])
        ] if not (update.conditional or update.ttl or update.timestamp):
            return UpdatePartitioner(partitioner=partitioner)
    return None


_remembered = lru_cache(_REMEMBERED)(_read)


def full_name(table: TableName, keyspace: str | None) -> tuple[str, str]:
    """Keyspace and name. keyspace: the connection's. Raises Refused."""
    return _keyspace_of(table, keyspace), table.name


def read_only(keyspace: str) -> Refused:
    return unauthorized(f"{keyspace} keyspace is not user-modifiable.", guidance.ServiceRule.SYSTEM_TABLES)


def _keyspace_of(table: TableName, keyspace: str | None) -> str:
    for name in (table.keyspace or "", table.name):
        if len(name) > LONGEST_NAME:
            raise invalid(f"name {name[:LONGEST_NAME]!r}...: use 1 to {LONGEST_NAME} letters, digits and underscores")
    if table.keyspace is not None:
        return table.keyspace
    if keyspace is None:
        raise invalid("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename")
    return keyspace


def _with_full_names(
    text: str,
    parts: Sequence[cql.Select | cql.Modification],
    tables: Sequence[tuple[str, str]],
    *,
    shows_peers: bool,
) -> str:
    pieces, at = [], 0
    for part, (keyspace, table) in zip(parts, tables, strict=True):
        if keyspace in system_tables.KEYSPACES:
            keyspace, table = system_tables.stored_name(keyspace, table, shows_peers=shows_peers)
        elif part.table.keyspace is not None:
            continue
        pieces += [text[at : part.table.start], cql.quoted(keyspace), ".", cql.quoted(table)]
        at = part.table.end
    return "".join((*pieces, text[at:]))
