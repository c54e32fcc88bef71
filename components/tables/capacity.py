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
    """Keyspaces scales with the load, and bills each read and write."""


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """Capacity that is billed by the hour, used or not, and scaled by Application Auto Scaling.

    read, write: (minimum, maximum) of capacity units. A read unit is one LOCAL_QUORUM read a second of a row of up to
    4 KB, or two LOCAL_ONE reads; a write unit one write a second of a row of up to 1 KB (Keyspaces developer guide,
    "Configure provisioned capacity mode"). At most 40,000 of each, unless the account's quota has been raised.
    Two equal numbers are a fixed capacity without auto scaling.
    target: percent of the capacity that auto scaling keeps in use, 20 to 90; 70 is Keyspaces' own default. With a
    lower target, it scales up sooner. Auto scaling follows a load that lasts for minutes; shorter peaks use burst
    capacity ("Manage throughput capacity automatically").

    Pulumi does not reset scaled units: a raised minimum reaches the table through auto scaling. If one dimension is
    fixed and the other scaled, a change of the fixed one also sends the last capacity that Pulumi knows for the scaled
    one, which scales on from there.

    A table can change from provisioned to on demand once in 24 hours, and not within 24 hours of its creation; to
    provisioned at any time ("Change the capacity mode of a table"). A change from `OnDemand` to a range takes two
    updates, the first with a fixed capacity; `TableSchema` refuses it otherwise. For a change from a range to
    `OnDemand`, Pulumi switches the table before it removes auto scaling; whether Keyspaces accepts this order is
    UNVERIFIED. If Keyspaces refuses it, set a fixed capacity first.

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
    """Minimum and maximum of each dimension that auto scaling changes."""
    if isinstance(capacity, OnDemand):
        return {}
    ranges: dict[Dimension, tuple[int, int]] = {"read": capacity.read, "write": capacity.write}
    return {dimension: (low, high) for dimension, (low, high) in ranges.items() if low < high}


def changes_left_to_scaling(capacity: Capacity) -> list[str]:
    """Paths of the table's inputs for `ignore_changes`: values that auto scaling has set are not drift.

    Pulumi does not translate nested paths, so they are in the engine's spelling. For an ignored path the engine keeps
    the old input, and without an old input it drops the new one. So a table must not change from on demand to scaled in
    one update: the request would ask for provisioned capacity without units. `TableSchema` refuses this.
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
    """Auto scaling of each dimension that has a range.

    A table with auto scaling cannot be deleted (Keyspaces developer guide, "Configure permissions for Amazon Keyspaces
    automatic scaling"). All resources here use the table's outputs, so that Pulumi deletes them before it deletes or
    replaces the table.
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
