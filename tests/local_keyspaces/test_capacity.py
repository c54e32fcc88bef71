"""The rules for throughput, with a clock that the tests move. Each number comes from AWS's documentation."""

import json
import random
from dataclasses import replace

import pytest

from local_keyspaces.capacity import AutoScaling, Bucket, OnDemandCapacity, Partitions, ProvisionedCapacity
from local_keyspaces.refusals import Refused
from local_keyspaces.tables import DEFAULT_PROPERTIES, Column, Table
from local_keyspaces.throttling import ConnectionThrottle, Demand, TableThrottle, Throttling

MINUTE = 60


def served(capacity: Bucket | ProvisionedCapacity | OnDemandCapacity, now: float, *, most: int = 200_000) -> int:
    """The number of one-unit requests that are admitted at one moment."""
    count = 0
    while count < most and capacity.has_some(now):
        capacity.take(1, now)
        count += 1
    return count


def load(capacity: ProvisionedCapacity | OnDemandCapacity, units: float, start: float, minutes: int) -> float:
    """Requests that many units a second where capacity allows; returns the time at the end."""
    for second in range(minutes * MINUTE):
        if capacity.has_some(start + second):
            capacity.take(units, start + second)
    return start + minutes * MINUTE


def test_gives_a_partition_its_units_each_second() -> None:
    """A loader could be throttled here and not in the cloud, or the reverse."""
    partitions = Partitions(1000)
    assert [served(partitions.of("hot", now), now) for now in (0, 0, 1, 1.5, 10)] == [1000, 0, 1000, 500, 1000]
    assert served(partitions.of("cold", 0), 0) == 1000


def test_a_request_may_use_the_capacity_of_the_following_seconds() -> None:
    """A user could never write a row of 1 MB, which takes more than a partition has in a second."""
    bucket = Bucket(1000, 0)
    bucket.take(2500, 0)
    assert [bucket.has_some(now) for now in (0, 1, 1.5, 1.6)] == [False, False, False, True]


def test_keeps_the_average_rate_whatever_requests_take() -> None:
    """A user's large requests would get more than the table's capacity in the long run."""
    chance, bucket, now, taken = random.Random(1), Bucket(100, 0), 0.0, 0.0
    while now < 1000:
        now += chance.random() / 50
        if bucket.has_some(now):
            units = chance.choice((0.5, 1, 20, 300))
            bucket.take(units, now)
            taken += units
    assert taken == pytest.approx(100 * 1000, rel=0.01)


def test_forgets_partitions_only_once_they_are_full_again() -> None:
    """A table with many keys would fill the memory, or a hot key would be served as soon as other keys arrive."""
    partitions = Partitions(1000)
    partitions.of("hot", 0).take(1_000_000, 0)
    for number in range(20_000):
        partitions.of(number, number / 25).take(1, number / 25)
    assert len(partitions) <= 4096
    assert not partitions.of("hot", 800).has_some(800)


def test_saves_five_minutes_of_a_provisioned_table() -> None:
    """A user's burst after a quiet time would be throttled here and not in the cloud."""
    table = ProvisionedCapacity(10, 0)
    assert [served(table, now) for now in (0, 100, 100, 10_000)] == [10, 1000, 0, 3000]


def test_doubles_the_starting_throughput_of_an_on_demand_table() -> None:
    """A new on-demand table would serve another rate than its 4,000 writes and 12,000 reads a second."""
    writes, reads = OnDemandCapacity(2000, 0, most=40_000), OnDemandCapacity(6000, 0, most=40_000)
    assert (served(writes, 0), served(writes, 10_000)) == (4000, 4000)
    assert served(reads, 0) == 12_000


def test_doubles_again_half_an_hour_after_a_new_peak() -> None:
    """A load test that grows as AWS advises would be throttled, or a load test that grows too fast would pass."""
    table = OnDemandCapacity(2000, 0, most=40_000)
    end = load(table, 4000, 0, 2)
    assert table.limit(end + 28 * MINUTE) == 4000
    assert table.limit(end + 30 * MINUTE) == 8000
    end = load(table, 8000, end + 30 * MINUTE, 3)
    assert table.limit(end + 30 * MINUTE) == 16_000
    end = load(table, 100, end + 30 * MINUTE, 1)
    assert table.limit(end + 1000 * MINUTE) == 16_000  # any level that was reached before is served again


