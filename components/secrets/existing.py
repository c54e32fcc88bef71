"""Existing secrets, in Secrets Manager or Parameter Store, as environment variables of a container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.account import Account
from components.arguments import raise_for
from components.arns import KMS_KEY, ArnForm
from components.iam import READ_PARAMETERS, READ_SECRET, allow, decrypt
from components.network.network import Network

# With the six random characters that Secrets Manager appends, so that the permission is for this secret alone (Secrets
# Manager user guide, "What's in a Secrets Manager secret?").
_SECRET = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"),
    example="arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/payments-a1B2c3",
)
_PARAMETER = ArnForm(
    pattern=re.compile(r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*"),
    example="arn:aws:ssm:us-east-1:123456789012:parameter/shop/payments",
)
# Neither a colon, which ends a part of ECS's reference to a secret, nor a space.
_PART = re.compile(r"[^:\s]{1,256}")


@dataclass(frozen=True, kw_only=True)
class ExistingSecret:
    """A secret in Secrets Manager, in the stack's region, that a container gets as an environment variable.

    arn: of the secret, with the six characters that Secrets Manager has appended to its name.
    key: if the secret is a JSON object, the key of the value; None takes the whole secret.
    version_stage: a staging label, such as AWSPREVIOUS. version_id: a version. At most one of them; with neither, the
    task gets the version that is AWSCURRENT when it starts.
    kms_key_arn: the key that the secret is encrypted with, if it is one of yours. Its policy must let the execution
    role decrypt, or leave this permission to IAM. None: the account's `aws/secretsmanager`.

    ECS reads the secret when it starts a task; running tasks keep their value (ECS developer guide, "Pass Secrets
    Manager secrets through Amazon ECS environment variables").

    Raises InvalidArguments.
    """

    arn: pulumi.Input[str]
    key: str | None = None
    version_stage: str | None = None
    version_id: str | None = None
    kms_key_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        raise_for(
            "ExistingSecret",
            {
                "arn": _SECRET.mistake(self.arn),
                "key": _mistake_in_part(self.key),
                "version_stage": _mistake_in_part(self.version_stage),
                "version_id": "is set, and so is `version_stage`; ECS takes one of them"
                if self.version_id is not None and self.version_stage is not None
                else _mistake_in_part(self.version_id),
                "kms_key_arn": KMS_KEY.mistake(self.kms_key_arn),
            },
        )


@dataclass(frozen=True, kw_only=True)
class ExistingParameter:
    """A parameter in Parameter Store, in the stack's region, that a container gets as an environment variable.

    arn: of the parameter; for the name `/shop/key` it ends with `:parameter/shop/key`.
    kms_key_arn: the key that a SecureString is encrypted with, if it is one of yours. Its policy must let the execution
    role decrypt, or leave this permission to IAM. None: the account's `aws/ssm`, or no SecureString.

    ECS reads the parameter when it starts a task; running tasks keep their value (ECS developer guide, "Pass Systems
    Manager parameters through Amazon ECS environment variables").

    Raises InvalidArguments.
    """

    arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        raise_for(
            "ExistingParameter",
            {"arn": _PARAMETER.mistake(self.arn), "kms_key_arn": KMS_KEY.mistake(self.kms_key_arn)},
        )


Existing = ExistingSecret | ExistingParameter


def existing_secrets_mistake(secrets: Mapping[str, Existing], network: Network) -> str | None:
    """The mistake in the secrets, or in their use in this network. secrets: by environment variable."""
    for name, secret in secrets.items():
        if not isinstance(secret, Existing):
            return f"has {type(secret).__name__} for {name}; give an ExistingSecret or an ExistingParameter"
        if isinstance(secret, ExistingSecret) and not network.secrets:
            return f"has {name}, which needs NewVpc(secret_endpoint=True) where the egress is endpoints"
        if isinstance(secret, ExistingParameter) and not network.parameters:
            return f"has {name}, which needs NewVpc(parameter_endpoint=True) where the egress is endpoints"
    return None


def value_from(secret: Existing, account: Account) -> pulumi.Output[str]:
    """The secret as a container definition names it (ECS API reference, Secret)."""
    if isinstance(secret, ExistingParameter):
        return _arn(secret, account)
    parts = (secret.key, secret.version_stage, secret.version_id)
    if not any(parts):
        return _arn(secret, account)
    return pulumi.Output.concat(_arn(secret, account), ":", ":".join(part or "" for part in parts))


def statements(secret: Existing, account: Account) -> list[dict[str, Any]]:
    """The permissions with which ECS reads the secret: for the secret, and for its KMS key through the service.

    ECS developer guide, "Amazon ECS task execution IAM role", Secrets Manager or Systems Manager permissions.
    """
    actions = READ_SECRET if isinstance(secret, ExistingSecret) else READ_PARAMETERS
    service = "secretsmanager" if isinstance(secret, ExistingSecret) else "ssm"
    found = [allow(actions, _arn(secret, account))]
    if secret.kms_key_arn is not None:
        key = KMS_KEY.in_region(type(secret).__name__, "kms_key_arn", secret.kms_key_arn, account)
        found.append(decrypt(key, via=service, region=account.region))
    return found


def _arn(secret: Existing, account: Account) -> pulumi.Output[str]:
    form = _SECRET if isinstance(secret, ExistingSecret) else _PARAMETER
    return form.in_region(type(secret).__name__, "arn", secret.arn, account)


def _mistake_in_part(part: str | None) -> str | None:
    return (
        None
        if part is None or _PART.fullmatch(part)
        else f"is {part!r}; use up to 256 characters without spaces and colons"
    )
