"""The path and the permissions boundary of every IAM role."""

from typing import Any

import pytest

from components import Environment, KeyspacesMicroservice, Once, Service, Table, read, write
from components.arguments import InvalidArguments
from declared.program import Program
from tests.evaluation import declare

BOUNDARY = "arn:aws:iam::123456789012:policy/teams/boundary"


def _declare(**options: Any) -> Program:
    def run() -> None:
        environment = Environment("shop", keyspace="shop", **options)
        common: Any = {"environment": environment, "dockerfile": "app/countries.Dockerfile", "command": ["python"]}
        table = Table(name="things", columns={"id": "text"}, partition_key=["id"])
        loader = KeyspacesMicroservice("load", tables=[write(table)], run=Once(), **common)
        KeyspacesMicroservice("api", tables=[read(loader.tables["things"])], run=Service(), **common)

    return declare(run)


def test_gives_every_role_the_path_and_the_boundary() -> None:
    """In an organisation that lets a team create only limited roles, the update fails halfway."""
    roles = list(_declare(role_path="/teams/shop/", permissions_boundary_arn=BOUNDARY).of_type("aws:iam/role:Role"))
    assert len(roles) == 4
    for role in roles:
        assert (role.inputs["path"], role.inputs["permissionsBoundary"]) == ("/teams/shop/", BOUNDARY)


def test_leaves_roles_as_they_are_without_either() -> None:
    """Every stack shows a change of its roles."""
    for role in _declare().of_type("aws:iam/role:Role"):
        assert not {"path", "permissionsBoundary"} & role.inputs.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"role_path": "teams/shop"}, "role_path is 'teams/shop'; use / or a path such as /teams/shop/"),
        ({"role_path": "/" + "x" * 511 + "/"}, "up to 512 characters"),
        ({"permissions_boundary_arn": "boundary"}, "permissions_boundary_arn is 'boundary'; give an ARN such as"),
    ],
)
def test_refuses_arguments_iam_would_refuse(options: dict[str, Any], message: str) -> None:
    """The update fails at the first role, after the network is created."""
    with pytest.raises(InvalidArguments) as refused:
        _declare(**options)
    assert message in str(refused.value)
