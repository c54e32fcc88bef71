"""A bulk load as the component declares it: permissions, order, arguments."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components import Environment, KeyspacesBulkLoad, KeyspacesMicroservice, Once, S3Source, Table, read, write
from components.arguments import InvalidArguments
from declared.program import Program
from tests.components.bulk import one_jar
from tests.evaluation import declare, dependencies, one, policy

TABLE = Table(
    name="things", columns={"id": "text", "at": "int", "n": "int"}, partition_key=["id"], clustering_key={"at": "ASC"}
)
_JOB = "aws:glue/job:Job"
_RUN = "pulumi-python:dynamic/glue:BulkRun"


@pytest.fixture
def folder() -> Iterator[Path]:
    with one_jar() as folder:
        yield folder


def _declare(folder: Path, *, computed: bool = True, **arguments: Any) -> Program:
    given: dict[str, Any] = {
        "table": write(TABLE),
        "source": S3Source(uri="s3://data/things/"),
        "format": "parquet",
        **arguments,
    }

    def run() -> None:
        environment = Environment("shop", keyspace="shop", tags={"Team": "shop"})
        KeyspacesBulkLoad("fill", environment=environment, jars=str(folder), **given)

    return declare(run, computed=computed)


@pytest.mark.parametrize("computed", [True, False], ids=["created", "preview"])
def test_declares_the_job_and_one_run_of_it(folder: Path, computed: bool) -> None:
    """The preview of a new stack fails, or Glue runs without the program, the connector or the table's name."""
    program = _declare(folder, computed=computed, workers=5, requests_per_second=9_000, timeout=90)
    job = one(program, _JOB, "fill").inputs
    assert (job["glueVersion"], job["numberOfWorkers"], job["workerType"]) == ("5.0", 5, "G.1X")
    assert (job["maxRetries"], job["timeout"]) == (0, 2)
    assert {each.name for each in program.of_type("aws:s3/bucketObjectv2:BucketObjectv2")} == {
        "fill-load.py",
        "fill-connector-1.0.jar",
    }
    if computed:
        arguments = job["defaultArguments"]
        assert arguments["--extra-jars"].endswith("/connector-1.0.jar")
        assert job["command"]["scriptLocation"].endswith("/load.py")
        assert {
            key: arguments[f"--{key}"] for key in ("keyspace", "table", "key", "endpoint", "requests", "workers")
        } == {
            "keyspace": "shop",
            "table": "things",
            "key": "id,at",
            "endpoint": "cassandra.us-east-1.amazonaws.com:9142",
            "requests": "9000",
            "workers": "4",
        }


def test_the_job_may_write_one_table_and_read_one_folder(folder: Path) -> None:
    """With wider permissions, a changed file in a bucket runs with the rights of a whole account; with fewer, no row is
    loaded.
    """
    statements = policy(_declare(folder), "fill-job")["Statement"]
    account = "us-east-1:000000000000"
    found = {action: each["Resource"] for each in statements for action in each["Action"]}
    bucket = found.pop("s3:GetObject")  # The files' folder, which comes after the program.
    assert bucket == "arn:aws:s3:::data/things/*"
    assert found.pop("s3:ListBucket") == "arn:aws:s3:::data"
    assert found == {
        "cassandra:Select": f"arn:aws:cassandra:{account}:/keyspace/system*",
        "cassandra:Modify": f"arn:aws:cassandra:{account}:/keyspace/shop/table/things",
        "logs:CreateLogGroup": f"arn:aws:logs:{account}:log-group:/aws-glue/jobs/*",
        "logs:CreateLogStream": f"arn:aws:logs:{account}:log-group:/aws-glue/jobs/*",
        "logs:PutLogEvents": f"arn:aws:logs:{account}:log-group:/aws-glue/jobs/*",
    }
    (listing,) = (each for each in statements if each["Action"] == ["s3:ListBucket"])
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["things/*"]}}
    trust = json.loads(one(_declare(folder), "aws:iam/role:Role", "fill-job").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "glue.amazonaws.com"}
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "000000000000"}}


def test_the_job_may_read_one_file(folder: Path) -> None:
    """The job also reads `rows.csv.old` beside `rows.csv`, or lists other teams' objects."""
    statements = policy(_declare(folder, source=S3Source(uri="s3://data/rows.csv")), "fill-job")["Statement"]
    in_s3 = [each for each in statements if any(action.startswith("s3:") for action in each["Action"])]
    assert [(each["Action"], each["Resource"]) for each in in_s3] == [
        (["s3:GetObject"], "arn:aws:s3:::fill/*"),
        (["s3:GetObject"], "arn:aws:s3:::data/rows.csv"),
    ]


def test_runs_when_table_and_permissions_are_there_and_again_with_another_source(folder: Path) -> None:
    """The first run is refused, or new data never reaches the table."""
    program = _declare(folder)
    run = one(program, _RUN, "fill")
    assert {"RolePolicy fill-job", "Table fill-things", "BulkStop fill"} <= dependencies(program, run)
    other = one(_declare(folder, source=S3Source(uri="s3://data/others/")), _RUN, "fill")
    assert run.inputs["triggers"] != other.inputs["triggers"]
    assert run.inputs["triggers"] == one(_declare(folder, workers=3), _RUN, "fill").inputs["triggers"]


def test_fills_the_table_of_a_microservice(folder: Path) -> None:
    """Two components declare the same table, and `pulumi up` fails at the second."""

    def run() -> None:
        environment = Environment("shop", keyspace="shop")
        owner = KeyspacesMicroservice(
            "owner",
            environment=environment,
            tables=[write(TABLE)],
            dockerfile="app/countries.Dockerfile",
            command=["load"],
            run=Once(),
        )
        KeyspacesBulkLoad(
            "fill",
            environment=environment,
            table=write(owner.tables["things"]),
            source=S3Source(uri="s3://data/a.csv"),
            format="csv",
            jars=str(folder),
        )

    assert [table.name for table in declare(run).of_type("aws:keyspaces/table:Table")] == ["owner-things"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"table": read(TABLE)}, "table is not writable; use write"),
        ({"source": "s3://data/things/"}, "source is 's3://data/things/'; give an S3Source"),
        ({"format": "xml"}, "format is 'xml'; use csv, json, parquet"),
        ({"workers": 1}, "workers is 1; use 2 to 299"),
        ({"worker_type": "Z.2X"}, "worker_type is 'Z.2X'; use G.1X"),
        ({"requests_per_second": 0}, "requests_per_second is 0; use 1 to"),
        ({"timeout": 1}, "timeout is 1; use 60 to 172800 seconds"),
    ],
)
def test_refuses_invalid_arguments(folder: Path, arguments: dict[str, Any], said: str) -> None:
    """`pulumi up` fails after the table is created, or an hour later."""
    with pytest.raises(InvalidArguments) as refused:
        _declare(folder, **arguments)
    assert f"fill: {said}" in str(refused.value)


def test_refuses_jars_that_are_missing_or_changed(folder: Path) -> None:
    """A changed jar runs with the job's role, or the job ends with a ClassNotFoundException."""
    jar = folder / "connector-1.0.jar"
    jar.write_bytes(b"another")
    with pytest.raises(InvalidArguments, match=r"connector-1\.0\.jar does not have the pinned SHA-256"):
        _declare(folder)
    jar.unlink()
    with pytest.raises(InvalidArguments, match=r"no connector-1\.0\.jar; run python -m components\.bulk\.jars"):
        _declare(folder)