def test_ends_doubling_at_the_quota_of_a_table() -> None:
    """A load test would pass here at a rate that the account's quota does not allow."""
    table = OnDemandCapacity(15_000, 0, most=40_000)
    end = load(table, 30_000, 0, 2)
    assert table.limit(end + 30 * MINUTE) == 40_000
    assert OnDemandCapacity(2000, 0, most=40_000, warm=20_000).limit(0) == 20_000


SCALING = AutoScaling(minimum=100, maximum=1000, target=0.7)


def test_scales_out_after_three_minutes_above_the_target() -> None:
    """A table would not scale up as in AWS's example, which uses more than 70 of 100 units for three minutes."""
    table = ProvisionedCapacity(100, 0, SCALING)
    end = load(table, 80, 0, 2)
    assert table.limit(end) == 100
    end = load(table, 80, end, 1)
    assert table.limit(end) == 115  # of which 80 are 70 percent
    end = load(table, 80, end, 10)
    assert table.limit(end) == 115


def test_scales_in_after_fifteen_minutes_well_below_the_target() -> None:
    """A table would not scale down as in AWS's example, which uses 50 of 100 units for 15 minutes at a target of 70
    percent."""
    table = ProvisionedCapacity(500, 0, SCALING)
    end = load(table, 250, 0, 14)
    assert table.limit(end) == 500
    end = load(table, 250, end, 1)
    assert table.limit(end) == 358
    assert table.limit(end + 100_000 * MINUTE) == 100  # not below its minimum
    kept = ProvisionedCapacity(500, 0, replace(SCALING, disable_scale_in=True))
    assert kept.limit(100 * MINUTE) == 500


def test_scales_within_its_limits_and_cooldowns() -> None:
    """A user would see more capacity than the scaling policy allows."""
    table = ProvisionedCapacity(50, 0, replace(SCALING, maximum=300, scale_out_cooldown=600))
    assert table.limit(0) == 100
    end = load(table, 95, 0, 3)
    assert table.limit(end) == 136
    end = load(table, 130, end, 9)
    assert table.limit(end) == 136
    end = load(table, 136, end, 2)
    assert table.limit(end) == 195
    end = load(table, 300, end, 60)
    assert table.limit(end) == 300


def test_reads_the_policy_as_the_system_table_shows_it() -> None:
    """A declared scaling policy would have no effect here."""
    tracking = {"scale_out_cooldown": 60, "disable_scale_in": True, "target_value": 65, "scale_in_cooldown": 30}
    shown = json.dumps({"target_tracking_scaling_policy_configuration": tracking})
    settings = {"minimum_units": "5", "maximum_units": "10", "scaling_policy": shown}
    assert AutoScaling.read(settings) == AutoScaling(
        minimum=5, maximum=10, target=0.65, scale_in_cooldown=30, scale_out_cooldown=60, disable_scale_in=True
    )
    assert AutoScaling.read({}) is None


# -- of tables and connections


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def table(**properties: dict[str, str]) -> Table:
    column = Column(type="int", kind="partition_key", position=0, clustering_order="none")
    return Table(keyspace="shop", name="t", columns={"id": column}, properties={**DEFAULT_PROPERTIES, **properties})


def provisioned(read: int, write: int) -> Table:
    return table(
        capacity_mode={
            "throughput_mode": "PROVISIONED",
            "read_capacity_units": str(read),
            "write_capacity_units": str(write),
        }
    )


def writes(connection: ConnectionThrottle, of: TableThrottle, key: bytes, count: int, units: float = 1) -> int:
    """The number of admitted requests."""
    admitted = 0
    for _ in range(count):
        try:
            demand = Demand(of, "INSERT", (key,), 0, units)
            connection.admit([demand], queries=1, write_type="SIMPLE", consistency="LOCAL_QUORUM")
            admitted += 1
        except Refused:
            pass
    return admitted


def metric(throttling: Throttling, name: str) -> float:
    return float(sum(each["value"] for each in throttling.report()["metrics"] if each["metric"] == name))


