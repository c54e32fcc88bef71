"""Generates a random value and stores it in SSM Parameter Store, where only ECS reads it.

A Pulumi dynamic provider; see `components.dynamic`. The value goes only to Parameter Store: it is neither an input nor
an output, so that neither Pulumi's state nor its messages contain it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, UpdateResult

from components.aws_errors import ResourceFailed
from components.connection import session_from
from components.dynamic import Provider

_BYTES = 32  # of randomness, as 43 characters of base64url
_OWNER = "GeneratedFor"  # the tag that marks a generated parameter


class ParameterRefused(ResourceFailed):
    """The parameter cannot be used or changed; the message says why and what to do."""


class SecretParameter(Resource, module="ssm", name="SecretParameter"):
    """A SecureString with a random value, in the standard tier.

    See `SecretParameterProvider` for its behaviour. Each new value has a new resource ID, so that a resource that needs
    the present value can depend on it.

    parameter: its name. arn: its ARN; a changed ARN replaces the parameter. owner: the path of the microservice that it
    is generated for, kept as a tag. kms_key_arn: the key that encrypts it; a changed key replaces the parameter; None
    is the account's default key (`aws/ssm`). tags: more tags. connection: see `components.connection`.
    """

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        parameter: str,
        arn: pulumi.Input[str],
        owner: str,
        kms_key_arn: pulumi.Input[str] | None = None,
        tags: Mapping[str, str],
        connection: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            SecretParameterProvider(),
            name,
            {
                "parameter": parameter,
                "arn": arn,
                "kms_key": kms_key_arn,
                "tags": {**tags, _OWNER: owner},
                "connection": dict(connection),
            },
            opts,
        )


class SecretParameterProvider(Provider):
    """Generates the value once, and never changes it.

    - An existing parameter of this name is kept with its value if it has the owner's tag: an earlier create was
      interrupted, or its response was lost and botocore retried. Any other existing parameter is refused.
    - Tags and `connection` change in place; a changed ARN or key creates another parameter with another value.
    - `pulumi refresh` detects that the parameter is missing; the next `pulumi up` then generates a new value.
    - Deleting a missing parameter is not an error.

    Source of the calls: Systems Manager API reference, PutParameter (with `Tags`, which excludes overwriting; `Tier`,
    since an account can have another default, which is billed), DescribeParameters (which shows no values).
    UNVERIFIED on AWS.
    """

    replacing = ("arn", "kms_key")

    def _client(self, props: Mapping[str, Any]) -> Any:
        return session_from(props["connection"], self.sign_in).client("ssm")

    def subject(self, props: dict[str, Any]) -> str:
        return f"parameter {props['parameter']}"

    def create(self, props: dict[str, Any]) -> CreateResult:
        ssm = self._client(props)
        try:
            ssm.put_parameter(
                Name=props["parameter"],
                Description="Random value, made by Pulumi and not known to it",
                Value=secrets.token_urlsafe(_BYTES),
                Type="SecureString",
                Overwrite=False,
                **({"KeyId": props["kms_key"]} if props.get("kms_key") else {}),
                Tier="Standard",
                Tags=_as_list(props["tags"]),
            )
        except ssm.exceptions.ParameterAlreadyExists:
            _adopt(ssm, props)
        return CreateResult(id_=f"{props['parameter']}#{secrets.token_hex(4)}", outs=props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        pages = self._client(props).get_paginator("describe_parameters")
        named = {"Key": "Name", "Option": "Equals", "Values": [props["parameter"]]}
        found = [each for page in pages.paginate(ParameterFilters=[named]) for each in page["Parameters"]]
        return ReadResult(id_=id_ if found else "", outs=props)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        if olds["tags"] != news["tags"]:
            _tag(self._client(news), news, gone=sorted(olds["tags"].keys() - news["tags"].keys()))
        return super().update(id_, olds, news)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        ssm = self._client(props)
        with suppress(ssm.exceptions.ParameterNotFound):
            ssm.delete_parameter(Name=props["parameter"])


def _adopt(ssm: Any, props: Mapping[str, Any]) -> None:
    listed = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=props["parameter"])["TagList"]
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    if tags.get(_OWNER) != props["tags"][_OWNER]:
        raise ParameterRefused(
            f"parameter {props['parameter']} exists already and was not generated for {props['tags'][_OWNER]}: its"
            f" tag {_OWNER} is {tags.get(_OWNER, 'missing')}. Delete or rename it, or give the project, the stack or"
            " the microservice another name"
        )
    _tag(ssm, props)


def _tag(ssm: Any, props: Mapping[str, Any], *, gone: list[str] | None = None) -> None:
    parameter = {"ResourceType": "Parameter", "ResourceId": props["parameter"]}
    try:
        ssm.add_tags_to_resource(**parameter, Tags=_as_list(props["tags"]))
        if gone:
            ssm.remove_tags_from_resource(**parameter, TagKeys=gone)
    except ssm.exceptions.InvalidResourceId:
        raise ParameterRefused(
            f"parameter {props['parameter']} is missing: run `pulumi refresh`, then `pulumi up`, which generates a new"
            " value"
        ) from None


def _as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
