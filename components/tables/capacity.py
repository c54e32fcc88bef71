"""A table's capacity for reads and writes: on demand, or provisioned within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.arguments import outside, raise_for

Dimension = Literal["read", "write"]


@dataclass(frozen=True, kw_only=True)
class OnDemand:
    """Keyspaces gives what is asked for, and each read and write is billed."""


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """Capacity that is billed by the hour, used or not, and scaled by Application Auto Scaling.

    read, write: (minimum, maximum) of capacity units. A read unit is one LOCAL_QUORUM read a second of a row of up to
    4 KB, or two LOCAL_ONE reads; a write unit one write a second of a row of up to 1 KB (Keyspaces developer guide,
    "Configure provisioned capacity mode"). At most 40,000 of each, unless the account's quota has been raised.
    Two equal numbers are a fixed capacity without auto scaling.
    target: percent of the capacity that auto scaling keeps in use, 20 to 90; 70 is Keyspaces' own default. Lower, and
    it scales up sooner. It follows a load that lasts for minutes; shorter peaks live on burst capacity ("Manage
    throughput capacity automatically").

    A scaled number of units is not Pulumi's to reset: raising the minimum reaches the table by auto scaling. Changing
    one dimension that is fixed, with the other scaled, sends the last capacity Pulumi knows for the scaled one, from
    where it scales again.

    A table can go from provisioned to on demand once in 24 hours, and not within 24 hours of its creation; the other
    way at any time ("Change the capacity mode of a table"). From `OnDemand` to a range takes two updates, the first
    with a fixed capacity; the guard says so (see `TableSchema`). From a range to `OnDemand`, Pulumi switches the table
    before it removes auto scaling; whether Keyspaces takes that is UNVERIFIED. Should it refuse, go by a fixed
    capacity too.

    The principal that runs `pulumi up` needs the managed policy AmazonKeyspacesFullAccess for auto scaling ("Configure
    permissions for Amazon Keyspaces automatic scaling").
    """

    read: tuple[int, int]
    write: tuple[int, int]
    target: int = 70

    def __post_init__(self) -> None:
        raise_for(
            "Provisioned",
            {
                "read": _range_mistake(*self.read),
                "write": _range_mistake(*self.write),
                "target": outside(self.target, 20, 90, "percent"),
            },
        )


Capacity = OnDemand | Provisioned


@dataclass(frozen=True, kw_only=True)
class TableScaling:
    """Auto scaling of a table's reads or writes."""

    target: aws.appautoscaling.Target
    policy: aws.appautoscaling.Policy


def capacity_specification(capacity: Capacity) -> aws.keyspaces.TableCapacitySpecificationArgsDict:
    if isinstance(capacity, OnDemand):
        return {"throughput_mode": "PAY_PER_REQUEST"}
    return {
        "throughput_mode": "PROVISIONED",
        "read_capacity_units": capacity.read[0],
        "write_capacity_units": capacity.write[0],
    }


def scaled_ranges(capacity: Capacity) -> dict[Dimension, tuple[int, int]]:
    """Minimum and maximum of what auto scaling is to change."""
    if isinstance(capacity, OnDemand):
        return {}
    ranges: dict[Dimension, tuple[int, int]] = {"read": capacity.read, "write": capacity.write}
    return {dimension: (low, high) for dimension, (low, high) in ranges.items() if low < high}


def changes_left_to_scaling(capacity: Capacity) -> list[str]:
    """Paths of the table's inputs for `ignore_changes`: what auto scaling has set is no drift.

    Pulumi does not translate nested paths, hence the engine's spelling. For an ignored path the engine takes the old
    input, and where there is none it drops the new one. So a table that was on demand must not get there at once:
    AWS would be asked for provisioned capacity without units. `TableSchema` refuses that.
    """
    return [f"capacitySpecification.{dimension}CapacityUnits" for dimension in scaled_ranges(capacity)]


def create_scaling(
    name: str,
    capacity: Capacity,
    *,
    table: aws.keyspaces.Table,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> dict[Dimension, TableScaling]:
    """Auto scaling of what has a range.

    A table with auto scaling cannot be deleted (Keyspaces developer guide, "Configure permissions for Amazon Keyspaces
    automatic scaling"). Everything here is made of the table's outputs, so that Pulumi removes it first when the table
    is deleted, and when it is replaced.
    """
    if isinstance(capacity, OnDemand):
        return {}
    return {
        dimension: _create_dimension(
            f"{name}-{dimension}",
            f"{dimension.capitalize()}Capacity",
            bounds,
            target=capacity.target,
            table=table,
            tags=tags,
            parent=parent,
        )
        for dimension, bounds in scaled_ranges(capacity).items()
    }


def _create_dimension(
    name: str,
    dimension: str,
    bounds: tuple[int, int],
    *,
    target: int,
    table: aws.keyspaces.Table,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
) -> TableScaling:
    opts = pulumi.ResourceOptions(parent=parent)
    scalable = aws.appautoscaling.Target(
        name,
        service_namespace="cassandra",
        resource_id=pulumi.Output.concat("keyspace/", table.keyspace_name, "/table/", table.table_name),
        scalable_dimension=f"cassandra:table:{dimension}Units",
        min_capacity=bounds[0],
        max_capacity=bounds[1],
        tags=dict(tags),
        opts=opts,
    )
    policy = aws.appautoscaling.Policy(
        name,
        service_namespace=scalable.service_namespace,
        resource_id=scalable.resource_id,
        scalable_dimension=scalable.scalable_dimension,
        policy_type="TargetTrackingScaling",
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": {"predefined_metric_type": f"Cassandra{dimension}Utilization"},
            "target_value": target,
        },
        opts=opts,
    )
    return TableScaling(target=scalable, policy=policy)


def _range_mistake(low: int, high: int) -> str | None:
    if not 1 <= low <= high:
        return f"is ({low}, {high}); use (minimum, maximum), from 1 up, with the smaller one first"
    return None
