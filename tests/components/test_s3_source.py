"""Data in S3 that a program reads: the permissions of its role and of the S3 endpoint, and refused arguments."""

import json
from typing import Any

import pytest

from components import (
    Environment,
    ExistingVpc,
    KeyspacesMicroservice,
    NewVpc,
    Once,
    S3Source,
    Scheduled,
    Table,
    write,
)
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.everything import KEY_ARN
from tests.components.networks import ENDPOINT
from tests.evaluation import declare, dependencies, one, policy

_FILE, _FOLDER = S3Source(uri="s3://data/rows.csv"), S3Source(uri="s3://data/things/")
_DATA = NewVpc(egress="endpoints", buckets=["data"])
_EXISTING = ExistingVpc(
    vpc_id="vpc-0123456789abcdef0",
    public_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    task_subnet_ids=["subnet-0123456789abcdef2"],
)


def _declare(
    *sources: Any,
    network: NewVpc | ExistingVpc = _DATA,
    run: Once | Scheduled | None = None,
    computed: bool = True,
) -> Program:
    def program() -> None:
        KeyspacesMicroservice(
            "load",
            environment=Environment("shop", keyspace="shop", network=network),
            tables=[write(Table(name="things", columns={"id": "text"}, partition_key=["id"]))],
            dockerfile="app/load-countries.Dockerfile",
            command=["python", "-m", "loader", "things", *(getattr(each, "uri", "") for each in sources)],
            sources=sources,
            run=run or Once(),
        )

    return declare(program, computed=computed)


def _more(program: Program, role: str = "load-task") -> list[dict[str, Any]]:
    """The statements that a program with sources has in addition."""
    before = policy(_declare(), role)["Statement"]
    return [each for each in policy(program, role)["Statement"] if each not in before]


def _gateway(program: Program) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(one(program, ENDPOINT, "shop-s3").inputs["policy"])["Statement"]
    return statements


@pytest.mark.parametrize("run", [Once(), Scheduled(expression="rate(1 day)")])
def test_the_program_may_read_only_this_object(run: Once | Scheduled) -> None:
    """The loader cannot read its file, or an attacker in the task reads `rows.csv.old` beside it."""
    program = _declare(_FILE, run=run)
    assert _more(program) == [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/rows.csv"}]
    assert not _more(program, "load-execution")


def test_the_program_may_list_and_read_only_this_prefix() -> None:
    """The loader cannot find its files, or an attacker in the task reads objects outside the folder."""
    assert _more(_declare(_FOLDER)) == [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::data/things/*"},
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": "arn:aws:s3:::data",
            "Condition": {"StringLike": {"s3:prefix": ["things/*"]}},
        },
    ]


def test_the_program_may_decrypt_with_this_key_only_through_s3() -> None:
    """An encrypted object cannot be read, or the task decrypts whatever else the key protects."""
    _, decrypting = _more(_declare(S3Source(uri="s3://data/rows.csv", kms_key_arn=KEY_ARN)))
    assert decrypting == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": KEY_ARN,
        "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
    }


@pytest.mark.parametrize("egress", ["nat", "nat-per-zone", "endpoints", "public"])
def test_allows_only_the_bucket_at_the_endpoint(egress: Any) -> None:
    """The endpoint denies a read that the role allows, or allows writes to the bucket, or reads of any other bucket."""
    before = _gateway(_declare(network=NewVpc(egress=egress)))
    program = _declare(_FOLDER, network=NewVpc(egress=egress, buckets=["data"]))
    account = {"StringEqualsIfExists": {"aws:PrincipalAccount": "000000000000"}}
    assert [each for each in _gateway(program) if each not in before] == [
        {
            "Effect": "Allow",
            "Action": [action],
            "Resource": resource,
            "Principal": "*",
            "Condition": account,
        }
        for action, resource in (("s3:GetObject", "arn:aws:s3:::data/*"), ("s3:ListBucket", "arn:aws:s3:::data"))
    ]
    assert [each for each in _gateway(program) if each in before] == before


def test_runs_the_task_after_endpoint_and_role_allow_the_read() -> None:
    """The first `pulumi up` fails, since the loader may not read its data yet."""
    program = _declare(_FILE)
    run = one(program, "pulumi-python:dynamic/ecs:TaskRun", "load")
    assert {"VpcEndpoint shop-s3", "RolePolicy load-task"} <= dependencies(program, run)


def test_previews_with_a_source() -> None:
    """The preview of a new stack fails."""
    assert _declare(_FILE, _FOLDER, computed=False)


def test_leaves_an_existing_vpc_to_its_owner() -> None:
    """A stack in an existing VPC is refused because of an S3 endpoint that it does not manage."""
    assert _more(_declare(_FILE, network=_EXISTING))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"sources": [_FILE], "network": NewVpc()},
            r"load: sources is in data, which NewVpc\(buckets=\['data'\]\) must allow",
        ),
        ({"sources": ["s3://data/rows.csv"]}, "load: sources has 's3://data/rows.csv'; give an S3Source"),
    ],
)
def test_refuses_an_unreadable_source(arguments: dict[str, Any], message: str) -> None:
    """The one-off task fails in the middle of `pulumi up`, after the tables are created."""
    with pytest.raises(InvalidArguments, match=message):
        _declare(*arguments.pop("sources"), **arguments)


@pytest.mark.parametrize(
    "uri",
    [
        "data/rows.csv",
        "https://data.s3.amazonaws.com/rows.csv",
        "s3://data",
        "s3://data/",
        "s3:///rows.csv",
        "s3://Data/rows.csv",
        "s3://data/*.csv",
        "s3://data/row?.csv",
        "s3://data/${aws:username}.csv",
        "s3://data/my rows.csv",
        "s3://data/rows.csv\n",
    ],
)
def test_refuses_a_uri_that_names_no_object(uri: str) -> None:
    """A typing mistake becomes a permission for other objects, or a task that finds no data."""
    with pytest.raises(InvalidArguments, match=r"S3Source: uri is .*; name an object, such as s3://bucket/key"):
        S3Source(uri=uri)


@pytest.mark.parametrize(
    ("buckets", "message"),
    [
        ("data", "buckets is one string, 'data'; give a list of names"),
        (["s3://data"], "buckets has 's3://data'; use names of buckets"),
        (["*"], r"buckets has '\*'; use names of buckets"),
    ],
)
def test_refuses_invalid_bucket_names(buckets: Any, message: str) -> None:
    """The S3 endpoint allows every bucket, or no bucket."""
    with pytest.raises(InvalidArguments, match=message):
        NewVpc(buckets=buckets)


def test_refuses_an_invalid_key_arn() -> None:
    """The preview passes, and AWS refuses the role's policy."""
    with pytest.raises(InvalidArguments, match="S3Source: kms_key_arn is 'alias/key'; give an ARN such as"):
        S3Source(uri="s3://data/rows.csv", kms_key_arn="alias/key")
