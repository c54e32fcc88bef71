"""Finds requests that exceed the capacity of their connection, table or partition, and counts them as CloudWatch does.

`capacity` has the rules. Source of the metrics' names and dimensions: developer guide,
https://docs.aws.amazon.com/keyspaces/latest/devguide/metrics-dimensions.html
"""

import datetime
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_keyspaces.capacity import (
    CONNECTION_QUERIES,
    NEW_TABLE_READ_PEAK,
    NEW_TABLE_WRITE_PEAK,
    PARTITION_READS,
    PARTITION_WRITES,
    AutoScaling,
    Bucket,
    Clock,
    OnDemandCapacity,
    Partitions,
    ProvisionedCapacity,
)
from local_keyspaces.meter import Key, shown
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import throttled
from local_keyspaces.tables import Table

_log = logging.getLogger(__name__)

CONNECTION, PARTITION = "PerConnectionRequestRateExceeded", "StoragePartitionThroughputCapacityExceeded"
_THROTTLE_EVENTS = {False: "ReadThrottleEvents", True: "WriteThrottleEvents"}
_CONSUMED = {False: "ConsumedReadCapacityUnits", True: "ConsumedWriteCapacityUnits"}
_PROVISIONED = {False: "ProvisionedReadCapacityUnits", True: "ProvisionedWriteCapacityUnits"}
_MOST_PARTITIONS, _SHOWN_PARTITIONS = 2_000, 10


