"""Images that were built elsewhere."""

from typing import Any

import pytest

from components import Environment, ExistingImage, KeyspacesMicroservice, NewVpc, Service, Table, read
from components.arguments import InvalidArguments
from components.network.vpc import Egress
from declared.program import Program
from tests.evaluation import container, declare, policy

_DIGEST = "a" * 64
_URI = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:{_DIGEST}"


def _declare(uri: str, egress: Egress = "nat", *, computed: bool = True, **more: Any) -> Program:
    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop", network=NewVpc(egress=egress)),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            image=ExistingImage(uri=uri),
            command=["serve"],
            run=Service(),
            **more,
        )

    return declare(run, computed=computed)


@pytest.mark.parametrize("more", [{}, {"dockerfile": "app/countries.Dockerfile"}])
@pytest.mark.parametrize("computed", [True, False])
def test_neither_builds_nor_stores_an_image(more: dict[str, Any], computed: bool) -> None:
    """A preview in CI needs Docker, or an empty repository is left behind."""
    program = _declare(_URI, computed=computed, **more)
    types = {resource.type for resource in program.resources}
    assert types.isdisjoint(
        {"docker:index/image:Image", "aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"}
    )
    if computed:
        assert container(program, "api")["image"] == _URI


@pytest.mark.parametrize("account", ["000000000000", "111111111111"])
def test_may_pull_that_image_alone(account: str) -> None:
    """The task cannot start, or its execution role may read other teams' images."""
    program = _declare(_URI.replace("000000000000", account))
    statements = policy(program, "api-execution")["Statement"]
    pulled = [each["Resource"] for each in statements if "ecr:BatchGetImage" in each["Action"]]
    assert pulled == [f"arn:aws:ecr:us-east-1:{account}:repository/shop/api"]


@pytest.mark.parametrize(
    "uri",
    [
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api:latest",
        f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api:1@sha256:{_DIGEST}",
        f"000000000000.dkr.ecr.us-east-1.amazonaws.com/shop/api@sha256:{_DIGEST[1:]}",
        f"public.ecr.aws/docker/library/nginx@sha256:{_DIGEST}",
        f"nginx@sha256:{_DIGEST}",
        "",
    ],
)
def test_refuses_an_image_that_may_change_or_cannot_be_pulled(uri: str) -> None:
    """Tasks of one deployment run two different programs, or no task starts."""
    with pytest.raises(InvalidArguments, match=r"uri is .*; give an image of a private ECR repository by digest"):
        ExistingImage(uri=uri)


@pytest.mark.parametrize(
    ("old", "new", "egress", "message"),
    [
        ("000000000000", "111111111111", "endpoints", "reach only the images of account 000000000000 in us-east-1"),
        ("us-east-1", "eu-west-1", "endpoints", "reach only the images of account 000000000000 in us-east-1"),
        ("amazonaws.com", "amazonaws.com.cn", "nat", "in another partition than aws"),
    ],
)
def test_refuses_an_image_out_of_reach(old: str, new: str, egress: Egress, message: str) -> None:
    """Tasks stop before they start, minutes into the update."""
    with pytest.raises(ValueError, match=message):
        _declare(_URI.replace(old, new), egress)


def test_needs_a_dockerfile_or_an_image() -> None:
    """The update fails in the middle with a TypeError."""

    def run() -> None:
        KeyspacesMicroservice(
            "api",
            environment=Environment("shop", keyspace="shop"),
            tables=[read(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            command=["serve"],
            run=Service(),
        )

    with pytest.raises(InvalidArguments, match="dockerfile is missing; give the path of one, or an image"):
        declare(run)
