"""The generated secrets of a microservice: what they are called, and the parameters made for them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import pulumi

from components.account import Account
from components.connection import connection_inputs
from components.names import stack_path
from components.network.network import Network
from components.secrets.parameter import SecretParameter

# With names of projects, stacks and microservices as long as they can be, less than the 1011 characters that Parameter
# Store takes (Systems Manager API reference, PutParameter).
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_RESERVED = re.compile(r"/(?:aws|ssm)", re.IGNORECASE)


def generated_secrets_mistake(
    names: Sequence[str], network: Network, *, own: Collection[str], variables: Collection[str]
) -> str | None:
    """The mistake in the names of environment variables, or with having any in this network.

    own: variables of the component. variables: the caller's.
    """
    if isinstance(names, str):
        return f"is one string, {names!r}; give a list of names"
    for name in names:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            return f"has {name!r}; use names of environment variables: up to 128 letters, digits and _, no digit first"
        if name in own:
            return f"has {name}, which the component sets; use another name"
        if name in variables:
            return f"has {name}, which `variables` has too; name it in one of them"
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        return f"has {twice[0]} twice; name each once"
    if names and not network.parameters:
        return "needs NewVpc(parameter_endpoint=True) where the egress is endpoints"
    if names and _RESERVED.match(stack_path()):
        return (
            f"needs parameters under {stack_path()}, but names that begin with aws or ssm are AWS's own; give the"
            " project another name"
        )
    return None


def create_generated_secrets(
    name: str, variables: Sequence[str], *, account: Account, tags: Mapping[str, str], parent: pulumi.Resource
) -> Mapping[str, SecretParameter]:
    """By environment variable. A parameter is called `/<project>/<stack>/<microservice>/<variable>`.

    So two stacks of one name and project in one account and region, as of two of Pulumi's backends, would share it, and
    deleting one would take it from the other.
    """
    path = f"{stack_path()}/{name}"
    return {
        variable: SecretParameter(
            f"{name}-{variable}",
            parameter=f"{path}/{variable}",
            arn=account.arn("ssm", f"parameter{path}/{variable}"),
            owner=path,
            tags=tags,
            connection=connection_inputs(account.region, account.id),
            # Replaced the other way round, as by `pulumi up --replace`, the new one would be the old one, then deleted.
            opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
        )
        for variable in variables
    }
