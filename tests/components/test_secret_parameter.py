"""The generated secret: every step of its life, against botocore's model of the Systems Manager API."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from components.secrets import parameter
from components.secrets.parameter import ParameterRefused, SecretParameterProvider
from tests.components.everything import KEY_ARN
from tests.components.secret_parameters import NAME, PROPS, TAGS

_SESSION = boto3.Session("key", "secret", region_name="us-east-1")  # one, since it reads the API's model once
_RESOURCE = {"ResourceType": "Parameter", "ResourceId": NAME}


def _as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# Inputs before and after; a parameter of an earlier version has no such input.
_KEYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"kms_key": None}, {"kms_key": KEY_ARN}),
    ({"kms_key": KEY_ARN}, {"kms_key": None}),
    ({}, {"kms_key": None}),
]


class Aws:
    """The client of a parameter, with the expected requests and their responses, in order."""

    def __init__(self) -> None:
        self.ssm = _SESSION.client("ssm")
        self.stub = Stubber(self.ssm)
        self.values: list[str] = []
        self.ssm.meta.events.register("provide-client-params.ssm.PutParameter", self._keep_value)

    def _keep_value(self, params: dict[str, Any], **_: object) -> None:
        self.values.append(params["Value"])

    def client(self, name: str) -> Any:
        assert name == "ssm"
        return self.ssm

    def puts(self, *, exists: bool = False, **more: str) -> None:
        expected = {
            "Name": NAME,
            "Description": ANY,
            "Value": ANY,
            "Type": "SecureString",
            "Overwrite": False,
            "Tier": "Standard",
            "Tags": _as_list(TAGS),
            **more,
        }
        if exists:
            self.stub.add_client_error("put_parameter", "ParameterAlreadyExists", expected_params=expected)
        else:
            self.stub.add_response("put_parameter", {"Version": 1, "Tier": "Standard"}, expected)

    def lists_tags(self, tags: dict[str, str]) -> None:
        self.stub.add_response("list_tags_for_resource", {"TagList": _as_list(tags)}, _RESOURCE)

    def tags(self, tags: dict[str, str]) -> None:
        self.stub.add_response("add_tags_to_resource", {}, {**_RESOURCE, "Tags": _as_list(tags)})


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    fake = Aws()
    monkeypatch.setattr(parameter, "session_from", lambda *_: fake)
    with fake.stub:
        yield fake
        fake.stub.assert_no_pending_responses()


def test_makes_a_random_value_that_only_parameter_store_gets(aws: Aws) -> None:
    """An attacker can guess the key, or read it in Pulumi's state."""
    aws.puts()
    aws.puts()
    first, second = (SecretParameterProvider().create(dict(PROPS)) for _ in range(2))
    assert len(set(aws.values)) == 2
    for value in aws.values:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
        assert value not in f"{first.id} {first.outs} {second.id} {second.outs}"
    assert first.outs == PROPS
    assert first.id != second.id  # so that tasks get the new value


def test_keeps_the_parameter_of_an_interrupted_update(aws: Aws) -> None:
    """The update fails for ever, or running tasks have another key than new ones."""
    aws.puts(exists=True)
    aws.lists_tags({"GeneratedFor": "/shop/dev/api", "Stack": "old"})
    aws.tags(TAGS)
    assert SecretParameterProvider().create(dict(PROPS)).outs == PROPS


@pytest.mark.parametrize(("tags", "said"), [({}, "missing"), ({"GeneratedFor": "/other/dev/api"}, "/other/dev/api")])
def test_refuses_a_parameter_of_another_owner(aws: Aws, tags: dict[str, str], said: str) -> None:
    """A value that other people know is used as a secret, and `pulumi destroy` deletes another owner's parameter."""
    aws.puts(exists=True)
    aws.lists_tags(tags)
    with pytest.raises(ParameterRefused) as refused:
        SecretParameterProvider().create(dict(PROPS))
    message = str(refused.value)
    assert message.startswith(f"parameter {NAME} exists already and was not generated for /shop/dev/api")
    assert f"tag GeneratedFor is {said}. Delete or rename it" in message
    assert aws.values[0] not in message


