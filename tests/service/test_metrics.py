"""Log lines in CloudWatch's embedded metric format: their form, their values, and the number of metrics."""

import json
import math
import re
from typing import Any

import pytest

from service.metrics import EmfMetrics
from service.options import read_options
from tests.serving.served import serve

UNITS = {"Count", "Milliseconds"}


def emitted(metrics: EmfMetrics, lines: list[bytes]) -> list[dict[str, Any]]:
    lines.clear()
    metrics.emit()
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def check(line: dict[str, Any]) -> None:
    """Checks the rules of the embedded metric format (CloudWatch user guide, "Specification: Embedded metric
    format")."""
    assert len(json.dumps(line)) < 1_000_000
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert line["_aws"]["Timestamp"] > 1_700_000_000_000
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert directive["Dimensions"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            for name in dimensions:
                assert 1 <= len(name) <= 250
                assert isinstance(line[name], str)
                assert 1 <= len(line[name]) <= 1024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert 1 <= len(metric["Name"]) <= 1024
            assert metric["Unit"] in UNITS
            values = line[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 1 <= len(values) <= 100
            assert all(isinstance(value, int | float) and math.isfinite(value) for value in values)


@pytest.fixture
def lines() -> list[bytes]:
    return []


@pytest.fixture
def metrics(lines: list[bytes]) -> EmfMetrics:
    return EmfMetrics("things", write=lines.append)


def test_writes_lines_that_cloudwatch_accepts(metrics: EmfMetrics, lines: list[bytes]) -> None:
    """CloudWatch would drop the metrics, and report that only in a metric of its own."""
    metrics.request(route="/things/{id}", status=200, seconds=0.004)
    metrics.request(route="/things/{id}", status=304, seconds=0.002)
    metrics.request(route="(none)", status=404, seconds=0.0)
    metrics.request(route="/things", status=504, seconds=1e9)
    metrics.statement(["SELECT"], "ok", 0.003)
    metrics.statement(["SELECT"], "ReadTimeout", 5)
    written = emitted(metrics, lines)
    for line in written:
        check(line)
        assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "things"
    assert [(line.get("Route"), line.get("Status"), line.get("Outcome")) for line in written] == [
        ("/things/{id}", "2xx", None),
        ("/things/{id}", "3xx", None),
        ("(none)", "4xx", None),
        ("/things", "5xx", None),
        (None, None, "ok"),
        (None, None, "ReadTimeout"),
    ]
    assert written[0]["Requests"] == written[4]["Statements"] == 1
    assert written[0]["Latency"][0] == pytest.approx(4, rel=0.03)
    assert written[5]["StatementLatency"][0] == pytest.approx(5000, rel=0.03)


def test_begins_anew_after_each_emission(metrics: EmfMetrics, lines: list[bytes]) -> None:
    """Each minute's metrics would include the minutes before."""
    metrics.request(route="/things", status=200, seconds=0.001)
    assert len(emitted(metrics, lines)) == 1
    assert emitted(metrics, lines) == []


def test_keeps_the_distribution_of_many_requests_in_a_hundred_values(metrics: EmfMetrics, lines: list[bytes]) -> None:
    """An alarm on the 99th percentile would miss slow requests among many fast ones."""
    for number in range(1, 10_001):
        metrics.request(route="/things", status=200, seconds=number / 10_000)
    (line,) = emitted(metrics, lines)
    check(line)
    values = line["Latency"]
    assert (line["Requests"], len(values)) == (10_000, 100)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1000, rel=0.03)
    for percent in (50, 90, 99):
        assert values[percent - 1] == pytest.approx(percent * 10, rel=0.05)


def test_memory_does_not_grow_with_the_number_of_requests(metrics: EmfMetrics) -> None:
    """A minute of heavy load would end the task."""
    for number in range(50_000):
        metrics.request(route="/things", status=200, seconds=number / 1000)
    (latencies,) = metrics._requests.values()
    assert len(latencies._classes) <= 341


def test_makes_a_metric_for_a_route_and_not_for_a_path(metrics: EmfMetrics, lines: list[bytes]) -> None:
    """A user would pay 0.30 USD a month for each unneeded combination of dimensions."""
    with serve(metrics=metrics) as served:
        for path in ("/things/ab", "/things/zz", "/things/ABC", "/nothing", "/nothing/else", "/ping"):
            served.get(path)
        served.get("/things/ab", method="DELETE")
    written = emitted(metrics, lines)
    found = {(line["Route"], line["Status"]): line["Requests"] for line in written}
    assert found == {("/things/{id}", "2xx"): 1, ("/things/{id}", "4xx"): 3, ("(none)", "4xx"): 2}
    assert not re.search("nothing|ping", json.dumps(written))


@pytest.mark.parametrize("namespace", ["AWS/ECS", ":a", "a b", "a" * 256, "\u00fc"])
def test_refuses_a_namespace_that_cloudwatch_would(
    keyspaces_environment: dict[str, str], namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service would emit no metrics, and give no reason."""
    with pytest.raises(SystemExit):
        read_options("things", "Things", [], {**keyspaces_environment, "METRICS_NAMESPACE": namespace})
    assert "METRICS_NAMESPACE" in capsys.readouterr().err
    assert read_options("things", "Things", [], {**keyspaces_environment, "METRICS_NAMESPACE": "geo/query-api"})[
        1
    ].metrics_namespace


@pytest.fixture
def keyspaces_environment() -> dict[str, str]:
    return {"AWS_REGION": "us-east-1", "KEYSPACES_KEYSPACE": "k", "KEYSPACES_TABLE_THINGS": "t"}
