"""An existing VPC keeps its addresses and zones: the preview refuses other ones, as Pulumi's engine calls the
provider.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.network.layout import NetworkLayoutProvider
from declared.program import Program
from tests.components.engine import FakeAws, Provider, start_engine
from tests.evaluation import dependencies, evaluate, one

TYPE = "pulumi-python:dynamic/ec2:NetworkLayout"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    aws = FakeAws(lambda action, _: {})
    with start_engine(aws) as engine:
        yield engine.provider
    assert not aws.calls, "it needs no credentials"


def _declared(**settings: str) -> Any:
    inputs = one(evaluate(settings), TYPE, "keyspaces").inputs
    return asyncio.run(rpc.serialize_properties(dict(inputs), {}))


def _refused(provider: Provider, olds: Any, news: Any) -> list[str]:
    checked = provider.Check(provider_pb2.CheckRequest(urn="urn", olds=olds, news=news))
    assert all(failure.property == "" for failure in checked.failures)
    return [failure.reason for failure in checked.failures]


@pytest.fixture(scope="module")
def recorded(provider: Provider) -> Any:
    return provider.Create(provider_pb2.CreateRequest(urn="urn", properties=_declared())).properties


def test_accepts_any_layout_for_a_new_vpc(provider: Provider) -> None:
    """The first `pulumi up` fails."""
    assert _refused(provider, None, _declared(vpcCidr="10.7.0.0/20")) == []


@pytest.mark.parametrize("settings", [{}, {"egress": "public"}, {"availabilityZones": '["us-east-1a", "us-east-1b"]'}])
def test_accepts_all_other_changes(provider: Provider, recorded: Any, settings: dict[str, str]) -> None:
    """The egress of a stack cannot be changed, or its zones cannot be named."""
    news = _declared(**settings)
    assert _refused(provider, recorded, news) == []
    request = provider_pb2.DiffRequest(id="id", urn="urn", olds=recorded, news=news)
    assert provider.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_refuses_a_change_of_the_subnets_layout(provider: Provider, recorded: Any) -> None:
    """The update fails in the middle, and reverting the change fails too."""
    news = _declared(vpcCidr="10.7.0.0/20", availabilityZones='["us-east-1a", "us-east-1c"]')
    cidr, zones = _refused(provider, recorded, news)
    assert cidr.startswith("the VPC's cidr changes from 10.0.0.0/16 to 10.7.0.0/20.")
    assert zones.startswith("the VPC's zones change from us-east-1a, us-east-1b to us-east-1a, us-east-1c.")
    assert "Name the zones it has (us-east-1a, us-east-1b), in this order" in zones


def test_is_checked_before_the_vpc_changes(program: Program) -> None:
    """Pulumi replaces the VPC before the refusal stops the update."""
    assert "NetworkLayout keyspaces" in dependencies(program, one(program, "awsx:ec2:Vpc", "keyspaces"))


def test_pickles_by_name_only() -> None:
    """Every edit of the provider's code shows as a change of every network, since the pickle contains the code."""
    assert len(serialize_provider(NetworkLayoutProvider())) < 200
