"""Keyspaces' own rules for statements that read and write rows.

Sources: developer guide, "Functional differences", "Supported Cassandra APIs", "Built-in functions", "Quotas", "Use the
IN operator", "Batch statements". Messages that were seen from the service are quoted; docs/keyspaces.md lists them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from local_keyspaces import cql
from local_keyspaces.cql import Relation, Term
from local_keyspaces.guidance import AGGREGATES, ServiceRule
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import invalid
from local_keyspaces.requests import Values
from local_keyspaces.tables import Table

_READ_CONSISTENCY = ("ONE", "LOCAL_QUORUM", "LOCAL_ONE")
_WRITE_CONSISTENCY = ("LOCAL_QUORUM",)

_FUNCTIONS = frozenset(
    "cast currentdate currenttime currenttimestamp currenttimeuuid fromjson maxtimeuuid mintimeuuid now todate tojson"
    " token totimestamp ttl tounixtimestamp uuid writetime dateof unixtimestampof".split()
)
_BLOB_FUNCTION = re.compile(r"blobas[a-z]+|[a-z]+asblob")

_MOST_STATEMENTS = {
    "LOGGED": Quota.LOGGED_STATEMENTS,
    "UNLOGGED": Quota.UNLOGGED_STATEMENTS,
    "COUNTER": Quota.UNLOGGED_STATEMENTS,
}

# A request up to this size, text and values, exceeds no quota of keys, rows or columns. Most requests are this small.
_SMALL = min(Quota.PARTITION_KEY.most, Quota.CLUSTERING_KEY.most)


def is_conditional(part: "cql.Select | cql.Modification") -> bool:
    """True for a lightweight transaction."""
    match part:
        case cql.Insert():
            return part.if_not_exists
        case cql.Update() | cql.Delete():
            return part.conditional
    return False


def check_supported(statement: cql.Statement) -> None:
    """Checks the rules that do not depend on the table. Raises Refused."""
    match statement:
        case cql.Select():
            _check_select(statement)
        case cql.Batch():
            if statement.timestamp is not None:
                for part in statement.statements:
                    if part.timestamp is not None:
                        raise invalid(
                            "Timestamp must be set either on BATCH or individual statements", ServiceRule.BATCH
                        )
            for part in statement.statements:
                check_supported(part)
        case cql.Insert() | cql.Update() | cql.Delete():
            _check_functions(statement.functions)
            if not isinstance(statement, cql.Insert) and any(r.operator == "IN" for r in statement.where):
                raise invalid("IN is not supported in UPDATE and DELETE", ServiceRule.IN_OF_WRITES)


def check_consistency(consistency: str, *, write: bool) -> None:
    """Raises Refused, with the message that was seen from the service."""
    supported = _WRITE_CONSISTENCY if write else _READ_CONSISTENCY
    if consistency not in supported:
        raise invalid(
            f"Consistency level {consistency} is not supported for this operation."
            f" Supported consistency levels are: {', '.join(supported)}",
            ServiceRule.WRITE_CONSISTENCY if write else ServiceRule.READ_CONSISTENCY,
        )


def check_read(select: cql.Select, values: Values) -> None:
    """Raises Refused."""
    subqueries = 1
    for relation in select.where:
        if relation.operator == "IN":
            if relation.token:
                raise invalid("TOKEN is not supported with IN", ServiceRule.SELECT_CLAUSE)
            subqueries *= max(in_values(relation, values), 1)
    Quota.SUBQUERIES.check(subqueries)


def check_write(part: cql.Modification, table: Table, values: Values, *, size: int, timestamped: bool = False) -> None:
    """Checks one write. Raises Refused.

    size: bytes of its text and of all the request's values. timestamped: its batch has a timestamp.
    """
    ttl = None if isinstance(part, cql.Delete) else part.ttl
    if ttl is not None and not table.enabled("ttl"):
        raise invalid("TTL is not yet supported.", ServiceRule.TTL)
    if part.timestamp is not None or timestamped:
        _check_timestamps(table)
    if size <= _SMALL:
        return
    sizes = {column: sum(_size(term, values) for term in terms) for column, terms in assigned(part)}
    partition_key = sum(sizes.get(column, 0) for column in table.partition_key)
    Quota.PARTITION_KEY.check(partition_key)
    Quota.CLUSTERING_KEY.check(sum(sizes.get(column, 0) for column in table.clustering_key))
    if isinstance(part, cql.Delete):
        return
    static = sum(sizes.get(column, 0) for column in table.static)
    Quota.ROW.check(sum(sizes.values()) - static)
    if static:
        Quota.STATIC_DATA.check(partition_key + static)
    quota = Quota.COLUMNS_WITH_TTL if table.enabled("ttl") else Quota.COLUMNS
    quota.check(len(sizes.keys() - table.key - table.static))


def check_writetime(select: cql.Select, table: Table) -> None:
    """Raises Refused."""
    if "writetime" in select.functions:
        _check_timestamps(table)


def check_batch(kind: str, parts: Sequence[tuple[cql.Modification, Table, Values]], *, size: int) -> None:
    """Checks the rules about a batch as a whole; each part is checked on its own. size: bytes. Raises Refused."""
    quota = _MOST_STATEMENTS[kind]
    if kind == "LOGGED" and any(table.static for _, table, _ in parts):
        quota = Quota.LOGGED_STATEMENTS_WITH_STATIC
    if len(parts) > quota.most:  # the message was seen from the service
        raise invalid(f"Batches with more than {quota.most} statements are not supported.", ServiceRule.BATCH)
    Quota.BATCH.check(size)
    if kind == "UNLOGGED":
        if any(is_conditional(part) for part, _, _ in parts):
            raise invalid("Conditional statements are not supported in UNLOGGED batches", ServiceRule.BATCH)
        return
    if kind == "COUNTER":
        return
    rows = set()
    for part, table, values in parts:
        if table.counts:
            raise invalid("Counters are not supported in LOGGED batches", ServiceRule.BATCH)
        where = () if isinstance(part, cql.Insert) else part.where
        if any(relation.operator != "=" for relation in where):
            raise invalid("LOGGED batches support only = in WHERE", ServiceRule.BATCH)
        key = (*table.partition_key, *table.clustering_key)
        given = dict(assigned(part))
        if isinstance(part, cql.Delete) and not given.keys() >= set(key) and not _deletes_static(part, table):
            raise invalid("Range deletes are not supported in LOGGED batches", ServiceRule.BATCH)
        row = (table.keyspace, table.name, *(identity(given.get(column, ()), values) for column in key))
        if None not in row and row in rows:
            raise invalid(
                "LOGGED batches with several statements for the same row are not supported", ServiceRule.BATCH
            )
        rows.add(row)


def _check_select(select: cql.Select) -> None:
    if select.per_partition_limit:
        raise invalid("PER PARTITION LIMIT is not supported", ServiceRule.PER_PARTITION_LIMIT)
    for used, what in ((select.distinct, "DISTINCT"), (select.group_by, "GROUP BY"), (select.ann, "ANN OF")):
        if used:
            raise invalid(f"{what} is not supported", ServiceRule.SELECT_CLAUSE)
    _check_functions(select.functions)
    if any(relation.operator == "LIKE" for relation in select.where):
        raise invalid("LIKE is not supported", ServiceRule.SELECT_CLAUSE)


def _check_functions(functions: Iterable[str]) -> None:
    for name in sorted(functions):
        if name not in _FUNCTIONS and not _BLOB_FUNCTION.fullmatch(name):
            raise invalid(
                f"{'countRows' if name == 'countrows' else name} is not yet supported.",
                AGGREGATES.get(name, ServiceRule.FUNCTION),
            )


def _check_timestamps(table: Table) -> None:
    if not table.enabled("client_side_timestamps"):
        raise invalid(
            f"Client-side timestamps are not enabled for table {table.keyspace}.{table.name}, so USING TIMESTAMP and"
            " WRITETIME are not supported",
            ServiceRule.TIMESTAMPS,
        )


def assigned(part: cql.Modification) -> Iterator[tuple[str, Sequence[Term]]]:
    """The columns, including the key's, each with the terms of its value; nothing for a row in JSON."""
    if isinstance(part, cql.Insert):
        for column, value in zip(part.columns, part.values, strict=False):
            yield column, (value,)
        return
    if isinstance(part, cql.Update):
        yield from part.assignments
    for relation in part.where:
        if relation.operator == "=" and len(relation.columns) == 1:
            yield relation.columns[0], relation.terms


