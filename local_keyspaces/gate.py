"""Decides which statements of a principal pass to Cassandra, by its permissions and by Keyspaces' rules."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from local_keyspaces import cql, plans, rules, system_tables
from local_keyspaces.catalog import Catalog
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.iam import Principal
from local_keyspaces.plans import BoundPlan, Plan
from local_keyspaces.refusals import invalid, no_such_table
from local_keyspaces.replication import Regions
from local_keyspaces.requests import Values
from local_keyspaces.tables import Status, Table

_REMEMBERED: Final = 1000
_ACTIVE: Final = Status.ACTIVE

# Keyspaces uses these permissions of the principal to fill system.peers (developer guide, "VPC endpoints").
_DESCRIBE = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints")


class _Authorized(NamedTuple):
    """A plan that passed `authorize`: its tables, and for each its name, the table and the keyspace's Regions.

    The policies of a principal never change, so the decision holds until one of these changes in the catalog.
    """

    tables: Sequence[Table]
    decided_by: Sequence[tuple[tuple[str, str], Table, Regions | None]]

    def holds(self, catalog: Catalog) -> bool:
        for name, table, regions in self.decided_by:
            if (
                catalog.tables.get(name) is not table
                or catalog.keyspaces.get(name[0]) is not _ACTIVE
                or catalog.regions.get(name[0]) != regions
            ):
                return False
        return True


class Gate:
    """The checks for one principal. All methods raise Refused."""

    def __init__(self, principal: Principal, catalog: Catalog) -> None:
        self._principal = principal
        self._catalog = catalog
        self._authorized: dict[Plan, _Authorized] = {}
        self.shows_peers = all(principal.may(action, "*") for action in _DESCRIBE)

    def read(self, text: str, keyspace: str | None) -> Plan | cql.Use | plans.Change:
        """Parses a statement and plans its accesses; does not check whether they are allowed."""
        return plans.read(text, keyspace, shows_peers=self.shows_peers)

    def plan(self, text: str, keyspace: str | None) -> Plan:
        """Like `read`, but raises Refused unless the statement reads or writes rows."""
        statement = self.read(text, keyspace)
        if not isinstance(statement, Plan):
            raise invalid("Only SELECT, INSERT, UPDATE, DELETE and BATCH can be prepared", ServiceRule.PREPARED_DDL)
        return statement

    def admit(self, plan: Plan, values: Values, consistency: str, *, size: int) -> None:
        """Checks a statement with its values. size: bytes of the request."""
        tables = self.authorize(plan)
        rules.check_consistency(consistency, write=not plan.reads)
        if plan.reads:
            (select,) = plan.parts
            assert isinstance(select, cql.Select)
            rules.check_read(select, values)
            if tables:
                rules.check_writetime(select, tables[0])
            return
        parts = plan.modifications
        if plan.batch is not None:
            rules.check_batch(
                plan.batch, [(part, table, values) for part, table in zip(parts, tables, strict=True)], size=size
            )
        size += plan.text_bytes
        for part, table in zip(parts, tables, strict=True):
            rules.check_write(part, table, values, size=size, timestamped=plan.timestamped)

    def admit_batch(self, kind: str, items: Sequence[BoundPlan], consistency: str, *, size: int) -> None:
        """Checks a BATCH message of the protocol, which consists of separate statements. size: bytes of the request."""
        rules.check_consistency(consistency, write=True)
        parts = []
        for plan, values, _ in items:
            tables = self.authorize(plan)
            if plan.reads or plan.batch is not None:
                raise invalid("Only INSERT, UPDATE and DELETE statements are allowed in a batch", ServiceRule.BATCH)
            parts.append((plan.modifications[0], tables[0], values))
        rules.check_batch(kind, parts, size=size)
        for (part, table, values), item in zip(parts, items, strict=True):
            rules.check_write(part, table, values, size=item.size + item.plan.text_bytes)

    def authorize(self, plan: Plan) -> Sequence[Table]:
        """Checks the permissions and the tables, without values. Returns the tables of the parts but system tables."""
        known = self._authorized.get(plan)
        if known is not None and known.holds(self._catalog):
            return known.tables
        regions = [self._catalog.regions.get(keyspace) for keyspace, _ in plan.tables]
        for access in plan.accesses:
            access.require(self._principal, self._catalog)
        tables = []
        for keyspace, name in plan.tables:
            if keyspace not in system_tables.KEYSPACES:
                table = self._catalog.require_table(keyspace, name)
                _raise_for_hidden(plan, table)
                tables.append(table)
            elif not plan.reads:
                raise plans.read_only(keyspace)
            elif (keyspace, name) not in system_tables.VISIBLE:
                # Drivers query system tables of newer versions, and detect the version from the answer.
                raise no_such_table(keyspace, name, usual=True)
        if tables and len(plan.text) <= plans.LONGEST_REMEMBERED:
            if len(self._authorized) >= _REMEMBERED:
                self._authorized.clear()
            self._authorized[plan] = _Authorized(tables, list(zip(plan.tables, tables, regions, strict=True)))
        return tables


def _raise_for_hidden(plan: Plan, table: Table) -> None:
    """Raises Refused if the statement names a new column before the delay is over; Cassandra has the column at once."""
    if table.hidden:
        for column in sorted(table.hidden & cql.names_in(plan.text)):
            raise invalid(f"Undefined column name {column}", ServiceRule.DDL_NOT_WAITED_FOR)
