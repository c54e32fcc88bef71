"""The service's rules for throughput: token buckets with a clock that the caller passes. This module does no I/O.

Sources, pages of the developer guide at https://docs.aws.amazon.com/keyspaces/latest/devguide/ unless noted:

- bp-partition-key-design.html, metrics-dimensions.html: a partition serves 1,000 write and 3,000 read units a second.
- throughput-bursting.html: up to 300 seconds of unused capacity are retained for a burst.
- ReadWriteCapacityMode.OnDemand.html: the previous peak of a new table is 2,000 WRUs and 6,000 RRUs; a table serves
  up to double its previous peak; more than that within 30 minutes may be throttled; a table that is switched to
  on-demand mode begins with half of what was provisioned, if that is more.
- warm-throughput.html: a table serves its warm throughput instantly.
- quotas.html: 40,000 read and write units a second for a table, 3,000 CQL queries a second for a connection.
- autoscaling.html: target tracking of the ratio of consumed to provisioned capacity.
- https://repost.aws/knowledge-center/keyspaces-table-auto-scaling-issues: capacity grows after three minutes in a row
  above the target, and shrinks after fifteen in a row that are 20 percentage points or more below it.

UNVERIFIED, because no source says it: a request is admitted while its bucket has any tokens, and takes all its units,
so the bucket may go below zero; a new bucket holds one second of its rate; a partition and an on-demand table retain at
most one second of unused capacity; traffic is averaged over a minute, and a new peak counts half an hour later; auto
scaling sets the capacity for the busiest of the minutes that it evaluates, and raises a capacity below its minimum at
once.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

PARTITION_READS, PARTITION_WRITES = 3000, 1000
"""Units a second."""
CONNECTION_QUERIES = 3000
"""Queries a second."""
NEW_TABLE_READ_PEAK, NEW_TABLE_WRITE_PEAK = 6000, 2000
"""The previous peak of a new table in on-demand mode, in units a second."""
BURST_SECONDS = 300

_PEAK_COUNTS_AFTER = 30 * 60
_MINUTE = 60
_MINUTES_ABOVE, _MINUTES_BELOW = 3, 15
_BELOW_TARGET = 0.2
_MOST_IDLE_MINUTES = 120
_MOST_BUCKETS = 4096

Clock = Callable[[], float]
"""Returns the seconds since some fixed moment."""


class Bucket:
    """A token bucket: `rate` tokens a second are added, up to the tokens of `seconds`. The count may be negative."""

    __slots__ = ("_at", "_seconds", "_tokens", "rate")

    def __init__(self, rate: float, now: float, *, seconds: float = 1) -> None:
        self.rate = rate
        self._seconds = seconds
        self._tokens = rate
        self._at = now

    def has_some(self, now: float) -> bool:
        self._refill(now)
        return self._tokens > 0

    def is_full(self, now: float) -> bool:
        self._refill(now)
        return self._tokens >= self.rate * self._seconds

    def take(self, units: float, now: float) -> None:
        """Takes units; a negative number gives units back."""
        self._refill(now)
        self._tokens = min(self._tokens - units, self.rate * self._seconds)

    def set_rate(self, rate: float, now: float) -> None:
        self._refill(now)
        self.rate = rate
        self._tokens = min(self._tokens, rate * self._seconds)

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._tokens + (now - self._at) * self.rate, self.rate * self._seconds)
            self._at = now


class Partitions:
    """The buckets of one table's partitions. Full buckets are dropped, because they equal new ones."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[Hashable, Bucket] = {}
        self._most = _MOST_BUCKETS

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, key: Hashable, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets = {each: kept for each, kept in self._buckets.items() if not kept.is_full(now)}
                self._most = max(_MOST_BUCKETS, 2 * len(self._buckets))
            bucket = self._buckets[key] = Bucket(self._rate, now)
        return bucket


