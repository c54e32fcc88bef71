"""What one statement takes of its table's capacity, and how its values and its result are counted.

Most statements are small: one comparison is enough to know that they take one unit, and no value is examined.
`metering` has the rules for the others.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from local_keyspaces import cql, metering, results, rules
from local_keyspaces.cql import Term
from local_keyspaces.meter import Consumed, Key, Meter, Partitions, Shape
from local_keyspaces.metering import READ_BYTES, WRITE_BYTES, Sizes
from local_keyspaces.requests import Parameters, Values
from local_keyspaces.tables import Table, UserType
from local_keyspaces.throttling import ConnectionThrottle, Demand, TableThrottle

# A value counts at most 2.2 times its bytes in the protocol, length included: a value in a key counts twice, with a
# fifth more for its position. Each column adds its id, or its metadata for timestamps and TTL.
_GROWTH = 2.2
_COLUMN, _COLUMN_WITH_TIMESTAMPS = 8, 60
_SMALLEST_CELL = 4
_RANGE = ("<", "<=", ">", ">=")

Body = Callable[[], bytes]


class MeteredStatement:
    """A statement, or one statement of a batch, with the facts that do not depend on its values."""

    def __init__(
        self,
        meter: Meter,
        role: str,
        part: cql.Select | cql.Modification,
        table: Table,
        types: Mapping[tuple[str, str], UserType],
        *,
        text: str,
        literals: int,
    ) -> None:
        """text: of the statement, without its values. literals: the most bytes of the values in the text."""
        self.name = (table.keyspace, table.name)
        self.table = table
        self.conditional = rules.is_conditional(part)
        self._part = part
        self._fields = {name: _fields(column.type, table.keyspace, types) for name, column in table.columns.items()}
        self._consumed: Consumed = meter.consumed(
            Shape(role=role, keyspace=table.keyspace, table=table.name, text=text)
        )
        self._operation = type(part).__name__.upper()
        self._capacity: TableThrottle | None = None
        self._partitions: Partitions = meter.partitions(table.keyspace, table.name)
        self._timestamps = table.enabled("client_side_timestamps")
        self._ttl = isinstance(part, cql.Insert | cql.Update) and part.ttl is not None
        self._key = _key_terms(part, table)
        markers = [terms[0].marker for terms in self._key if len(terms) == 1]
        known = [marker for marker in markers if marker is not None]
        self._key_markers = known if len(known) == len(self._key) else []  # nearly always all
        self._assigned = [] if isinstance(part, cql.Select) else list(rules.assigned(part))
        self._in = [] if not isinstance(part, cql.Select) else [each for each in part.where if each.operator == "IN"]
        # The service also reads the row at which a range ends, and Cassandra does not return it.
        self._ends_a_range = isinstance(part, cql.Select) and any(
            each.operator in _RANGE and not each.token for each in part.where
        )
        self.scans = isinstance(part, cql.Select) and not _names_partitions(part, table)
        self._small_up_to = self._largest_small_request(literals)
        # The most bytes of a result that certainly takes one unit.
        growth = _GROWTH + (_COLUMN_WITH_TIMESTAMPS if self._timestamps else _COLUMN) / _SMALLEST_CELL
        self._small_result = READ_BYTES / growth
        self._deletes_many = isinstance(part, cql.Delete) and not self._deletes_one_row()

    def _largest_small_request(self, literals: int) -> float:
        """The most bytes of values for which a write certainly takes one unit; negative if no size is certain."""
        part, columns = self._part, [column for column, _ in self._assigned]
        if isinstance(part, cql.Select) or (isinstance(part, cql.Insert) and part.json is not None):
            return -1
        kinds = {self.table.columns[column].kind for column in columns if column in self.table.columns}
        if "static" in kinds:  # rare, so always counted exactly
            return -1
        if (self._timestamps or self._ttl) and any(
            self.table.columns[column].type.startswith(("list", "set", "map"))
            for column in columns
            if column in self.table.columns
        ):
            return -1
        for_each = _COLUMN_WITH_TIMESTAMPS if self._timestamps or self._ttl else _COLUMN
        return (WRITE_BYTES - for_each * len(columns)) / _GROWTH - literals

    def read_demand(self, throttle: ConnectionThrottle, parameters: Parameters) -> tuple[Demand, int]:
        """Returns the demand and the number of subqueries. The size of the result is not known yet."""
        try:
            key, subqueries = self._partition(parameters.values), self.subqueries(parameters.values)
        except Exception:  # Cassandra gets the same values, and reports the error
            key, subqueries = None, 1
        least = metering.read_units(1, parameters.consistency, empty=subqueries - 1)
        return Demand(self._capacity_of(throttle), self._operation, key, least, 0), subqueries

    def write_demand(self, throttle: ConnectionThrottle, values: Values, size: int, *, logged: bool) -> Demand:
        try:
            key, units = self._partition(values), self.write_units(values, size, logged=logged)
        except Exception:  # as above
            key, units = None, 1
        return Demand(self._capacity_of(throttle), self._operation, key, 0, units)

    def _capacity_of(self, throttle: ConnectionThrottle) -> TableThrottle:
        if self._capacity is None:
            self._capacity = throttle.of(self.table)
        return self._capacity

    def write_units(self, values: Values, size: int, *, logged: bool) -> int:
        if size <= self._small_up_to:
            return 2 if logged else 1
        return metering.write_units(self._sizes(values), logged=logged)

    def subqueries(self, values: Values) -> int:
        """The number of subqueries; 1 without IN."""
        count = 1
        for relation in self._in:
            count *= max(rules.in_values(relation, values), 1)
        return count

    def count_write(self, values: Values, size: int, *, logged: bool) -> int:
        """Returns the write units."""
        units = self.write_units(values, size, logged=logged)
        consumed = self._consumed
        consumed.statements += 1
        consumed.write_units += units
        consumed.estimated += self._deletes_many
        self._count_partition(values, 0, units)
        return units

    def count_failure(self, existing: "Failure") -> tuple[float, float]:
        """Returns the read and write units."""
        table, part = self.table, self._part
        exists = isinstance(part, cql.Insert) or (not isinstance(part, cql.Select) and part.if_exists)
        reads = exists and table.enabled("ttl") and not self._timestamps
        size = self._row_size(existing.names, existing.cells) if existing.cells else None
        read, write = metering.failed_condition(size, exists_with_ttl=reads)
        self._consumed.statements += 1
        self._consumed.failed_conditions += 1
        self._consumed.read_units += read
        self._consumed.write_units += write
        return read, write

    def count_read(self, body: Body | None, length: int, parameters: Parameters, names: tuple[str, ...]) -> float:
        """Returns the read units."""
        subqueries = self.subqueries(parameters.values) if self._in else 1
        size, empty, estimated = 1, subqueries - 1, self._ends_a_range
        if body is None:  # passed on in pieces, so the whole body is not available
            size, estimated = length, True
        elif length > self._small_result or self.scans:
            size, empty_partitions = self._read_size(body(), parameters, names)
            empty += empty_partitions
        if not self.scans:
            size = max(size, 1)  # a read that finds nothing counts as a read of a small row
        units = metering.read_units(size, parameters.consistency, empty=empty)
        consumed = self._consumed
        consumed.statements += 1
        consumed.read_units += units
        consumed.estimated += estimated
        self._count_partition(parameters.values, units, 0)
        return units

    def _read_size(self, body: bytes, parameters: Parameters, names: tuple[str, ...]) -> tuple[int, int]:
        """Returns the bytes of the rows and, for a scan, the number of empty physical partitions of a new table."""
        found = results.rows(body)
        if found is None:
            return 0, 0
        names = found.names or names
        size, partitions = 0, set()
        for row in range(found.count):
            cells = [next(found.cells) for _ in range(found.columns)]
            size += self._row_size(names, cells)
            of_key = [cells[names.index(column)] for column in self.table.partition_key if column in names]
            partitions.add(tuple(of_key) if len(of_key) == len(self.table.partition_key) else row)
        if not self.scans or found.more_pages or parameters.paging_state is not None:
            return size, 0
        return size, max(metering.PARTITIONS_OF_A_NEW_TABLE - len(partitions), 0)

    def _row_size(self, names: Sequence[str], cells: Sequence[bytes | None]) -> int:
        given, overheads = {}, 0
        for name, cell in zip(names, cells, strict=False):
            type_ = self.table.columns[name].type if name in self.table.columns else "blob"
            given[name] = metering.sizer(type_, self._fields.get(name, ()))(cell) if cell is not None else 0
            if cell is not None:
                overheads += metering.overhead(type_, metering.elements(cell), timestamps=self._timestamps, ttl=False)
        return metering.total([metering.sizes(self.table, given, overheads=overheads)])

    def _sizes(self, values: Values) -> Sizes:
        """The sizes of the written data."""
        if isinstance(self._part, cql.Insert) and self._part.json is not None:
            return metering.sizes(self.table, _json_sizes(self._part.json, values))
        given: dict[str, int] = {}
        overheads = 0
        for column, terms in self._assigned:
            known = self.table.columns.get(column)
            type_ = known.type if known is not None else "blob"
            fields = self._fields.get(column, ())
            given[column] = given.get(column, 0) + sum(_term_size(type_, fields, term, values) for term in terms)
            if known is not None and known.kind in ("regular", "static") and not isinstance(self._part, cql.Delete):
                count = _elements(type_, terms[-1], values)
                overheads += metering.overhead(type_, count, timestamps=self._timestamps, ttl=self._ttl)
        return metering.sizes(self.table, given, overheads=overheads)

    def _deletes_one_row(self) -> bool:
        """True for a delete of one row, of its columns, or of static columns; the rows of a range are not counted."""
        given = {column for column, _ in self._assigned}
        return self.table.key <= given or (
            isinstance(self._part, cql.Delete)
            and bool(self._part.columns)
            and set(self._part.columns) <= self.table.static
        )

    def _count_partition(self, values: Values, read: float, write: float) -> None:
        key = self._partition(values)
        if key is not None:
            self._partitions.add(key, read, write)

    def _partition(self, values: Values) -> Key | None:
        """The partition's key; None if the statement does not name a single partition with known values."""
        markers = self._key_markers
        if markers and values.names is None and len(values.by_position) > max(markers):
            bound = [values.by_position[marker] for marker in markers]
            return tuple(bound) if None not in bound else None  # type: ignore[arg-type]
        key: list[bytes] = []
        for terms in self._key:
            value = rules.identity(terms, values)
            if value is None:
                return None
            key.append(value)
        return tuple(key) or None


