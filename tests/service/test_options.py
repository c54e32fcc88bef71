"""The API's settings: good and bad values of every variable, compared with docs/service.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from service.options import Options, Traces, read_options
from tests.processes import ROOT

TARGET = {"AWS_REGION": "us-east-1", "KEYSPACES_KEYSPACE": "k", "KEYSPACES_TABLE_THINGS": "t"}
_DOCUMENT = (ROOT / "docs" / "service.md").read_text()
_ROWS = re.findall(r"^\| `([A-Z_]+)` \| (.*) \| (.*) \| (.*) \|$", _DOCUMENT, re.MULTILINE)
_RANGES = {name: re.fullmatch(r"(\d+) to (\d+)", values) for name, values, _, _ in _ROWS}


class Asked(Mapping[str, str]):
    """An environment that records the variables that are read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.names = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def _options(**variables: str) -> Options:
    return read_options("things", "Things", [], {**TARGET, **variables})[1]


def _refusal(capsys: pytest.CaptureFixture[str], *arguments: str, **variables: str) -> str:
    with pytest.raises(SystemExit) as ended:
        read_options("things", "Things", list(arguments), {**TARGET, **variables})
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("PORT", "81", "port", 81),
        ("CURSOR_KEY", "k" * 32, "cursor_key", b"k" * 32),
        ("CURSOR_KEY", "é" * 16, "cursor_key", "é".encode() * 16),
        ("CACHE_MAX_AGE", "60", "cache_max_age", 60),
        ("SHARE_READS", "false", "share_reads", False),
        ("SHARE_READS", "true", "share_reads", True),
        ("READ_CACHE_SECONDS", "5", "read_cache", 5),
        ("TRUSTED_PROXIES", "10.0.0.0/16, fd00::/8", "trusted_proxies", ("10.0.0.0/16", "fd00::/8")),
        ("DEADLINE_SECONDS", "3", "deadline", 3),
        ("MAX_CONCURRENCY", "1", "concurrency", 1),
        ("DRAIN_SECONDS", "0", "drain", 0),
        ("SCHEMA_CHANGE_SECONDS", "0", "schema_change", 0),
        ("METRICS_NAMESPACE", "Team/Things", "metrics_namespace", "Team/Things"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "https://xray.eu-west-1.amazonaws.com/v1/traces",
            "traces",
            Traces(endpoint="https://xray.eu-west-1.amazonaws.com/v1/traces", service="things", ratio=1.0, signed=True),
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://xray.eu-west-1.amazonaws.com.example.com:4318/v1/traces",
            "traces",
            Traces(
                endpoint="http://xray.eu-west-1.amazonaws.com.example.com:4318/v1/traces",
                service="things",
                ratio=1.0,
                signed=False,
            ),
        ),
    ],
)
def test_reads_a_variable(name: str, text: str, field: str, value: object) -> None:
    """An operator's setting would have no effect."""
    assert getattr(_options(**{name: text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("PORT", "0", "use 1 to 65535"),
        ("PORT", "http", "use 1 to 65535"),
        ("CACHE_MAX_AGE", "-1", "use 0 to 31536000 seconds"),
        ("CACHE_MAX_AGE", "9" * 5000, "use 0 to 31536000 seconds"),
        ("CACHE_MAX_AGE", "٣", "use 0 to 31536000 seconds"),
        ("SHARE_READS", "yes", "use true or false"),
        ("READ_CACHE_SECONDS", "1.5", "use 0 to 3600 seconds"),
        ("TRUSTED_PROXIES", "10.0.0.1/16", "use CIDRs"),
        ("TRUSTED_PROXIES", "*", "use CIDRs"),
        ("DEADLINE_SECONDS", "0", "use 1 to 55 seconds"),
        ("MAX_CONCURRENCY", "none", "use 1 to 10000 requests"),
        ("DRAIN_SECONDS", "61", "use 0 to 60 seconds"),
        ("METRICS_NAMESPACE", "AWS/ECS", "not with AWS/"),
        ("METRICS_NAMESPACE", ":", "beginning with a letter"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318", "begins with https:// or http://"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "use otlp or none"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "use a number from 0 to 1"),
    ],
)
def test_refuses_a_value_in_one_sentence(capsys: pytest.CaptureFixture[str], name: str, text: str, advice: str) -> None:
    """A task would start with half of its settings, and the mistake would be found much later."""
    refusal = _refusal(capsys, **{name: text})
    assert refusal.startswith(f"things: error: {name} is ")
    assert advice in refusal
    assert len(refusal) < 300


def test_refuses_a_short_key_without_telling_it(capsys: pytest.CaptureFixture[str]) -> None:
    """An attacker with one cursor could find a short key by trying, or could read the key in the log."""
    refusal = _refusal(capsys, CURSOR_KEY="hunter2")
    assert refusal == "things: error: CURSOR_KEY has 7 bytes; use 32 or more, at random"


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [("--port", "x", "use 1 to 65535"), ("--startup-timeout", "nan", "use 0 to 3600 seconds")],
)
def test_refuses_an_option_in_one_sentence(
    capsys: pytest.CaptureFixture[str], option: str, value: str, advice: str
) -> None:
    """A task would start with half of the command line's settings."""
    assert _refusal(capsys, option, value) == f"things: error: {option} is {value!r}; {advice}"


def test_prefers_the_command_line() -> None:
    """An option on the command line would have no effect beside a variable."""
    environment = {**TARGET, "HOST": "127.0.0.1", "PORT": "81"}
    arguments = ["--host", "127.0.0.2", "-p", "82", "--startup-timeout", "3"]
    options = read_options("things", "Things", arguments, environment)[1]
    assert (options.host, options.port, options.startup_timeout) == ("127.0.0.2", 82, 3)


def test_documents_the_variables_there_are() -> None:
    """An option would be undocumented, or a documented one would not exist."""
    asked = Asked(TARGET)
    read_options("things", "Things", [], asked)
    assert len(_ROWS) == len({name for name, *_ in _ROWS})
    asked.names.remove("KEYSPACES_TABLE_THINGS")
    assert {name for name, *_ in _ROWS} == asked.names


@pytest.mark.parametrize(("name", "default"), [(name, default) for name, _, default, _ in _ROWS])
def test_documents_a_parameters_default(name: str, default: str) -> None:
    """The table would state other values than the program has."""
    if default not in ("none", "required", "the region's", "Amazon's roots"):
        assert _options(**{name: default}) == _options()


@pytest.mark.parametrize("name", [name for name, found in _RANGES.items() if found])
def test_documents_a_parameters_range(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A value within the documented range would be refused."""
    found = _RANGES[name]
    assert found
    low, high = int(found[1]), int(found[2])
    assert _options(**{name: str(low)}) != _options(**{name: str(high)})
    for beyond in (low - 1, high + 1):
        assert f"{name} is '{beyond}'; use {low} to {high}" in _refusal(capsys, **{name: str(beyond)})


def test_documents_the_command_lines_options(capsys: pytest.CaptureFixture[str]) -> None:
    """The documentation would lack an option, or name one that does not exist."""
    with pytest.raises(SystemExit):
        read_options("things", "Things", ["--help"], {})
    there = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"^\| `(?:-\w, )?(--[a-z-]+)`", _DOCUMENT, re.MULTILINE)) == there


def test_has_a_default_for_each_option() -> None:
    """Tests and benchmarks would run with other options than the program."""
    program, made = _options(), Options()
    differing: dict[str, Any] = {
        field.name: getattr(program, field.name)
        for field in fields(Options)
        if getattr(program, field.name) != getattr(made, field.name)
    }
    assert differing == {"host": "0.0.0.0"}  # in a container everyone, in a test nobody
