"""Which table to use and where it is: from the command line, else from the environment the platform sets."""

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CQL_PORT = 9142
_NAME = re.compile(r"[a-zA-Z0-9_]{1,48}")
_AMAZON_ROOTS = Path(__file__).with_name("keyspaces-bundle.pem")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A table. host, port: where Keyspaces is. ca_file: the only authorities trusted to say so."""

    region: str
    keyspace: str
    table: str
    host: str
    port: int
    ca_file: Path

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.table}"

    @property
    def cql_name(self) -> str:
        """The table as CQL writes it, case and all."""
        return f'"{self.keyspace}"."{self.table}"'


def add_target_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", "-r", help="AWS region (default: AWS_REGION)")
    parser.add_argument("--keyspace", "-k", help="keyspace (default: KEYSPACES_KEYSPACE)")
    parser.add_argument("--table", "-t", help="table (default: KEYSPACES_TABLE)")


def target_from(
    parser: argparse.ArgumentParser, options: argparse.Namespace, environment: Mapping[str, str] = os.environ
) -> Target:
    """Ends the program with a usage message when something is missing or malformed.

    KEYSPACES_ENDPOINT (`host:port`) and KEYSPACES_CA_FILE replace the region's public name and Amazon's roots.
    """

    def choose(option: str, variable: str) -> str:
        value = getattr(options, option) or environment.get(variable)
        if not value:
            parser.error(f"no {option}: give --{option} or set {variable}")
        return str(value)

    region = choose("region", "AWS_REGION")
    names = {}
    for option, variable in (("keyspace", "KEYSPACES_KEYSPACE"), ("table", "KEYSPACES_TABLE")):
        names[option] = choose(option, variable)
        if not _NAME.fullmatch(names[option]):
            parser.error(f"{option} {names[option]!r}: use 1 to 48 letters, digits and underscores")
    endpoint = environment.get("KEYSPACES_ENDPOINT") or f"cassandra.{region}.amazonaws.com:{_CQL_PORT}"
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"KEYSPACES_ENDPOINT is {endpoint!r}; it must be host:port")
    ca_file = Path(environment.get("KEYSPACES_CA_FILE") or _AMAZON_ROOTS)
    if not ca_file.is_file():
        parser.error(f"KEYSPACES_CA_FILE is {str(ca_file)!r}; there is no such file")
    return Target(region=region, host=host, port=int(port), ca_file=ca_file, **names)
