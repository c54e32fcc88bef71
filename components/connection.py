"""The sign-in of the stack's aws provider, for code that calls AWS by boto3 instead."""

from collections.abc import Mapping
from typing import Any

import boto3
import pulumi

from components.arguments import InvalidArguments
from components.aws_errors import record_calls

# Would sign in the aws provider but never reach boto3, short of writing them to the stack's state.
_NOT_PASSED_ON = (
    "accessKey",
    "secretKey",
    "token",
    "assumeRoleWithWebIdentity",
    "sharedConfigFiles",
    "sharedCredentialsFiles",
)


def connection_inputs(region: pulumi.Input[str]) -> dict[str, pulumi.Input[Any]]:
    """The stack's `aws:` settings that choose the caller of AWS: region, profile, roles to assume, one after the other.

    Raises InvalidArguments for a way to sign in that cannot be passed on without writing a secret to the stack's state.
    """
    config = pulumi.Config("aws")
    for key in _NOT_PASSED_ON:
        if config.get(key) is not None:
            raise InvalidArguments(
                "settings",
                {
                    f"aws:{key}": f"is set; remove it (pulumi config rm aws:{key}) and sign in with aws:profile,"
                    " aws:assumeRoles or the AWS_* environment variables instead, which what waits for ECS needs too"
                },
            )
    return {
        "region": region,
        "profile": config.get("profile"),
        "assumeRoles": config.get_object("assumeRoles") or [],
    }


def session_from(connection: Mapping[str, Any]) -> boto3.Session:
    """A boto3 session signed in as `connection_inputs` describes."""
    session = boto3.Session(region_name=connection["region"], profile_name=connection.get("profile"))
    record_calls(session)
    for role in connection.get("assumeRoles") or []:
        request = {
            "RoleArn": role["roleArn"],
            "RoleSessionName": role.get("sessionName") or "pulumi",
            **({"ExternalId": role["externalId"]} if role.get("externalId") else {}),
        }
        credentials = session.client("sts").assume_role(**request)["Credentials"]
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=connection["region"],
        )
        record_calls(session)
    return session