def test_distinguishes_a_hot_partition_from_a_busy_table_and_a_busy_connection() -> None:
    """A user would see different errors for three reasons of throttling, which look alike on the service except in the
    metrics."""
    throttling = Throttling(clock := Hand())
    of, connection = throttling.of(table()), ConnectionThrottle(throttling)
    assert writes(connection, of, b"hot", 1500) == 1000
    assert metric(throttling, "StoragePartitionThroughputCapacityExceeded") == 500
    assert metric(throttling, "PerConnectionRequestRateExceeded") == 0
    assert writes(connection, of, b"cold", 2000) == 1000 and metric(throttling, "WriteThrottleEvents") == 1500
    assert metric(throttling, "PerConnectionRequestRateExceeded") == 500
    assert metric(throttling, "StoragePartitionThroughputCapacityExceeded") == 1000
    other = ConnectionThrottle(throttling)
    assert sum(writes(other, of, bytes([number]), 700) for number in range(4)) == 2000
    assert metric(throttling, "StoragePartitionThroughputCapacityExceeded") == 1000
    assert metric(throttling, "WriteThrottleEvents") == 1500 + 800
    assert metric(throttling, "ConsumedWriteCapacityUnits") == 4000
    (first, *_) = throttling.report()["throttled_partitions"]
    assert first["partition"] == ["cold"] and first["PerConnectionRequestRateExceeded"] == 500
    clock.now = 1
    assert writes(connection, of, b"hot", 1500) == 1000


def test_a_throttled_request_consumes_nothing() -> None:
    """A batch with one hot key would use up the capacity of its other partitions."""
    throttling = Throttling(Hand())
    of, connection = throttling.of(table()), ConnectionThrottle(throttling)
    writes(connection, of, b"hot", 1000)
    batch = [Demand(of, "INSERT", (key,), 0, 1) for key in (b"cold", b"hot")]
    with pytest.raises(Refused):
        connection.admit(batch, queries=1, write_type="UNLOGGED_BATCH", consistency="LOCAL_QUORUM")
    assert metric(throttling, "ConsumedWriteCapacityUnits") == 1000
    assert writes(connection, of, b"cold", 1500) == 1000


def test_corrects_a_reads_consumption_once_it_is_known() -> None:
    """Large rows would consume as little capacity as small ones."""
    throttling = Throttling(clock := Hand())
    of, connection = throttling.of(table()), ConnectionThrottle(throttling)
    demand = Demand(of, "SELECT", (b"key",), 1, 0)
    connection.admit([demand], queries=1, write_type=None, consistency="LOCAL_QUORUM")
    connection.settle(demand, 6000, 0)
    clock.now = 0.5
    with pytest.raises(Refused):
        connection.admit([demand], queries=1, write_type=None, consistency="LOCAL_QUORUM")
    clock.now = 1.1
    connection.admit([demand], queries=1, write_type=None, consistency="LOCAL_QUORUM")
    assert metric(throttling, "ReadThrottleEvents") == 1
    assert metric(throttling, "ConsumedReadCapacityUnits") == 6001


def test_counts_each_subquery_for_the_connection() -> None:
    """A client that sends IN with a hundred keys would pass here and be throttled in the cloud."""
    throttling = Throttling(Hand())
    of, connection = throttling.of(table()), ConnectionThrottle(throttling)
    demand = Demand(of, "SELECT", None, 1, 0)
    for _ in range(30):
        connection.admit([demand], queries=100, write_type=None, consistency="LOCAL_ONE")
    with pytest.raises(Refused):
        connection.admit([demand], queries=100, write_type=None, consistency="LOCAL_ONE")
    assert metric(throttling, "PerConnectionRequestRateExceeded") == 1


def test_follows_a_table_that_is_altered_or_created_again() -> None:
    """A user who raises the capacity because of throttling would still be throttled."""
    throttling = Throttling(Hand())
    small = provisioned(1, 5)
    connection = ConnectionThrottle(throttling)
    assert writes(connection, throttling.of(small), b"a", 10) == 5
    assert metric(throttling, "ProvisionedWriteCapacityUnits") == 5
    raised = replace(small, properties=provisioned(1, 50).properties)
    of = throttling.of(raised)
    assert writes(connection, of, b"a", 10) == 0  # the capacity of the next seconds is more
    assert metric(throttling, "ProvisionedWriteCapacityUnits") == 50
    throttling.of(replace(small, properties=provisioned(1, 30_000).properties))
    on_demand = throttling.of(replace(small, properties=DEFAULT_PROPERTIES))
    assert on_demand._capacity[True].limit(0) == 30_000  # double half of what was provisioned
    assert on_demand._capacity[False].limit(0) == 12_000
    assert writes(connection, throttling.of(provisioned(1, 7)), b"a", 10) == 7