@pytest.mark.parametrize("there", [True, False])
def test_notices_on_refresh_whether_it_is_there(aws: Aws, there: bool) -> None:
    """Tasks do not start after the parameter was deleted by hand, and no `pulumi up` creates it again."""
    asked = {"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [NAME]}]}
    # On the first of several pages, a filter may find nothing.
    aws.stub.add_response("describe_parameters", {"Parameters": [], "NextToken": "more"}, asked)
    found = [{"Name": NAME, "Type": "SecureString"}] if there else []
    aws.stub.add_response("describe_parameters", {"Parameters": found}, {**asked, "NextToken": "more"})
    read = SecretParameterProvider().read("an id", dict(PROPS))
    assert (read.id, read.outs) == ("an id" if there else "", PROPS)


def test_encrypts_with_the_key_that_is_given(aws: Aws) -> None:
    """The value is encrypted with an AWS-owned key, or stays under the old key after a change."""
    aws.puts(KeyId=KEY_ARN)
    SecretParameterProvider().create({**PROPS, "kms_key": KEY_ARN})
    diffs = (SecretParameterProvider().diff("an id", {**PROPS, **old}, {**PROPS, **new}) for old, new in _KEYS)
    assert [diff.replaces for diff in diffs] == [["kms_key"], ["kms_key"], []]


def test_changes_tags_in_place(aws: Aws) -> None:
    """A change of a tag makes another key, and every link that clients hold ends in an error."""
    news = {**PROPS, "tags": {"GeneratedFor": "/shop/dev/api", "Team": "shop"}}
    diff = SecretParameterProvider().diff("an id", PROPS, news)
    assert (diff.changes, diff.replaces) == (True, [])
    aws.tags(news["tags"])
    aws.stub.add_response("remove_tags_from_resource", {}, {**_RESOURCE, "TagKeys": ["Stack"]})
    assert SecretParameterProvider().update("an id", PROPS, news).outs == news


def test_names_the_remedy_when_the_parameter_does_not_exist(aws: Aws) -> None:
    """The owner gets botocore's error, which does not say how to continue."""
    aws.stub.add_client_error("add_tags_to_resource", "InvalidResourceId")
    with pytest.raises(ParameterRefused, match=f"parameter {NAME} is missing: run `pulumi refresh`, then `pulumi up`"):
        SecretParameterProvider().update("an id", PROPS, {**PROPS, "tags": {"GeneratedFor": "/shop/dev/api"}})


def test_calls_nothing_when_only_the_region_changes(aws: Aws) -> None:
    """A change of the provider's region makes another key, although the parameter's ARN stays the same."""
    news = {**PROPS, "connection": {"region": "eu-west-1", "account": "000000000000"}}
    assert SecretParameterProvider().diff("an id", PROPS, news).replaces == []
    assert SecretParameterProvider().update("an id", PROPS, news).outs == news


def test_is_another_one_in_another_place() -> None:
    """Tasks in the new region or in the new stack find no parameter there."""
    news = {**PROPS, "arn": PROPS["arn"].replace("us-east-1", "eu-west-1")}
    assert SecretParameterProvider().diff("an id", PROPS, news).replaces == ["arn"]


def test_deletes_it_and_succeeds_if_it_does_not_exist(aws: Aws) -> None:
    """`pulumi destroy` leaves the parameter behind, or ends halfway if somebody has deleted it."""
    aws.stub.add_response("delete_parameter", {}, {"Name": NAME})
    aws.stub.add_client_error("delete_parameter", "ParameterNotFound", expected_params={"Name": NAME})
    for _ in range(2):
        SecretParameterProvider().delete("an id", dict(PROPS))
