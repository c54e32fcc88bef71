"""Traces of a service as its microservice declares them."""

import json
from typing import Any

import pytest

from components import Environment, KeyspacesMicroservice, NewVpc, Service, Table, Tracing, read
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.networks import ENDPOINT
from tests.evaluation import container, declare, dependencies, one, policy


def _declare(tracing: Tracing | None, *, network: NewVpc | None = None, computed: bool = True, **more: Any) -> Program:
    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", network=network or NewVpc()),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/countries.Dockerfile",
            command=["serve"],
            run=Service(tracing=tracing),
            **more,
        )

    return declare(run, computed=computed)


def _variables(program: Program) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(program, "api")["environment"]}


def test_passes_the_endpoint_for_traces_to_the_tasks_and_allows_spans() -> None:
    """No trace arrives, or the tasks may do more in X-Ray than send spans."""
    without, traced = _declare(None), _declare(Tracing(percent=5))
    assert _variables(traced) == {
        **_variables(without),
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://xray.us-east-1.amazonaws.com/v1/traces",
        "OTEL_SERVICE_NAME": "api",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.05",
    }
    before = policy(without, "api-task")["Statement"]
    assert [each for each in policy(traced, "api-task")["Statement"] if each not in before] == [
        {"Effect": "Allow", "Action": ["xray:PutSpans"], "Resource": "*"}
    ]
    assert policy(traced, "api-execution") == policy(without, "api-execution")
    types = sorted((each.type, each.name) for each in without.resources)
    assert sorted((each.type, each.name) for each in traced.resources) == types


def test_previews_with_traces() -> None:
    """The preview of a new stack fails."""
    assert _declare(Tracing(), computed=False)


def test_refuses_traces_that_would_not_arrive() -> None:
    """Tasks try to reach X-Ray for ever, and every span is dropped."""
    with pytest.raises(InvalidArguments, match=r"run has tracing, which needs NewVpc\(trace_endpoint=True\) where"):
        _declare(Tracing(), network=NewVpc(egress="endpoints"))
    _declare(None, network=NewVpc(egress="endpoints"))


def test_sends_traces_through_an_endpoint_without_internet() -> None:
    """Spans do not arrive, or the endpoint allows more X-Ray actions than sending spans."""
    program = _declare(Tracing(), network=NewVpc(egress="endpoints", trace_endpoint=True))
    endpoint = one(program, ENDPOINT, "shop-xray")
    (statement,) = json.loads(endpoint.inputs["policy"])["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["xray:PutSpans"], "*")
    assert statement["Condition"] == {"StringEqualsIfExists": {"aws:PrincipalAccount": "000000000000"}}
    assert endpoint.inputs["privateDnsEnabled"]
    assert "VpcEndpoint shop-xray" in dependencies(program, one(program, "aws:ecs/service:Service", "api"))


@pytest.mark.parametrize("percent", [-1, 101])
def test_refuses_an_invalid_share(percent: int) -> None:
    """The tasks end at once, since the variable is malformed."""
    with pytest.raises(InvalidArguments, match="percent"):
        Tracing(percent=percent)


def test_refuses_own_variables_of_the_same_name() -> None:
    """One variable has two values, and ECS decides which one a task gets."""
    with pytest.raises(InvalidArguments, match="variables has OTEL_SERVICE_NAME, which the component sets"):
        _declare(Tracing(), variables={"OTEL_SERVICE_NAME": "mine"})
