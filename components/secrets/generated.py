"""The generated secrets of a microservice: their names, and the parameters that store them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pulumi

from components.account import Account
from components.connection import connection_inputs
from components.iam import READ_PARAMETERS, allow, decrypt
from components.names import stack_path
from components.network.network import Network
from components.secrets.parameter import SecretParameter
from components.secrets.variables import names_mistake

_RESERVED = re.compile(r"/(?:aws|ssm)", re.IGNORECASE)


def generated_secrets_mistake(
    names: Sequence[str], network: Network, *, own: Collection[str], variables: Collection[str]
) -> str | None:
    """The mistake in the names of environment variables, or in their use in this network.

    own: the component's variables. variables: the caller's variables.
    """
    if isinstance(names, str):
        return f"is one string, {names!r}; give a list of names"
    mistake = names_mistake(names, own=own, others={"variables": variables})
    if mistake:
        return mistake
    if names and not network.parameters:
        return "needs NewVpc(parameter_endpoint=True) where the egress is endpoints"
    if names and _RESERVED.match(stack_path()):
        return (
            f"needs parameters under {stack_path()}, but names that begin with aws or ssm are AWS's own; give the"
            " project another name"
        )
    return None


def create_generated_secrets(
    name: str,
    variables: Sequence[str],
    *,
    account: Account,
    tags: Mapping[str, str],
    parent: pulumi.Resource,
    kms_key_arn: pulumi.Input[str] | None = None,
) -> Mapping[str, SecretParameter]:
    """The parameters by environment variable. A parameter's name is `/<project>/<stack>/<microservice>/<variable>`.

    So two stacks with the same name and project in one account and region, such as stacks in two Pulumi backends, would
    share a parameter, and deleting one stack would delete the other's value.
    """
    path = f"{stack_path()}/{name}"
    return {
        variable: SecretParameter(
            f"{name}-{variable}",
            parameter=f"{path}/{variable}",
            arn=account.arn("ssm", f"parameter{path}/{variable}"),
            owner=path,
            kms_key_arn=kms_key_arn,
            tags=tags,
            connection=connection_inputs(account.region, account.id),
            # Otherwise a replacement would adopt the old parameter, and then the deletion of the old would delete it.
            opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
        )
        for variable in variables
    }


def statements(
    secrets: Collection[SecretParameter], kms_key_arn: pulumi.Input[str] | None, account: Account
) -> list[dict[str, Any]]:
    """The permissions with which ECS reads the secrets: for their parameters, and for the KMS key."""
    found = [allow(READ_PARAMETERS, secret.arn) for secret in secrets]
    if secrets and kms_key_arn is not None:
        found.append(decrypt(kms_key_arn, via="ssm", region=account.region))
    return found
