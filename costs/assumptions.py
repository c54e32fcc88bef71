"""Assumptions about facts that a program does not declare: sizes of stored data, of runs and of a request."""

from dataclasses import dataclass, field, fields
from typing import Any

REQUESTS = 1_000_000
_GB = 1e9


def _assume(value: float, unit: str, means: str) -> Any:
    return field(default=value, metadata={"unit": unit, "means": means})


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """Assumed values; none was measured on AWS. The text of each field is also its description in the documentation."""

    table_gb: float = _assume(0.01, "GB", "size of each table, and of its backup")
    images_gb: float = _assume(
        0.1, "GB", "size of each ECR repository: one compressed image; shared layers of later images count once"
    )
    health_check_log_bytes: float = _assume(
        0,
        "bytes",
        "a task's log line for each health check of the load balancer; the kit writes none",
    )
    own_metrics: float = _assume(
        16, "metrics", "custom metrics of a service from its log lines, if METRICS_NAMESPACE is set"
    )
    run_minutes: float = _assume(1, "min", "duration of a run of a one-off or scheduled task; also Fargate's minimum")
    run_writes: float = _assume(250, "rows", "written by such a run, each of up to 1 KB")

    bulk_minutes: float = _assume(10, "min", "duration of a bulk load's run, of all its workers")
    bulk_writes: float = _assume(10_000_000, "rows", "written by a bulk load, each of up to 1 KB")

    read_units: float = _assume(1, "RRU", "consumed by a request: it reads one row of up to 4 KB at LOCAL_QUORUM")
    write_units: float = _assume(0, "WRU", "consumed by a request: it writes nothing")
    connections: float = _assume(1, "", "new connections for each request; keep-alive connections cost less")
    request_bytes: float = _assume(500, "bytes", "size of a request with its headers")
    response_bytes: float = _assume(500, "bytes", "size of an answer with its headers")
    handshake_bytes: float = _assume(
        4_000, "bytes", "sent for each new connection if a listener uses HTTPS, mostly the certificates"
    )
    cql_bytes: float = _assume(600, "bytes", "between task and Keyspaces for a request, in both directions")
    log_line_bytes: float = _assume(300, "bytes", "a task's log line of JSON for a request")
    log_event_bytes: float = _assume(26, "bytes", "that CloudWatch Logs adds to each billed line (PutLogEvents)")
    log_compression: float = _assume(0.15, "", "compressed share of a log line that CloudWatch Logs stores")
    access_log_bytes: float = _assume(
        100, "bytes", "a request's line in the load balancer's access log in S3, compressed, if it has one"
    )
    forever_days: float = _assume(
        365, "days", "counted for logs that never expire; each further year adds the same cost"
    )

    @staticmethod
    def gigabytes(bytes_each: float, times: float = REQUESTS) -> float:
        return bytes_each * times / _GB


DEFAULTS = Assumptions()


@dataclass(frozen=True, kw_only=True)
class Assumption:
    value: float
    unit: str
    means: str


def every_assumption(assumptions: Assumptions) -> list[Assumption]:
    return [
        Assumption(value=getattr(assumptions, each.name), unit=each.metadata["unit"], means=each.metadata["means"])
        for each in fields(assumptions)
    ]
