"""What `Spot` sends to ECS, and the values that it refuses."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.arguments import InvalidArguments
from components.cluster import create_capacity_providers
from components.service.spot import Spot, launch_arguments
from declared.program import Program
from tests.evaluation import declare, dependencies, one

_PROVIDERS = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
_SERVICE = "aws:ecs/service:Service"


def _declare(spot: Spot | None, *, computed: bool = True) -> Program:
    def run() -> None:
        parent = pulumi.ComponentResource("test:index:Parent", "env", {})
        opts = pulumi.ResourceOptions(parent=parent)
        cluster = aws.ecs.Cluster("env", opts=opts)
        providers = create_capacity_providers("env", cluster, parent=parent)
        aws.ecs.Service(
            "api",
            cluster=cluster.arn,
            **launch_arguments(spot),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[providers]),
        )

    return declare(run, computed=computed)


def test_runs_on_demand_unless_spot_is_asked_for() -> None:
    """AWS stops tasks although their owner never asked for Spot."""
    inputs = one(_declare(None), _SERVICE, "api").inputs
    assert inputs["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 1}]


def test_shares_tasks_between_spot_and_on_demand_by_weight() -> None:
    """AWS stops too many tasks at once, or no task is cheaper."""
    spot = Spot(spot_weight=4, on_demand_weight=2, on_demand_base=3)
    inputs = one(_declare(spot), _SERVICE, "api").inputs
    assert inputs["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 3, "weight": 2},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]
    # ECS takes either.
    assert "launchType" not in inputs


@pytest.mark.parametrize("spot", [None, Spot(), Spot(spot_weight=0)])
def test_changes_shares_in_place(spot: Spot | None) -> None:
    """The update fails, since the provider refuses to change a service's weights or to turn Spot on or off."""
    inputs = one(_declare(spot), _SERVICE, "api").inputs
    assert inputs["forceNewDeployment"] is True
    assert inputs["capacityProviderStrategies"]


@pytest.mark.parametrize("computed", [True, False])
def test_offers_both_kinds_of_capacity_in_the_cluster(computed: bool) -> None:
    """ECS refuses a service that uses Spot, or a default strategy changes other services at each update."""
    program = _declare(Spot(), computed=computed)
    providers = one(program, _PROVIDERS, "env")
    assert sorted(providers.inputs["capacityProviders"]) == ["FARGATE", "FARGATE_SPOT"]
    assert "defaultCapacityProviderStrategies" not in providers.inputs
    if computed:
        assert providers.inputs["clusterName"] == "env"
    assert "Cluster env" in dependencies(program, providers)


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"spot_weight": 1001}, {"spot_weight"}),
        ({"spot_weight": 0, "on_demand_weight": 0, "on_demand_base": 0}, {"spot_weight"}),
        ({"on_demand_weight": -1}, {"on_demand_weight"}),
        ({"on_demand_weight": 0, "on_demand_base": 1}, {"on_demand_weight"}),
        ({"on_demand_base": 100_001}, {"on_demand_base"}),
    ],
)
def test_refuses_shares_ecs_would_refuse_or_ignore(arguments: dict[str, Any], refused: set[str]) -> None:
    """The update fails at the service, or all tasks run on Spot although the owner declared otherwise."""
    with pytest.raises(InvalidArguments) as error:
        Spot(**arguments)
    assert error.value.mistakes.keys() == refused


def test_accepts_spot_alone() -> None:
    """Work that may be interrupted at any time cannot run on Spot alone, at Spot's price."""
    Spot(on_demand_weight=0, on_demand_base=0)