@dataclass(frozen=True, slots=True)
class Failure:
    """The row for which a condition was false, as Cassandra returns it; without cells, the row does not exist."""

    names: tuple[str, ...]
    cells: Sequence[bytes | None]


def failed_condition(body: Body | None) -> Failure | None:
    """None if the write was applied. Cassandra answers with `[applied]`, and with the row if that is false."""
    found = results.rows(body()) if body is not None else None
    if found is None or found.names is None or found.names[:1] != ("[applied]",):
        return None
    applied, *cells = [next(found.cells) for _ in range(found.columns)] if found.count else [b"\1"]
    return Failure(found.names[1:], cells) if applied == b"\0" else None


def _key_terms(part: cql.Select | cql.Modification, table: Table) -> list[Sequence[Term]]:
    """The terms for the partition key's columns; empty if the statement lacks one of the columns."""
    if isinstance(part, cql.Select):
        given: Mapping[str, Sequence[Term]] = {
            relation.columns[0]: relation.terms
            for relation in part.where
            if relation.operator == "=" and len(relation.columns) == 1 and not relation.token
        }
    else:
        given = dict(rules.assigned(part))
    return [given[column] for column in table.partition_key] if set(table.partition_key) <= given.keys() else []


def _names_partitions(select: cql.Select, table: Table) -> bool:
    named = {column for relation in select.where if relation.operator in ("=", "IN") for column in relation.columns}
    return set(table.partition_key) <= named


