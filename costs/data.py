"""The cost of Keyspaces tables."""

from collections.abc import Iterator

from costs.assumptions import Assumptions
from costs.items import Item, number, unclear
from costs.prices import READ_CAPACITY, TABLE_BACKUP, TABLE_STORAGE, WRITE_CAPACITY
from costs.scaling import least_by_scaling
from declared.program import Program, Resource

TABLE = "aws:keyspaces/table:Table"


def keyspace_items(keyspace: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    replication = keyspace.inputs.get("replicationSpecification") or {}
    if replication.get("replicationStrategy") == "MULTI_REGION":
        raise unclear(keyspace, "a keyspace in several regions is not priced")
    yield from ()


def table_items(table: Resource, program: Program, assumptions: Assumptions) -> Iterator[Item]:
    """The cost of an idle table. With on-demand capacity, only its storage and backup cost something."""
    name = f"Table {table.inputs.get('tableName')}"
    if not is_on_demand(table):
        capacity = table.inputs["capacitySpecification"]
        resource_id = f"keyspace/{table.inputs.get('keyspaceName')}/table/{table.inputs.get('tableName')}"
        for kind, price in (("Read", READ_CAPACITY), ("Write", WRITE_CAPACITY)):
            units = least_by_scaling(
                program,
                f"cassandra:table:{kind}CapacityUnits",
                resource_id,
                otherwise=number(table, f"{kind.lower()}CapacityUnits", capacity),
            )
            yield Item(what=f"{name}: {kind.lower()} capacity", count=units, price=price)
    yield Item(what=f"{name}: storage", count=assumptions.table_gb, price=TABLE_STORAGE)
    recovery = table.inputs.get("pointInTimeRecovery") or {}
    if recovery.get("status") == "ENABLED":
        yield Item(what=f"{name}: point-in-time recovery", count=assumptions.table_gb, price=TABLE_BACKUP)


def is_on_demand(table: Resource) -> bool:
    capacity = table.inputs.get("capacitySpecification") or {}
    return bool(capacity.get("throughputMode") != "PROVISIONED")
