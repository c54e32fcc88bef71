"""The write capacity of a table, from Keyspaces' own system table.

Rules: developer guide, ReadWriteCapacityMode.OnDemand.html (a new table serves 4,000 write units a second, and later
twice its previous peak), warm-throughput.html, quotas.html (40,000 a table). UNVERIFIED: the doubled peak counts half
an hour later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from keyspaces.target import QualifiedName

NEW_TABLE: Final = 4_000  # write units a second
QUOTA: Final = 40_000
_DOUBLES_AFTER: Final = 1800  # seconds

# Not prepared: Keyspaces has refused to prepare reads of system tables.
_TABLE: Final = SimpleStatement(
    "SELECT status, creation_time, custom_properties FROM system_schema_mcs.tables "
    "WHERE keyspace_name = %s AND table_name = %s"
)


@dataclass(frozen=True, kw_only=True)
class TableState:
    """status: ACTIVE when the table can be used. provisioned: write units a second; None for an on-demand table.

    warm: write units a second that an on-demand table serves at once. timestamps: client-side timestamps are enabled.
    """

    status: str
    provisioned: int | None = None
    warm: int = NEW_TABLE
    timestamps: bool = False
    created: str = ""

    def seconds_for(self, units: float) -> float:
        """The time that the table needs for these write units, if its earlier load was below its capacity."""
        if self.provisioned is not None:
            return units / self.provisioned
        rate, seconds = min(self.warm, QUOTA), 0.0
        while rate < QUOTA and units > rate * _DOUBLES_AFTER:
            units -= rate * _DOUBLES_AFTER
            seconds += _DOUBLES_AFTER
            rate = min(2 * rate, QUOTA)
        return seconds + units / rate


def table_state(session: Session, table: QualifiedName) -> TableState:
    """Blocks. Raises the driver's errors."""
    row = session.execute(_TABLE, (table.keyspace, table.name)).one()
    if row is None:
        return TableState(status="missing")
    properties: Mapping[str, Mapping[str, Any]] = dict(row["custom_properties"] or {})
    capacity = properties.get("capacity_mode", {})
    provisioned = capacity.get("throughput_mode") == "PROVISIONED"
    warm = int(properties.get("warm_throughput", {}).get("write_units_per_second", 0))
    return TableState(
        status=row["status"],
        provisioned=int(capacity["write_capacity_units"]) if provisioned else None,
        warm=max(warm, NEW_TABLE),
        timestamps=properties.get("client_side_timestamps", {}).get("status") == "enabled",
        created=str(row["creation_time"]),
    )
