"""The secret's provider as Pulumi's engine runs it: a process of its own, called over gRPC."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2

from components.secrets.parameter import SecretParameterProvider
from tests.components.engine import Engine, FakeAws, start_engine
from tests.components.secret_parameters import NAME, PROPS


class FakeSsm(FakeAws):
    """Systems Manager with the parameters that were put and not deleted."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, action: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
        there = len(self.called("PutParameter")) > len(self.called("DeleteParameter"))
        answers: dict[str, dict[str, Any]] = {
            "PutParameter": {"Version": 1, "Tier": "Standard"},
            "DescribeParameters": {"Parameters": [{"Name": NAME}] if there else []},
            "DeleteParameter": {},
        }
        return answers[action]


@pytest.fixture(scope="module")
def ssm() -> FakeSsm:
    return FakeSsm()


@pytest.fixture(scope="module")
def engine(ssm: FakeSsm) -> Iterator[Engine]:
    with start_engine(ssm) as engine:
        yield engine


def properties(**changes: Any) -> Any:
    props = {**PROPS, "__provider": serialize_provider(SecretParameterProvider()), **changes}
    return asyncio.run(rpc.serialize_properties(props, {}))


def test_lives_from_create_to_delete_and_its_value_stays_in_aws(engine: Engine, ssm: FakeSsm) -> None:
    """The value is stored in Pulumi's state, which keeps all that the engine gets, or a deleted parameter goes
    unnoticed.
    """
    created = engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))
    (put,) = ssm.called("PutParameter")
    assert created.id.startswith(f"{NAME}#")
    assert put["Value"] not in str(created)

    known = {"id": created.id, "urn": "urn", "properties": created.properties}
    read = engine.provider.Read(provider_pb2.ReadRequest(**known))
    assert read.id == created.id
    assert dict(read.properties) == dict(created.properties)
    engine.provider.Delete(provider_pb2.DeleteRequest(**known))
    assert engine.provider.Read(provider_pb2.ReadRequest(**known)).id == ""


def test_shows_no_change_when_nothing_changed(engine: Engine) -> None:
    """Every `pulumi up` shows a change, since None vanishes on the way through the engine."""
    request = provider_pb2.DiffRequest(
        id="an id",
        urn="urn",
        olds=properties(),
        news=properties(tags={**PROPS["tags"], "None": None}),
    )
    assert engine.provider.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def _secret(value: str) -> Any:
    """An encrypted setting as the engine sends it."""
    return {rpc._special_sig_key: rpc._special_secret_sig, "value": value}


def test_signs_with_the_keys_of_the_stacks_settings() -> None:
    """The secret is made by another principal than the rest of the stack, or the keys are stored in the
    secret's state.
    """
    aws = FakeAws(lambda action, body: {})
    keys = {"aws:accessKey": "OFTHESTACK", "aws:secretKey": _secret("s3cret"), "aws:profile": "unused"}
    with start_engine(aws, settings=keys) as engine:
        created = engine.provider.Create(provider_pb2.CreateRequest(urn="urn", properties=properties()))
    assert aws.keys == {"OFTHESTACK"}
    assert len(aws.called("PutParameter")) == 1
    assert "OFTHESTACK" not in str(created.properties) and "s3cret" not in str(created.properties)


def test_pickles_by_name_only() -> None:
    """Every edit of the provider's code shows as a change, since the pickle contains the code."""
    assert len(serialize_provider(SecretParameterProvider())) < 200