class _Minutes:
    """The average traffic of each minute, in units a second."""

    def __init__(self, now: float) -> None:
        self._end = now + _MINUTE
        self._units = 0.0

    def add(self, units: float) -> None:
        self._units += units

    def ended(self, now: float) -> Iterator[tuple[float, float]]:
        """The minutes that are over, as (end, average). Skips the middle of a long idle time."""
        while now >= self._end:
            end, average = self._end, self._units / _MINUTE
            self._units = 0.0
            self._end += _MINUTE
            idle = int((now - self._end) // _MINUTE)
            if average == 0 and idle > _MOST_IDLE_MINUTES:
                self._end += (idle - _MOST_IDLE_MINUTES // 2) * _MINUTE
            yield end, average


@dataclass(frozen=True, kw_only=True)
class AutoScaling:
    """target: the share of the capacity that should be consumed. Cooldowns are in seconds."""

    minimum: int
    maximum: int
    target: float
    scale_in_cooldown: float = 0
    scale_out_cooldown: float = 0
    disable_scale_in: bool = False

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> Self | None:
        """Reads the settings as system_schema_mcs.autoscaling shows them; None if auto scaling is off."""
        if not settings:
            return None
        tracking = json.loads(settings["scaling_policy"])["target_tracking_scaling_policy_configuration"]
        return cls(
            minimum=int(settings["minimum_units"]),
            maximum=int(settings["maximum_units"]),
            target=tracking["target_value"] / 100,
            scale_in_cooldown=tracking["scale_in_cooldown"],
            scale_out_cooldown=tracking["scale_out_cooldown"],
            disable_scale_in=tracking["disable_scale_in"],
        )

    def limited(self, units: float) -> int:
        return max(self.minimum, min(self.maximum, math.ceil(round(units, 6))))


class _Capacity:
    """The capacity of a table for reads or for writes."""

    def __init__(self, bucket: Bucket, now: float) -> None:
        self._bucket = bucket
        self._minutes = _Minutes(now)

    def limit(self, now: float) -> float:
        """Units a second, without the burst."""
        self._end_minutes(now)
        return self._bucket.rate

    def has_some(self, now: float) -> bool:
        self._end_minutes(now)
        return self._bucket.has_some(now)

    def take(self, units: float, now: float) -> None:
        self._end_minutes(now)
        self._minutes.add(units)
        self._bucket.take(units, now)

    def _end_minutes(self, now: float) -> None:
        """Applies the effects of the minutes that have ended."""
        raise NotImplementedError


class ProvisionedCapacity(_Capacity):
    """Provisioned capacity of a table, with its burst, and with auto scaling if it is turned on."""

    def __init__(self, units: int, now: float, scaling: AutoScaling | None = None) -> None:
        self.declared = units
        self.scaling = scaling
        super().__init__(Bucket(scaling.limited(units) if scaling else units, now, seconds=BURST_SECONDS), now)
        self._latest: deque[float] = deque(maxlen=_MINUTES_BELOW)
        self._scaled_in = self._scaled_out = -math.inf

    def set(self, units: int, scaling: AutoScaling | None, now: float) -> None:
        """Applies an ALTER TABLE. Keeps the capacity that auto scaling has set, unless other units are declared."""
        self._end_minutes(now)
        rate = self._bucket.rate if units == self.declared and scaling else units
        self.declared, self.scaling = units, scaling
        self._latest.clear()
        self._bucket.set_rate(scaling.limited(rate) if scaling else rate, now)

    def _end_minutes(self, now: float) -> None:
        for end, average in self._minutes.ended(now):
            if self.scaling is not None:
                self._latest.append(average)
                self._scale(self.scaling, end)

    def _scale(self, scaling: AutoScaling, now: float) -> None:
        capacity = self._bucket.rate
        last = list(self._latest)[-_MINUTES_ABOVE:]
        if len(last) == _MINUTES_ABOVE and min(last) > round(scaling.target * capacity, 6):
            units = scaling.limited(max(last) / scaling.target)
            if units > capacity and now >= self._scaled_out + scaling.scale_out_cooldown:
                self._scaled_out = now
                self._change(units, now)
        elif (
            not scaling.disable_scale_in
            and len(self._latest) == _MINUTES_BELOW
            and max(self._latest) <= round((scaling.target - _BELOW_TARGET) * capacity, 6)
        ):
            units = scaling.limited(max(self._latest) / scaling.target)
            if units < capacity and now >= self._scaled_in + scaling.scale_in_cooldown:
                self._scaled_in = now
                self._change(units, now)

    def _change(self, units: int, now: float) -> None:
        self._bucket.set_rate(units, now)
        self._latest.clear()


class OnDemandCapacity(_Capacity):
    """Capacity of an on-demand table: double its previous peak or its warm throughput, at most the table quota."""

    def __init__(self, peak: float, now: float, *, most: float, warm: float = 0) -> None:
        self._peak = peak
        self._most = most
        self._warm = warm
        super().__init__(Bucket(self._rate(), now), now)
        # Peaks that do not count yet, as (end of the minute, average), each higher than the one before.
        self._reached: deque[tuple[float, float]] = deque()

    def set_warm(self, units: float, now: float) -> None:
        """Applies an ALTER TABLE."""
        self._end_minutes(now)
        if units != self._warm:
            self._warm = units
            self._bucket.set_rate(self._rate(), now)

    def _rate(self) -> float:
        return min(max(2 * self._peak, self._warm), self._most)

    def _end_minutes(self, now: float) -> None:
        for end, average in self._minutes.ended(now):
            if average > (self._reached[-1][1] if self._reached else self._peak):
                self._reached.append((end, average))
        while self._reached and now >= self._reached[0][0] + _PEAK_COUNTS_AFTER:
            end, self._peak = self._reached.popleft()
            self._bucket.set_rate(self._rate(), end + _PEAK_COUNTS_AFTER)