def _deletes_static(delete: cql.Delete, table: Table) -> bool:
    """True for a delete of static columns: they belong to a partition, so its key is enough and names no range."""
    return bool(delete.columns) and all(
        column in table.columns and table.columns[column].kind == "static" for column in delete.columns
    )


def _size(term: Term, values: Values) -> int:
    if term.marker is not None:
        return len(values.at(term.marker, term.marker_name) or b"")
    if term.elements:
        return sum(_size(element, values) for element in term.elements)
    return term.size or 0


def identity(terms: Sequence[Term], values: Values) -> bytes | None:
    """Bytes that are equal for equal values; None if the value is not known."""
    if len(terms) != 1:
        return None
    (term,) = terms
    if term.marker is not None:
        return values.at(term.marker, term.marker_name)
    return term.text.encode() if term.kind == "literal" and term.text is not None else None


def in_values(relation: Relation, values: Values) -> int:
    """The number of values in an IN."""
    marker = relation.in_marker
    if marker is None or marker.marker is None:
        return len(relation.terms)
    bound = values.at(marker.marker, marker.marker_name) or b""
    # A list is written as the number of its elements, then the elements (native_protocol_v4.spec, section 6.12).
    return int.from_bytes(bound[:4], "big") if len(bound) >= 4 else 0
