"""The sign-in of the stack's aws provider, for code that calls AWS with boto3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pulumi

from components.arguments import raise_for
from components.aws_errors import ResourceFailed, record_calls

# Other ways to sign in the aws provider, which the dynamic resources do not support.
_OTHER_WAYS = ("assumeRoleWithWebIdentity", "sharedConfigFiles", "sharedCredentialsFiles")
# Settings of the aws provider that would choose other host names for AWS's APIs than tasks and dynamic resources use.
_OTHER_ENDPOINTS = ("useFipsEndpoint", "useDualstackEndpoint")
# The provider's attributes of a role to assume, and the parameters of AssumeRole (STS API reference); `duration` is
# converted. `policyArns` and `tags` have another form in AssumeRole.
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
# The provider's `duration` in the units that make whole seconds.
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class WrongAccount(ResourceFailed):
    """boto3 is signed in to another account than the stack's aws provider."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """The stack's `aws:` settings that choose the caller of AWS. Without them, boto3 uses its default credential chain.

    access_key, secret_key, token: used rather than the profile. roles: assumed one after the other.
    """

    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    roles: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def from_config(cls, get: Callable[[str], Any]) -> SignIn:
        """get: the setting of a full key, such as `aws:profile`. A list may be JSON text, as the engine passes it."""
        roles = get("aws:assumeRoles") or []
        return cls(
            profile=get("aws:profile") or None,
            access_key=get("aws:accessKey") or None,
            secret_key=get("aws:secretKey") or None,
            token=get("aws:token") or None,
            roles=json.loads(roles) if isinstance(roles, str) else roles,
        )


def connection_inputs(region: pulumi.Input[str], account: pulumi.Input[str]) -> dict[str, pulumi.Input[Any]]:
    """The region of a dynamic resource, and the account that the stack's aws provider is signed in to.

    The credentials are not an input, since they are secret and may differ at each update: a dynamic provider reads them
    from the stack's settings when it is configured, see `SignIn`.

    Raises InvalidArguments for settings that a dynamic provider does not support.
    """
    config = pulumi.Config("aws")
    raise_for(
        "settings",
        {
            **{f"aws:{key}": _other_way(key) for key in _OTHER_WAYS if config.get(key) is not None},
            **{f"aws:{key}": _other_endpoint(key) for key in _OTHER_ENDPOINTS if config.get_bool(key)},
            "aws:assumeRoles": _roles_mistake(config.get_object("assumeRoles") or []),
        },
    )
    return {"region": region, "account": account}


def _other_way(key: str) -> str:
    return (
        f"is set; remove it (pulumi config rm aws:{key}) and sign in with aws:profile, aws:assumeRoles or the AWS_*"
        " environment variables instead: the resources that wait for ECS need them, too"
    )


def _other_endpoint(key: str) -> str:
    return (
        f"is set; remove it (pulumi config rm aws:{key}): tasks reach Keyspaces, ECR and CloudWatch Logs by their"
        " regional IPv4 names, which this setting does not change"
    )


def _roles_mistake(roles: Any) -> str | None:
    if not isinstance(roles, list) or not all(isinstance(role, Mapping) and role.get("roleArn") for role in roles):
        return "is not a list of roles that each have a roleArn; see the installation page of Pulumi's AWS provider"
    for role in roles:
        unknown = sorted(role.keys() - _ASSUME_ROLE.keys())
        if unknown:
            return f"has {', '.join(unknown)}, which cannot be passed on; use {', '.join(_ASSUME_ROLE)}"
        if role.get("duration") and not _DURATION.fullmatch(str(role["duration"])):
            return f"has the duration {role['duration']!r}; use whole hours, minutes and seconds, such as 1h30m"
    return None


def session_from(connection: Mapping[str, Any], sign_in: SignIn) -> boto3.Session:
    """A boto3 session in the region of `connection_inputs`, signed in as `sign_in` says.

    Raises WrongAccount, before any other call, if the session is signed in to another account than the stack's aws
    provider: boto3 does not see the credentials of an explicit `aws.Provider`.
    """
    region = connection["region"]
    keys: dict[str, Any] = {"profile_name": sign_in.profile}
    if sign_in.access_key:
        keys = {
            "aws_access_key_id": sign_in.access_key,
            "aws_secret_access_key": sign_in.secret_key,
            "aws_session_token": sign_in.token,
        }
    session = boto3.Session(region_name=region, **keys)
    record_calls(session)
    for role in sign_in.roles:
        credentials = session.client("sts").assume_role(**_assume_role_request(role))["Credentials"]
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=region,
        )
        record_calls(session)
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
    # This call needs no permission (STS API reference, GetCallerIdentity).
    caller = session.client("sts").get_caller_identity()
    if caller["Account"] != expected:
        raise WrongAccount(
            f"the stack's aws provider is signed in to account {expected}, and boto3 to {caller['Account']} as"
            f" {caller['Arn']}: sign both in to {expected} by aws:profile, aws:assumeRoles or the AWS_* environment"
            " variables, since the credentials of an explicit aws.Provider do not reach boto3"
        )