class TableThrottle:
    """The capacity of one table, and its throttled requests."""

    def __init__(self, table: Table, now: float) -> None:
        self.created: datetime.datetime = table.created
        self.name = (table.keyspace, table.name)
        self._partitions = {False: Partitions(PARTITION_READS), True: Partitions(PARTITION_WRITES)}
        self._capacity: dict[bool, ProvisionedCapacity | OnDemandCapacity] = {}
        self._consumed = {False: 0.0, True: 0.0}
        # By (metric, operation), and by partition and metric.
        self.events: Counter[tuple[str, str]] = Counter()
        self.of_partitions: dict[Key, Counter[str]] = {}
        self.set(table, now)

    def set(self, table: Table, now: float) -> None:
        """Applies the table's present properties."""
        for write, (word, new_table_peak, quota) in _OF_KIND.items():
            capacity = table.properties.get("capacity_mode", {})
            before = self._capacity.get(write)
            if capacity.get("throughput_mode") == "PROVISIONED":
                units = int(capacity[f"{word}_capacity_units"])
                scaling = AutoScaling.read(table.autoscaling.get(f"provisioned_{word}_capacity_autoscaling_update", {}))
                if not isinstance(before, ProvisionedCapacity):
                    self._capacity[write] = ProvisionedCapacity(units, now, scaling)
                elif (before.declared, before.scaling) != (units, scaling):
                    before.set(units, scaling, now)
            else:
                warm = int(table.properties.get("warm_throughput", {}).get(f"{word}_units_per_second", 0))
                if isinstance(before, OnDemandCapacity):
                    before.set_warm(warm, now)
                else:
                    provisioned = before.limit(now) if before is not None else 0
                    self._capacity[write] = OnDemandCapacity(
                        max(new_table_peak, provisioned / 2), now, most=quota.most, warm=warm
                    )

    def exceeded(self, key: Key | None, now: float, *, write: bool) -> str | None:
        """The metric of an exceeded capacity, or None. key: the partition's, None if the statement names none."""
        if key is not None and not self._partitions[write].of(key, now).has_some(now):
            return PARTITION
        return None if self._capacity[write].has_some(now) else _THROTTLE_EVENTS[write]

    def take(self, key: Key | None, units: float, now: float, *, write: bool) -> None:
        self._capacity[write].take(units, now)
        self._consumed[write] += units
        if key is not None:
            self._partitions[write].of(key, now).take(units, now)

    def record(self, exceeded: str, key: Key | None, operation: str, *, write: bool) -> None:
        metrics = dict.fromkeys((_THROTTLE_EVENTS[write], exceeded))
        for metric in metrics:
            self.events[metric, operation] += 1
            if self.events[metric, operation] == 1:
                _log.info("throttled for the first time: %s of %s.%s (%s)", operation, *self.name, metric)
        if key is not None:
            if key not in self.of_partitions and len(self.of_partitions) >= _MOST_PARTITIONS:
                self.of_partitions = dict(_most_throttled(self.of_partitions.items(), _MOST_PARTITIONS // 2))
            self.of_partitions.setdefault(key, Counter()).update(metrics.keys())

    def metrics(self, now: float) -> Iterable[Mapping[str, Any]]:
        dimensions = {"Keyspace": self.name[0], "TableName": self.name[1]}
        for write, capacity in self._capacity.items():
            yield {"metric": _CONSUMED[write], "dimensions": dimensions, "value": self._consumed[write]}
            if isinstance(capacity, ProvisionedCapacity):
                yield {"metric": _PROVISIONED[write], "dimensions": dimensions, "value": capacity.limit(now)}
        for (metric, operation), count in sorted(self.events.items()):
            yield {"metric": metric, "dimensions": {**dimensions, "Operation": operation}, "value": count}

    def throttled_partitions(self) -> Iterable[Mapping[str, Any]]:
        for key, counts in _most_throttled(self.of_partitions.items(), _SHOWN_PARTITIONS):
            keyspace, table = self.name
            yield {"keyspace": keyspace, "table": table, "partition": shown(key), **counts}


@dataclass(slots=True)
class Demand:
    """The demand of one statement on one table. key: the partition's, None if the statement names no partition.

    operation: as CloudWatch names it. read, write: the units that are certain before the statement runs.
    """

    table: TableThrottle
    operation: str
    key: Key | None
    read: float
    write: float


class Throttling:
    """The throttling of one endpoint. Only the endpoint's thread may call its methods, except `report`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._tables: dict[tuple[str, str], TableThrottle] = {}

    def of(self, table: Table) -> TableThrottle:
        """The throttle of a table, with the table's present properties."""
        name, now = (table.keyspace, table.name), self.clock()
        existing = self._tables.get(name)
        if existing is None or existing.created != table.created:
            existing = self._tables[name] = TableThrottle(table, now)
        else:
            existing.set(table, now)
        return existing

    def report(self) -> Mapping[str, Any]:
        """As JSON: `metrics`, each with its dimensions, and `throttled_partitions`, each table's ten most throttled.

        A metric's value is the sum since the endpoint started; a Provisioned... metric's is the present capacity.
        """
        now = self.clock()
        tables = list(self._tables.values())
        return {
            "metrics": [metric for table in tables for metric in table.metrics(now)],
            "throttled_partitions": [entry for table in tables for entry in table.throttled_partitions()],
        }


class ConnectionThrottle:
    """The throttling of one connection."""

    def __init__(self, throttling: Throttling) -> None:
        self._clock = throttling.clock
        self._queries = Bucket(CONNECTION_QUERIES, self._clock())
        self.of: Callable[[Table], TableThrottle] = throttling.of

    def admit(self, demands: Sequence[Demand], *, queries: int, write_type: str | None, consistency: str) -> None:
        """Takes the capacity that a request demands, all or none. Raises Refused.

        queries: the number that counts for the connection; each subquery of IN is one (developer guide,
        functional-differences.html).
        """
        now, write = self._clock(), write_type is not None
        if not self._queries.has_some(now):
            self._refuse(demands[0], CONNECTION, write_type, consistency)
        self._queries.take(queries, now)  # also for a request that its table throttles
        for demand in demands:
            exceeded = demand.table.exceeded(demand.key, now, write=write)
            if exceeded is not None:
                self._refuse(demand, exceeded, write_type, consistency)
        for demand in demands:
            demand.table.take(demand.key, demand.write if write else demand.read, now, write=write)

    def settle(self, demand: Demand, read: float, write: float) -> None:
        """Takes the rest, or gives units back, when the consumption is known."""
        now = self._clock()
        for units, is_write in ((read - demand.read, False), (write - demand.write, True)):
            if units:
                demand.table.take(demand.key, units, now, write=is_write)

    def _refuse(self, demand: Demand, exceeded: str, write_type: str | None, consistency: str) -> None:
        demand.table.record(exceeded, demand.key, demand.operation, write=write_type is not None)
        raise throttled(write_type=write_type, consistency=consistency, usual=True)


def _most_throttled(partitions: Iterable[tuple[Key, Counter[str]]], most: int) -> list[tuple[Key, Counter[str]]]:
    return sorted(partitions, key=lambda item: -item[1].total())[:most]


# For reads (False) and writes (True): the word in the properties' names, a new table's peak, and the table quota.
_OF_KIND = {
    False: ("read", NEW_TABLE_READ_PEAK, Quota.READ_CAPACITY),
    True: ("write", NEW_TABLE_WRITE_PEAK, Quota.WRITE_CAPACITY),
}