def _bound(term: Term, values: Values) -> bytes | None:
    return values.at(term.marker, term.marker_name) if term.marker is not None else None


def _elements(type_: str, term: Term, values: Values) -> int:
    """The number of a collection's elements; for a map, the number of its keys."""
    if term.marker is not None:
        return metering.elements(values.at(term.marker, term.marker_name) or b"")
    return len(term.elements) // (2 if type_.startswith("map") else 1)


def _fields(type_: str, keyspace: str, types: Mapping[tuple[str, str], UserType]) -> tuple[str, ...]:
    """The types of the fields of a column's type; none if it is not a user-defined type."""
    name = _user_type(type_)
    return tuple(types[keyspace, name].fields.values()) if name is not None else ()


@lru_cache(1024)
def _user_type(type_: str) -> str | None:
    """The name of a user-defined type, frozen or not; None for other types. type_: in CQL's notation."""
    if "<" in type_.removeprefix("frozen<"):
        return None
    return next(iter(cql.parse_type(type_).user_types), None)


def _term_size(type_: str, fields: tuple[str, ...], term: Term, values: Values) -> int:
    """The encoded size of a term's value. fields: the types of a user-defined type's fields."""
    if term.marker is not None:
        value = values.at(term.marker, term.marker_name)
        return metering.sizer(type_, fields)(value) if value is not None else 1
    if term.elements:
        each = 0
        if term.kind == "collection":
            each = 1 + metering.column_id_size(len(fields)) if fields else 1
        return (3 if each else 0) + sum(each + _term_size("blob", (), element, values) for element in term.elements)
    if term.text is not None and term.text.lstrip("-").isdecimal() and type_ not in ("text", "ascii", "varchar"):
        return metering.integer_size(int(term.text))
    return term.size if term.size is not None else 8


def _json_sizes(term: Term, values: Values) -> Mapping[str, int]:
    text = _bound(term, values) if term.marker is not None else (term.text or "").encode()
    row = json.loads(text or b"{}")
    return {name.strip('"'): metering.json_size(value) for name, value in row.items()}
