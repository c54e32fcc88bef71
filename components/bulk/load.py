"""The Spark program of a bulk load: fills one table from files in S3 or in a folder.

AWS Glue runs it; `python -m local bulk` runs it in Spark's local mode. It imports nothing of this project, since Glue
gets only this file.

It ends with exit code 0 and one JSON line if every row was written, and otherwise with exit code 1 and one sentence. A
row has a value for every column of the file; a second run writes the same rows.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, Observation, SparkSession, functions
from pyspark.sql.utils import AnalysisException

_CONNECTOR = "org.apache.spark.sql.cassandra"
_PROFILE = "keyspaces.conf"
_CONNECTION_REQUESTS = 3_000
"""Requests a second on one connection (Keyspaces developer guide, "Quotas")."""
_RETRIES = 60


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load", description="Fills a Keyspaces table from files, by Spark.")
    parser.add_argument("--source", required=True, help="a file or a folder, such as s3://bucket/folder/")
    parser.add_argument("--format", required=True, choices=("csv", "json", "parquet"))
    parser.add_argument("--keyspace", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--key", required=True, help="the columns of the primary key, separated by commas")
    parser.add_argument("--endpoint", required=True, help="host:port")
    parser.add_argument("--region", required=True)
    parser.add_argument("--requests", required=True, type=int, help="requests a second, of all workers together")
    parser.add_argument("--workers", required=True, type=int, help="number of processes that write")
    parser.add_argument("--truststore", help="a PKCS#12 file with the endpoint's CA; default: Java's own")
    return parser.parse_known_args(arguments)[0]  # Glue adds options of its own


def main(arguments: Sequence[str]) -> str | None:
    """Returns None, or the sentence that says why not every row is in the table."""
    options = _options(arguments)
    spark = (
        SparkSession.builder.appName(f"load {options.keyspace}.{options.table}")
        .config("spark.cassandra.connection.config.profile.path", _PROFILE)
        .config("spark.cassandra.output.consistency.level", "LOCAL_QUORUM")
        .config("spark.cassandra.output.batch.size.rows", "1")  # Keyspaces bills batches by their rows
        # By default the connector keeps a session, and so the process, for an hour.
        .config("spark.cassandra.connection.keepAliveMS", "5000")
        .config("spark.cassandra.query.retry.count", str(_RETRIES))  # Keyspaces reports throttling as a timeout
        .getOrCreate()
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            profile = Path(folder) / _PROFILE
            profile.write_text(_profile(options))
            spark.sparkContext.addFile(str(profile))  # sent to every worker
            return _load(spark, options)
    except Py4JJavaError as error:
        return f"{options.source}: not every row is in {options.keyspace}.{options.table}: {_cause(error)}"
    finally:
        spark.stop()


def _load(spark: SparkSession, options: argparse.Namespace) -> str | None:
    table = f"{options.keyspace}.{options.table}"
    try:
        rows = _read(spark, options)
    except AnalysisException as error:
        return f"{options.source}: cannot be read as {options.format}: {str(error).splitlines()[0]}"
    target = spark.read.format(_CONNECTOR).options(keyspace=options.keyspace, table=options.table).load()
    if unknown := [name for name in rows.columns if name not in target.columns]:
        return f"{options.source}: {table} has no column {', '.join(unknown)}; it has {', '.join(target.columns)}"
    if missing := [name for name in options.key.split(",") if name not in rows.columns]:
        return f"{options.source}: has no column {', '.join(missing)}, which is in the primary key of {table}"
    read = Observation()
    started = time.monotonic()
    observed = rows.observe(read, functions.count(functions.lit(1)).alias("rows"))
    writer = observed.write.format(_CONNECTOR).options(keyspace=options.keyspace, table=options.table)
    writer.mode("append").save()
    seconds = time.monotonic() - started
    count = int(read.get["rows"])
    if not count:
        return f"{options.source}: has no row"
    summary = {"table": table, "written": count, "seconds": round(seconds, 1), "rows_a_second": round(count / seconds)}
    print(json.dumps(summary), flush=True)
    return None


def _read(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    if options.format == "csv":
        # Every value is text, which the connector converts to the column's type, or refuses.
        return spark.read.csv(options.source, header=True, mode="FAILFAST", escape='"', enforceSchema=False)
    if options.format == "json":
        return spark.read.json(options.source, mode="FAILFAST", primitivesAsString=True)
    return spark.read.parquet(options.source)


def _profile(options: argparse.Namespace) -> str:
    """The driver's configuration (Keyspaces developer guide, "Using a Cassandra Java client driver")."""
    requests = math.ceil(options.requests / options.workers)
    truststore = (
        {"truststore-path": options.truststore, "truststore-password": "changeit"} if options.truststore else {}
    )
    profile: dict[str, Any] = {
        "basic": {
            "contact-points": [options.endpoint],
            "load-balancing-policy": {"local-datacenter": options.region},
            "request": {"consistency": "LOCAL_QUORUM", "default-idempotence": True, "timeout": "10 seconds"},
        },
        "advanced": {
            "protocol": {"version": "V4"},
            "auth-provider": {"class": "software.aws.mcs.auth.SigV4AuthProvider", "aws-region": options.region},
            "ssl-engine-factory": {"class": "DefaultSslEngineFactory", "hostname-validation": True, **truststore},
            "connection": {"pool": {"local": {"size": math.ceil(requests / _CONNECTION_REQUESTS)}}},
            "throttler": {
                "class": "RateLimitingRequestThrottler",
                "max-requests-per-second": requests,
                "max-queue-size": 100_000,
                "drain-interval": "10 milliseconds",
            },
        },
    }
    return json.dumps({"datastax-java-driver": profile})  # HOCON takes JSON


def _cause(error: Py4JJavaError) -> str:
    """The first line of the innermost cause."""
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    name, _, message = str(cause.toString()).splitlines()[0].partition(": ")
    return f"{name.rpartition('.')[2]}: {message}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
