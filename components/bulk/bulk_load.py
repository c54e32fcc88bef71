"""A table filled by Spark, where one task is not enough: `KeyspacesBulkLoad`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.arguments import none_of, outside, raise_for
from components.bulk.jars import jars_mistake, pinned
from components.bulk.job_run import BulkRun, BulkStop
from components.connection import connection_inputs
from components.environment import Environment
from components.iam import ON_TABLE, READ_OBJECT, allow, policy_document
from components.names import check_name, in_stack
from components.network.security_group_rules import CQL_PORT
from components.tables.table import KeyspacesTable, Table, create_table
from components.tables.use import TableUse
from components.tasks.permissions import Role
from components.tasks.s3_source import S3Source

Format = Literal["csv", "json", "parquet"]
WorkerType = Literal["G.1X", "G.2X", "G.4X", "G.8X"]

_PROGRAM = Path(__file__).with_name("load.py")
_GLUE_VERSION = "5.0"  # Spark 3.5, Python 3.11, Java 17 (Glue developer guide, "AWS Glue versions")


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """The job's private bucket, encrypted by S3's default, and its objects by file name: the program and the jars."""

    bucket: aws.s3.Bucket
    public_access_block: aws.s3.BucketPublicAccessBlock
    objects: Mapping[str, aws.s3.BucketObjectv2]


class KeyspacesBulkLoad(pulumi.ComponentResource):
    """Fills a table from files in S3 with an AWS Glue job, which `pulumi up` runs and waits for.

    Use it for more rows than one `Once` task can write in time; docs/loader.md has the calculation. It creates its own
    table, a role that can write only this table and read only these files, a private bucket with the program and its
    jars, the job, and one run of the job. The update fails, with Glue's reason and the last log lines, unless every row
    was written. The next `pulumi up` repeats a failed run, which writes the same rows again.

    The job runs in Glue's own network: it signs in to Keyspaces' public endpoint with SigV4 over TLS, and cannot reach
    the environment's VPC. The environment's endpoint policies do not apply to it.

    name: the prefix of every child's name; see `check_name`.
    table: `write(...)` of a `Table`, which is created here and dropped with this component, or of one of a
    microservice's `tables`.
    source: one file, or all files of a folder. Files may be compressed with gzip or zstd.
    format: `csv` with a header, `json` with an object in each line, or `parquet`. Columns are matched by name; the
    table must have every column of the files, and the files must have those of the primary key. csv supports no
    collections.
    jars: the folder into which `python -m components.bulk.jars` has fetched the jars that Spark needs for Keyspaces.
    workers: 2 to 299; one of them runs the driver and writes no rows. worker_type: with 4, 8, 16 or 32 vCPU.
    requests_per_second: of all workers together. Keep it within the table's capacity, since Spark retries a throttled
    row at once.
    timeout: seconds until the run is stopped and the update fails. run_id: any string. A changed run_id runs the job
    again, as does a changed source, format or program, or a replaced table. New files under the same source do not.

    Raises InvalidArguments.
    """

    table: KeyspacesTable
    """A table that is created here comes with its schema guard and its auto scaling."""
    files: JobFiles
    role: Role
    job: aws.glue.Job
    stop: BulkStop
    """Stops, on destroy, a run that a killed update has left behind."""
    run: BulkRun

    def __init__(
        self,
        name: str,
        *,
        environment: Environment,
        table: TableUse,
        source: S3Source,
        format: Format,
        jars: str,
        workers: int = 10,
        worker_type: WorkerType = "G.1X",
        requests_per_second: int = 4_000,
        timeout: int = 7_200,
        run_id: str = "1",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        check_name("KeyspacesBulkLoad", name)
        raise_for(
            name,
            {
                "table": None
                if isinstance(table, TableUse) and table.access == "write"
                else "is not writable; use write(...)",
                "source": None if isinstance(source, S3Source) else f"is {source!r}; give an S3Source",
                "format": none_of(format, Format),
                "jars": jars_mistake(Path(jars)),
                "workers": outside(workers, 2, 299),
                "worker_type": none_of(worker_type, WorkerType),
                "requests_per_second": outside(requests_per_second, 1, 1_000_000),
                "timeout": outside(timeout, 60, 172_800, "seconds"),
            },
        )
        super().__init__("keyspaces-platform:index:KeyspacesBulkLoad", name, {}, opts)
        account, tags = environment.account, {**environment.tags, "Microservice": name}
        self.table = _table(name, table, environment=environment, tags=tags, parent=self)
        resource = self.table.table
        self.files = _upload(name, Path(jars), tags=tags, parent=self)
        bucket, objects = self.files.bucket, self.files.objects
        self.role = self._create_role(name, environment, resource, source, bucket, tags)
        self.job = aws.glue.Job(
            name,
            name=in_stack(name),
            description=f"Fills {table.name} from {source.uri}",
            role_arn=self.role.arn,
            glue_version=_GLUE_VERSION,
            command={
                "name": "glueetl",
                "python_version": "3",
                "script_location": pulumi.Output.format("s3://{0}/{1}", bucket.bucket, objects[_PROGRAM.name].key),
            },
            number_of_workers=workers,
            worker_type=worker_type,
            max_retries=0,  # the next `pulumi up` repeats the run
            timeout=-(-timeout // 60),
            default_arguments={
                "--extra-jars": pulumi.Output.all(
                    bucket.bucket, *(each.key for file, each in objects.items() if file != _PROGRAM.name)
                ).apply(lambda found: ",".join(f"s3://{found[0]}/{key}" for key in found[1:])),
                "--job-bookmark-option": "job-bookmark-disable",
                "--source": source.uri,
                "--format": format,
                "--keyspace": environment.keyspace.name,
                "--table": resource.table_name,
                "--key": resource.schema_definition.apply(_key),
                "--endpoint": pulumi.Output.format(
                    "cassandra.{0}.{1}:{2}", account.region, account.dns_suffix, CQL_PORT
                ),
                "--region": account.region,
                "--requests": str(requests_per_second),
                "--workers": str(workers - 1),
            },
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.role.policy, *objects.values()]),
        )
        connection = connection_inputs(account.region, account.id)
        self.stop = BulkStop(
            name,
            job=self.job.name,
            connection=connection,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.job]),
        )
        self.run = BulkRun(
            name,
            job=self.job.name,
            triggers={"source": source.uri, "format": format, "run": run_id, "program": _program()},
            timeout=timeout,
            connection=connection,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.stop, self.role.policy, resource], replace_with=[resource]
            ),
        )
        self.register_outputs({"job": self.job.name, "table": resource.table_name})

    @property
    def completed(self) -> BulkRun:
        """The run, which exists once every row is in the table; for `Service(after=[...])`."""
        return self.run

    def _create_role(
        self,
        name: str,
        environment: Environment,
        table: aws.keyspaces.Table,
        source: S3Source,
        bucket: aws.s3.Bucket,
        tags: Mapping[str, str],
    ) -> Role:
        account = environment.account
        opts = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-job",
            description=f"The Glue job of {name}: writes one table, reads {source.uri}"[:1000],
            path=environment.role_path,
            permissions_boundary=environment.permissions_boundary_arn,
            assume_role_policy=_trust_glue(account),
            tags=dict(tags),
            opts=opts,
        )
        statements = [
            allow(ON_TABLE["write"], table.arn),
            allow(["cassandra:Select"], account.arn("cassandra", "/keyspace/system*")),
            allow(READ_OBJECT, pulumi.Output.concat(bucket.arn, "/*")),
            *source.statements(account),
            # Glue developer guide, "Create an IAM policy for your IAM role": the log groups that every job writes to.
            allow(
                ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                account.arn("logs", "log-group:/aws-glue/jobs/*"),
            ),
        ]
        policy = aws.iam.RolePolicy(f"{name}-job", role=role.name, policy=policy_document(statements), opts=opts)
        return Role(arn=role.arn, role=role, policy=policy)


def _upload(name: str, jars: Path, *, tags: Mapping[str, str], parent: pulumi.Resource) -> JobFiles:
    opts = pulumi.ResourceOptions(parent=parent)
    bucket = aws.s3.Bucket(name, force_destroy=True, tags=dict(tags), opts=opts)
    block = aws.s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    files = {_PROGRAM.name: _PROGRAM} | {file: jars / file for file in pinned()}
    objects = {
        file: aws.s3.BucketObjectv2(
            f"{name}-{file}",
            bucket=bucket.bucket,
            key=file,
            source=pulumi.FileAsset(path),
            tags=dict(tags),
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[block]),
        )
        for file, path in files.items()
    }
    return JobFiles(bucket=bucket, public_access_block=block, objects=objects)


def _table(
    name: str, use: TableUse, *, environment: Environment, tags: Mapping[str, str], parent: pulumi.Resource
) -> KeyspacesTable:
    if isinstance(use.table, KeyspacesTable):
        return use.table
    if not isinstance(use.table, Table):
        return KeyspacesTable(name=use.name, table=use.table)
    return create_table(
        f"{name}-{use.table.name}",
        use.table,
        keyspace=environment.keyspace,
        account=environment.account,
        protect=environment.protect,
        tags=tags,
        parent=parent,
    )


def _key(schema: Any) -> str:
    """The columns of the primary key, separated by commas."""
    return ",".join(each.name for each in [*schema.partition_keys, *(schema.clustering_keys or [])])


def _program() -> str:
    """The program's SHA-256: a changed program runs the job again."""
    return hashlib.sha256(_PROGRAM.read_bytes()).hexdigest()


def _trust_glue(account: Account) -> pulumi.Output[str]:
    # The condition keeps Glue from using the role on behalf of another account ("confused deputy").
    return policy_document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": "glue.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account.id}},
            }
        ]
    )
