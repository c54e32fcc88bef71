"""The sign-in of the stack's aws provider, for code that calls AWS by boto3 instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import boto3
import pulumi

from components.arguments import InvalidArguments, raise_for
from components.aws_errors import ResourceFailed, record_calls

# Would sign in the aws provider but never reach boto3, short of writing them to the stack's state.
_NOT_PASSED_ON = (
    "accessKey",
    "secretKey",
    "token",
    "assumeRoleWithWebIdentity",
    "sharedConfigFiles",
    "sharedCredentialsFiles",
)
# The provider's attributes of a role to assume, and the parameters of AssumeRole (STS API reference); `duration` is
# converted. `policyArns` and `tags` have a form of their own there.
_ASSUME_ROLE = {
    "roleArn": "RoleArn",
    "sessionName": "RoleSessionName",
    "externalId": "ExternalId",
    "policy": "Policy",
    "policyArns": "PolicyArns",
    "sourceIdentity": "SourceIdentity",
    "tags": "Tags",
    "transitiveTagKeys": "TransitiveTagKeys",
    "duration": "DurationSeconds",
}
# The units of the provider's `duration` from which whole seconds come.
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class WrongAccount(ResourceFailed):
    """boto3 is signed in to another account than the stack's aws provider."""


def connection_inputs(region: pulumi.Input[str], account: pulumi.Input[str]) -> dict[str, pulumi.Input[Any]]:
    """The stack's `aws:` settings that choose the caller of AWS: region, profile, roles to assume, one after the other.

    account: the id of the one that the stack's aws provider is signed in to; `session_from` refuses another one.

    Raises InvalidArguments for an unknown attribute of a role, and for a way to sign in that cannot be passed on
    without writing a secret to the stack's state.
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
    roles = config.get_object("assumeRoles") or []
    raise_for("settings", {"aws:assumeRoles": _roles_mistake(roles)})
    return {
        "region": region,
        "account": account,
        "profile": config.get("profile"),
        "assumeRoles": roles,
    }


def _roles_mistake(roles: Any) -> str | None:
    if not isinstance(roles, list) or not all(isinstance(role, Mapping) and role.get("roleArn") for role in roles):
        return "is no list of roles with a roleArn each; see the installation page of Pulumi's AWS provider"
    for role in roles:
        unknown = sorted(role.keys() - _ASSUME_ROLE.keys())
        if unknown:
            return f"has {', '.join(unknown)}, which cannot be passed on; use {', '.join(_ASSUME_ROLE)}"
        if role.get("duration") and not _DURATION.fullmatch(str(role["duration"])):
            return f"has the duration {role['duration']!r}; use whole hours, minutes and seconds, such as 1h30m"
    return None


def session_from(connection: Mapping[str, Any]) -> boto3.Session:
    """A boto3 session signed in as `connection_inputs` describes.

    Raises WrongAccount, before the first call of another kind, if it is signed in to another account than the stack's
    aws provider: an explicit `aws.Provider` does not reach boto3. A resource of before this check has no `account`.
    """
    session = boto3.Session(region_name=connection["region"], profile_name=connection.get("profile"))
    record_calls(session)
    for role in connection.get("assumeRoles") or []:
        credentials = session.client("sts").assume_role(**_assume_role_request(role))["Credentials"]
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=connection["region"],
        )
        record_calls(session)
    if connection.get("account"):
        _raise_for_other_account(session, connection["account"])
    return session


def _assume_role_request(role: Mapping[str, Any]) -> dict[str, Any]:
    request = {"RoleSessionName": "pulumi"} | {_ASSUME_ROLE[key]: value for key, value in role.items() if value}
    if "PolicyArns" in request:
        request["PolicyArns"] = [{"arn": arn} for arn in role["policyArns"]]
    if "Tags" in request:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(role["tags"].items())]
    if "DurationSeconds" in request:
        parts = _DURATION.fullmatch(role["duration"])
        assert parts is not None  # `_roles_mistake`
        hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        request["DurationSeconds"] = 3600 * hours + 60 * minutes + seconds
    return request


def _raise_for_other_account(session: boto3.Session, expected: str) -> None:
    # Needs no permission (STS API reference, GetCallerIdentity).
    caller = session.client("sts").get_caller_identity()
    if caller["Account"] != expected:
        raise WrongAccount(
            f"the stack's aws provider is signed in to account {expected}, and boto3 to {caller['Account']} as"
            f" {caller['Arn']}: sign both in to {expected} by aws:profile, aws:assumeRoles or the AWS_* environment"
            " variables, since the credentials of an explicit aws.Provider do not reach boto3"
        )
