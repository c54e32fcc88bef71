"""The declaration of a table's capacity and of its auto scaling."""

from typing import Any

import pytest

from components.arguments import InvalidArguments
from components.tables.capacity import OnDemand, Provisioned
from declared.program import Inputs, Program
from tests.components.tables import declare_table, table_of
from tests.evaluation import dependencies, one

SCALED = Provisioned(read=(5, 500), write=(10, 100), target=60)


def targets(program: Program) -> dict[str, Inputs]:
    return {target.name: target.inputs for target in program.of_type("aws:appautoscaling/target:Target")}


def policies(program: Program) -> dict[str, Inputs]:
    return {policy.name: policy.inputs for policy in program.of_type("aws:appautoscaling/policy:Policy")}


def test_starts_a_scaled_table_at_its_minimum_and_leaves_the_rest_to_scaling() -> None:
    """Each `pulumi up` sets the capacity back, and requests are throttled until auto scaling has raised it again."""
    table = table_of(declare_table(capacity=SCALED))
    assert table.inputs["capacitySpecification"] == {
        "throughputMode": "PROVISIONED",
        "readCapacityUnits": 5,
        "writeCapacityUnits": 10,
    }
    assert table.ignore_changes == {
        "capacitySpecification.readCapacityUnits",
        "capacitySpecification.writeCapacityUnits",
    }


def test_scales_reads_and_writes_within_their_ranges() -> None:
    """A lasting load is throttled, or the table keeps its high capacity, and its cost, after the load has ended."""
    program = declare_table(capacity=SCALED)
    common = {"serviceNamespace": "cassandra", "resourceId": "keyspace/shop/table/things"}
    assert targets(program) == {
        "store-read": {
            **common,
            "scalableDimension": "cassandra:table:ReadCapacityUnits",
            "minCapacity": 5,
            "maxCapacity": 500,
            "tags": {"Stack": "dev"},
        },
        "store-write": {
            **common,
            "scalableDimension": "cassandra:table:WriteCapacityUnits",
            "minCapacity": 10,
            "maxCapacity": 100,
            "tags": {"Stack": "dev"},
        },
    }
    assert policies(program) == {
        f"store-{name.lower()}": {
            **common,
            "scalableDimension": f"cassandra:table:{name}CapacityUnits",
            "policyType": "TargetTrackingScaling",
            "targetTrackingScalingPolicyConfiguration": {
                "predefinedMetricSpecification": {"predefinedMetricType": f"Cassandra{name}CapacityUtilization"},
                "targetValue": 60,
            },
        }
        for name in ("Read", "Write")
    }


@pytest.mark.parametrize("dimension", ["read", "write"])
def test_stops_scaling_before_the_table_is_deleted(dimension: str) -> None:
    """`pulumi destroy` fails, since Keyspaces does not delete a table that is being scaled."""
    program = declare_table(capacity=SCALED)
    policy = one(program, "aws:appautoscaling/policy:Policy", f"store-{dimension}")
    assert {f"Target store-{dimension}", "Table store"} <= dependencies(program, policy)


@pytest.mark.parametrize(
    ("capacity", "specification"),
    [
        (OnDemand(), {"throughputMode": "PAY_PER_REQUEST"}),
        (
            Provisioned(read=(5, 5), write=(7, 7)),
            {"throughputMode": "PROVISIONED", "readCapacityUnits": 5, "writeCapacityUnits": 7},
        ),
    ],
)
def test_declares_no_scaling_without_a_range(capacity: OnDemand | Provisioned, specification: dict[str, Any]) -> None:
    """A change of a fixed capacity is ignored, or an on-demand table is told to scale, which fails."""
    program = declare_table(capacity=capacity)
    assert table_of(program).inputs["capacitySpecification"] == specification
    assert not table_of(program).ignore_changes
    assert not targets(program)
    assert not policies(program)


def test_scales_one_dimension_alone() -> None:
    """The dimension without scaling does not keep its declared value, or a change of the value never reaches
    the table.
    """
    program = declare_table(capacity=Provisioned(read=(5, 500), write=(7, 7)))
    assert table_of(program).ignore_changes == {"capacitySpecification.readCapacityUnits"}
    assert targets(program).keys() == policies(program).keys() == {"store-read"}


def test_declares_the_same_scaling_in_a_preview_where_nothing_is_known() -> None:
    """The first `pulumi preview` shows less than `pulumi up` creates."""
    preview = declare_table(capacity=SCALED, computed=False)
    assert {resource.urn for resource in preview.resources} == {
        resource.urn for resource in declare_table(capacity=SCALED).resources
    }


@pytest.mark.parametrize(
    ("capacity", "recorded"),
    [
        (OnDemand(), "on demand"),
        (Provisioned(read=(5, 5), write=(7, 7)), "fixed"),
        (Provisioned(read=(5, 5), write=(7, 8)), "scaled"),
    ],
)
def test_passes_to_the_guard_whether_units_are_declared_or_scaled(
    capacity: OnDemand | Provisioned, recorded: str
) -> None:
    """A change that AWS refuses is only found in the middle of an update."""
    guard = one(declare_table(capacity=capacity), "pulumi-python:dynamic/keyspaces:TableSchema", "store")
    assert guard.inputs["capacity"] == recorded


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"read": (0, 5)}, r"read is \(0, 5\); use \(minimum, maximum\)"),
        ({"write": (9, 5)}, r"write is \(9, 5\)"),
        ({"target": 19}, "target is 19; use 20 to 90 percent"),
        ({"target": 91}, "target is 91"),
    ],
)
def test_refuses_capacity_aws_would_refuse(arguments: dict[str, Any], message: str) -> None:
    """The update fails at the scaling, after the table is created."""
    with pytest.raises(InvalidArguments, match=message):
        Provisioned(**{"read": (5, 50), "write": (5, 50), **arguments})
