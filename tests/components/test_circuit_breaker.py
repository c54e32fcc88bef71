"""The circuit breaker's threshold, as a service or worker declares it."""

from typing import Any

import pytest

from components import (
    BlueGreen,
    CircuitBreaker,
    Environment,
    KeyspacesMicroservice,
    Pause,
    Service,
    Table,
    Worker,
    read,
)
from components.arguments import InvalidArguments
from declared.program import Inputs, Program
from tests.evaluation import declare, one

_FIVE = CircuitBreaker(type="COUNT", value=5, reset_on_healthy_task=False)


def _declare(run: Service | Worker, *, computed: bool = True) -> Program:
    def program() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop"),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=run,
        )

    return declare(program, computed=computed)


def _deployment(program: Program) -> Inputs:
    return one(program, "pulumi-python:dynamic/ecs:Deployment", "api").inputs


@pytest.mark.parametrize("kind", [Service, Worker])
@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_hands_the_threshold_to_the_deployment(kind: type[Service] | type[Worker], computed: bool) -> None:
    """The argument has no effect, or the preview of a new stack fails."""
    assert _deployment(_declare(kind(circuit_breaker=_FIVE), computed=computed))["circuit_breaker"] == {
        "thresholdConfiguration": {"type": "COUNT", "value": 5},
        "resetOnHealthyTask": False,
    }


def test_changes_nothing_else() -> None:
    """A threshold rolls all tasks, or services without a threshold show a change in `pulumi up`."""
    without, declared = _declare(Service()), _declare(Service(circuit_breaker=_FIVE))
    assert "circuit_breaker" not in _deployment(without)
    inputs = {
        (each.type, each.name): {key: value for key, value in each.inputs.items() if key != "circuit_breaker"}
        for each in declared.resources
    }
    assert inputs == {(each.type, each.name): each.inputs for each in without.resources}


def test_refuses_a_threshold_that_ecs_ignores() -> None:
    """An owner expects the circuit breaker to stop a deployment with a traffic strategy, but ECS ignores its
    threshold.
    """
    with pytest.raises(InvalidArguments, match="Service: circuit_breaker is for deployments without strategy"):
        Service(circuit_breaker=_FIVE, strategy=BlueGreen(hooks=[Pause()]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 0}, "CircuitBreaker: value is 0; use 1 or more"),
        ({"type": "PERCENT"}, "type is 'PERCENT'; use BOUNDED_PERCENT, UNBOUNDED_PERCENT, COUNT"),
    ],
)
def test_refuses_an_invalid_threshold(arguments: dict[str, Any], message: str) -> None:
    """ECS refuses the threshold in the middle of `pulumi up`, when the service already exists."""
    with pytest.raises(InvalidArguments, match=message):
        CircuitBreaker(**arguments)
