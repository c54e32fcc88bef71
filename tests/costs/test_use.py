"""The cost of requests, and of events such as a task's start."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from costs.assumptions import DEFAULTS, Assumptions, every_assumption
from tests.costs.programs import api, endpoint, estimate_of, idle, service, table, task_definition, vpc

# Each egress: its endpoints, its NAT gateways, and the traffic that passes each of them.
_EGRESSES = {
    "nat": (["cassandra"], "Single", {"CQL": "endpoint for cassandra", "Log lines": "NAT gateway"}),
    "endpoints": (
        ["cassandra", "logs", "ecr.api", "ecr.dkr"],
        "None",
        {"CQL": "endpoint for cassandra", "Log lines": "endpoint for logs"},
    ),
    "public": (["cassandra"], "None", {"CQL": "endpoint for cassandra"}),
    "nothing of its own for Keyspaces": ([], "Single", {"CQL": "NAT gateway", "Log lines": "NAT gateway"}),
}


def _requests(run: Callable[[], object], assumptions: Assumptions = DEFAULTS) -> dict[str, float]:
    return {item.what: item.usd for item in estimate_of(run, assumptions).requests}


def test_prices_a_million_requests() -> None:
    """An owner cannot tell what a success with many users would cost."""
    assert _requests(api) == {
        "Keyspaces reads": pytest.approx(0.125),
        "Load balancer capacity": pytest.approx(1e6 / 90_000 * 0.008),  # one LCU has 25 new connections a second
        "Answers to the internet": pytest.approx(0.5 * 0.09),
        "Log lines: ingestion": pytest.approx(0.326 * 0.50),
        "Log lines: storage for 30 days": pytest.approx(0.326 * 0.15 * 0.03, rel=0.02),
    }


@pytest.mark.parametrize("egress", _EGRESSES)
def test_prices_the_traffic_of_each_egress(egress: str) -> None:
    """The estimate compares kinds of egress by the hour only, so one that is expensive under load looks cheap."""
    endpoints, strategy, passed = _EGRESSES[egress]

    def run() -> None:
        api()
        vpc(strategy)
        for name in endpoints:
            endpoint(name)

    found = {what for what in _requests(run) if " by " in what}
    assert found == {f"{what} by {by}".replace("Log lines by", "Log lines: by") for what, by in passed.items()}


def test_prices_load_balancer_by_bytes_when_they_are_more() -> None:
    """The estimate is too low for large answers: AWS bills the larger of connections and bytes."""
    large = dataclasses.replace(DEFAULTS, connections=0.01, response_bytes=200_000)
    assert _requests(api, large)["Load balancer capacity"] == pytest.approx(200.5 * 0.008)


def test_prices_tls_handshakes_where_a_listener_speaks_https() -> None:
    """The estimate is too low with HTTPS: a handshake's certificates are larger than an answer of this API."""
    assert "TLS handshakes to the internet" not in _requests(api)
    found = _requests(lambda: api(https=True))
    assert found["TLS handshakes to the internet"] == pytest.approx(4 * 0.09)


def test_prices_the_requests_a_web_acl_inspects() -> None:
    """The estimate misses the largest cost of a stack with a web ACL: its inspection of a million requests."""

    def run() -> None:
        api()
        arn = "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/api/0a1b"
        aws.wafv2.WebAclAssociation("web", resource_arn="arn:web", web_acl_arn=arn)

    without = _requests(api)
    assert _requests(run) == without | {"Requests inspected by AWS WAF": pytest.approx(0.60)}
    assert sum(without.values()) < 0.60


@pytest.mark.parametrize(("days", "shown"), [(30, 30), (None, 365)])
def test_prices_access_logs_as_long_as_they_are_kept(days: int | None, shown: int) -> None:
    """Logs that are kept for ever look as cheap as one month of logs."""

    def run() -> None:
        api()
        bucket = aws.s3.Bucket("logs")
        if days is not None:
            rule: Any = {"id": "expire", "status": "Enabled", "expiration": {"days": days}}
            aws.s3.BucketLifecycleConfiguration("logs", bucket=bucket.id, rules=[rule])

    found = _requests(run)[f"Access logs in S3: storage for {shown} days"]
    assert found == pytest.approx(0.1 * shown / (730 / 24) * 0.023)


def test_prices_no_read_of_a_provisioned_table() -> None:
    """A provisioned table is paid for twice in the estimate."""

    def run() -> None:
        group = aws.lb.TargetGroup("api")
        aws.lb.LoadBalancer("web", subnets=["subnet-a", "subnet-b"])
        service(task_definition(), load_balancers=[{"target_group_arn": group.arn, "container_name": "api"}])
        capacity = {"throughput_mode": "PROVISIONED", "read_capacity_units": 1, "write_capacity_units": 1}
        table(capacity_specification=capacity)

    found = _requests(run)
    assert found
    assert "Keyspaces reads" not in found


def test_prices_no_load_balancer_of_another_stack() -> None:
    """A service behind another stack's load balancer is priced with one, or its reads and log lines are left out."""

    def run() -> None:
        table()
        attached = {"target_group_arn": aws.lb.TargetGroup("api").arn, "container_name": "api"}
        service(task_definition(), load_balancers=[attached])

    assert set(_requests(run)) == {"Keyspaces reads", "Log lines: ingestion", "Log lines: storage for 365 days"}


def test_prices_no_request_without_a_load_balancer() -> None:
    """The estimate shows a cost for each request of a stack without a load balancer, which gets no request."""
    assert _requests(lambda: service(task_definition())) == {}


def test_prices_log_lines_of_health_checks() -> None:
    """The estimate misses the log lines of health checks, which each load balancer node sends to each task all day."""
    lines = 730 * 3600 / 10 * 2 * 2
    logged = idle(api, dataclasses.replace(DEFAULTS, health_check_log_bytes=70))
    assert logged["Log lines of health checks: ingestion"][0] == pytest.approx(lines * 96 / 1e9)
    assert not any("health" in what for what in idle(api))


@pytest.mark.parametrize(("with_endpoint", "passes"), [(False, True), (True, False)])
def test_prices_images_that_pass_a_nat_gateway(with_endpoint: bool, passes: bool) -> None:
    """The estimate charges a NAT gateway for images that pass S3's free endpoint, or misses the charge without it."""

    def run() -> None:
        vpc("Single")
        service(task_definition())
        if with_endpoint:
            endpoint("s3", kind="Gateway")

    assert any(item.what.startswith("Image of each starting task") for item in estimate_of(run).each_time) is passes


def test_explains_each_assumption() -> None:
    """A reader cannot tell whether an assumption holds for a stack."""
    for each in every_assumption(DEFAULTS):
        assert len(each.means) > 20
        assert each.value >= 0
