"""Assumptions about facts that a program does not declare: sizes of what is stored, and of one request."""

from dataclasses import dataclass, field, fields
from typing import Any

REQUESTS = 1_000_000
_GB = 1e9


def _assume(value: float, unit: str, means: str) -> Any:
    return field(default=value, metadata={"unit": unit, "means": means})


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """None was measured on AWS. Each field has its meaning beside it, for the documentation too."""

    table_gb: float = _assume(0.01, "GB", "what each table holds, and its backup")
    images_gb: float = _assume(
        0.1, "GB", "what each ECR repository holds: one image, compressed; the layers later images share count once"
    )
    health_check_log_bytes: float = _assume(
        0,
        "bytes",
        "the log line that a task writes for each health check of the load balancer; the kit writes none",
    )
    own_metrics: float = _assume(
        16, "metrics", "of its own that a service makes with its log lines, where METRICS_NAMESPACE lets it"
    )
    run_minutes: float = _assume(1, "min", "a run of a one-off or scheduled task, also the least that Fargate bills")
    run_writes: float = _assume(250, "rows", "that such a run writes, of up to 1 KB each")

    bulk_minutes: float = _assume(10, "min", "a bulk load's run, of all its workers")
    bulk_writes: float = _assume(10_000_000, "rows", "that a bulk load writes, of up to 1 KB each")

    read_units: float = _assume(1, "RRU", "a request reads one row of up to 4 KB at LOCAL_QUORUM")
    write_units: float = _assume(0, "WRU", "a request writes: nothing, as it reads")
    connections: float = _assume(1, "", "new connections for each request; clients that keep theirs open cost less")
    request_bytes: float = _assume(500, "bytes", "that a request has, with its headers")
    response_bytes: float = _assume(500, "bytes", "that an answer has, with its headers")
    handshake_bytes: float = _assume(
        4_000, "bytes", "that go out for each new connection where a listener speaks HTTPS: mostly the certificates"
    )
    cql_bytes: float = _assume(600, "bytes", "between task and Keyspaces for a request, both ways")
    log_line_bytes: float = _assume(300, "bytes", "the line of JSON that a task writes for a request")
    log_event_bytes: float = _assume(26, "bytes", "that CloudWatch Logs adds to each line when it bills (PutLogEvents)")
    log_compression: float = _assume(0.15, "", "what is left of a log line when CloudWatch Logs keeps it")
    access_log_bytes: float = _assume(
        100, "bytes", "a request's line in the load balancer's own access log in S3, compressed, where there is one"
    )
    forever_days: float = _assume(
        365, "days", "counted for logs that are kept for ever; each further year adds as much"
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
