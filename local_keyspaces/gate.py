"""Decides which statements of a principal pass to Cassandra, by its permissions and by Keyspaces' rules."""

from collections.abc import Sequence

from local_keyspaces import cql, plans, rules, system_tables
from local_keyspaces.catalog import Catalog
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.iam import Principal
from local_keyspaces.plans import Plan
from local_keyspaces.refusals import invalid, no_such_table
from local_keyspaces.requests import Values
from local_keyspaces.tables import Table

# Keyspaces uses these permissions of the principal to fill system.peers (developer guide, "VPC endpoints").
_DESCRIBE = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints")


class Gate:
    """The checks for one principal. All methods raise Refused."""

    def __init__(self, principal: Principal, catalog: Catalog) -> None:
        self._principal = principal
        self._catalog = catalog
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
        self.authorize(plan)
        rules.check_consistency(consistency, write=not plan.reads)
        if plan.reads:
            (select,) = plan.parts
            assert isinstance(select, cql.Select)
            rules.check_read(select, values)
            if not plan.reads_system:
                rules.check_writetime(select, self._catalog.require_table(*plan.tables[0]))
            return
        parts = self._parts(plan, values)
        if plan.batch is not None:
            rules.check_batch(plan.batch, parts, size=size)
        for part, table, own in parts:
            rules.check_write(part, table, own, size=size + len(plan.text), timestamped=plan.timestamped)

    def admit_batch(self, kind: str, items: Sequence[tuple[Plan, Values]], consistency: str, *, size: int) -> None:
        """Checks a BATCH message of the protocol, which consists of separate statements."""
        rules.check_consistency(consistency, write=True)
        parts = []
        for plan, values in items:
            self.authorize(plan)
            if plan.reads or plan.batch is not None:
                raise invalid("Only INSERT, UPDATE and DELETE statements are allowed in a batch", ServiceRule.BATCH)
            parts += self._parts(plan, values)
        rules.check_batch(kind, parts, size=size)
        size += sum(len(plan.text) for plan, _ in items)
        for part, table, values in parts:
            rules.check_write(part, table, values, size=size)

    def authorize(self, plan: Plan) -> None:
        """Checks the permissions and the tables; these checks need no values."""
        for access in plan.accesses:
            access.require(self._principal, self._catalog)
        for keyspace, table in plan.tables:
            if keyspace not in system_tables.KEYSPACES:
                _raise_for_hidden(plan, self._catalog.require_table(keyspace, table))
            elif not plan.reads:
                raise plans.read_only(keyspace)
            elif (keyspace, table) not in system_tables.VISIBLE:
                # Drivers query system tables of newer versions, and detect the version from the answer.
                raise no_such_table(keyspace, table, usual=True)

    def _parts(self, plan: Plan, values: Values) -> list[tuple[cql.Modification, Table, Values]]:
        return [
            (part, self._catalog.require_table(*table), values)
            for part, table in zip(plan.parts, plan.tables, strict=True)
            if not isinstance(part, cql.Select)
        ]


def _raise_for_hidden(plan: Plan, table: Table) -> None:
    """Raises Refused if the statement names a new column before the delay is over; Cassandra has the column at once."""
    if table.hidden:
        for column in sorted(table.hidden & cql.names_in(plan.text)):
            raise invalid(f"Undefined column name {column}", ServiceRule.DDL_NOT_WAITED_FOR)
