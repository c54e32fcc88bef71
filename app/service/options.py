"""The service's options, from its command line and environment, checked at once."""

import argparse
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from keyspaces.target import Target, add_target_options, target_from
from service.cursors import KEY_LENGTH

T = TypeVar("T")

_EVERYWHERE = "0.0.0.0"  # noqa: S104  # in a container, whose security group restricts the clients

# CloudWatch, "PutMetricData"; AWS/ is for AWS's own.
_NAMESPACE = re.compile(r"(?!AWS/)[A-Za-z][A-Za-z0-9._/#-]{0,254}")


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Options of tracing. endpoint: a receiver of OTLP over HTTP. service: the service's name in each span.

    ratio: the sampled share of the traces that begin here, 0 to 1. signed: exports are signed with SigV4.
    """

    endpoint: str
    service: str
    ratio: float
    signed: bool


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a service; docs/service.md describes each.

    host, port: the address to listen on. startup_timeout: seconds until the table must be readable. cursor_key: signs
    cursors; None for a random key of this process. cache_max_age: seconds for which clients may cache an answer.
    share_reads, read_cache: see `service.coalescing`. trusted_proxies: CIDRs whose X-Forwarded headers are trusted.
    deadline: seconds for one request. concurrency: requests that use the database at the same time. drain: seconds for
    which the task accepts requests after SIGTERM. schema_change: seconds within which the task ends after columns were
    added to its table. metrics_namespace: in CloudWatch; empty for no metrics. traces: None for no tracing.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    startup_timeout: float = 90.0
    cursor_key: bytes | None = None
    cache_max_age: int = 0
    share_reads: bool = True
    read_cache: float = 0.0
    trusted_proxies: tuple[str, ...] = ()
    deadline: float = 10.0
    concurrency: int = 100
    drain: float = 5.0
    schema_change: float = 300.0
    metrics_namespace: str = ""
    traces: Traces | None = None


def read_options(
    program: str,
    description: str,
    arguments: list[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Target, Options]:
    """Reads the options. A missing or malformed one ends the program with a usage message that names it.

    program, description: the program's name and description in `--help`.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    add_target_options(parser)
    parser.add_argument("--host", help="default: HOST, else 0.0.0.0")
    parser.add_argument("--port", "-p", help="default: PORT, else 8080")
    parser.add_argument(
        "--startup-timeout", default="90", metavar="SECONDS", help="until the table must be readable (default: 90)"
    )
    given = parser.parse_args(arguments)
    target = target_from(parser, given, environment)

    def checked(what: str, text: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(text)
        except ValueError as error:
            parser.error(f"{what} is {text[:100]!r}; {error}")

    def variable(name: str, parse: Callable[[str], T], default: T) -> T:
        text = environment.get(name)
        return checked(name, text, parse) if text else default

    port = _whole(1, 65_535)
    options = Options(
        host=given.host or environment.get("HOST") or _EVERYWHERE,
        port=checked("--port", given.port, port) if given.port else variable("PORT", port, 8080),
        startup_timeout=checked("--startup-timeout", given.startup_timeout, _whole(0, 3_600, "seconds")),
        cursor_key=_key(parser, environment.get("CURSOR_KEY", "")),
        cache_max_age=variable("CACHE_MAX_AGE", _whole(0, 31_536_000, "seconds"), 0),
        share_reads=variable("SHARE_READS", _truth, True),
        read_cache=variable("READ_CACHE_SECONDS", _whole(0, 3_600, "seconds"), 0),
        trusted_proxies=variable("TRUSTED_PROXIES", _cidrs, ()),
        deadline=variable("DEADLINE_SECONDS", _whole(1, 55, "seconds"), 10),
        concurrency=variable("MAX_CONCURRENCY", _whole(1, 10_000, "requests"), 100),
        drain=variable("DRAIN_SECONDS", _whole(0, 60, "seconds"), 5),
        schema_change=variable("SCHEMA_CHANGE_SECONDS", _whole(0, 3_600, "seconds"), 300),
        metrics_namespace=variable("METRICS_NAMESPACE", _namespace, ""),
        traces=_traces(variable, environment.get("OTEL_SERVICE_NAME") or program),
    )
    return target, options


def _whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"use {low} to {high}{unit and ' '}{unit}")
        return int(text)

    return parse


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("use true or false")
    return text == "true"


def _cidrs(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(cidr.strip())) for cidr in text.split(","))
    except ValueError:
        raise ValueError("use CIDRs without host bits, separated by commas, such as 10.0.0.0/16") from None


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("use up to 255 letters, digits and . - _ / #, beginning with a letter, and not with AWS/")
    return text


def _traces(variable: Callable[[str, Callable[[str], Any], Any], Any], service: str) -> Traces | None:
    """Reads OpenTelemetry's standard variables, which its libraries read in other languages, too."""
    exporter = variable("OTEL_TRACES_EXPORTER", _exporter, "otlp")
    endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", _url, None)
    ratio = variable("OTEL_TRACES_SAMPLER_ARG", _ratio, 1.0)
    if endpoint is None or exporter == "none":
        return None
    # Signed only for X-Ray: a signed request contains the session token, which no other endpoint may see.
    signed = re.fullmatch(r"xray\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", urlsplit(endpoint).hostname or "") is not None
    return Traces(endpoint=endpoint, service=service, ratio=ratio, signed=signed)


def _exporter(text: str) -> str:
    if text not in ("otlp", "none"):
        raise ValueError("use otlp or none")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("use an address that begins with https:// or http://")
    return text


def _ratio(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", text) or float(text) > 1:
        raise ValueError("use a number from 0 to 1")
    return float(text)


def _key(parser: argparse.ArgumentParser, text: str) -> bytes | None:
    """The cursor key. The error message does not contain the key."""
    key = os.fsencode(text)
    if key and len(key) < KEY_LENGTH:
        parser.error(f"CURSOR_KEY has {len(key)} bytes; use {KEY_LENGTH} or more, at random")
    return key or None
