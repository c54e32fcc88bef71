"""The address of Keyspaces and the program's tables, from environment variables that the platform sets."""

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TABLE_VARIABLE: Final = "KEYSPACES_TABLE_"
"""Prefix of the variables that name tables: KEYSPACES_TABLE_ORDERS names the table that a program calls orders."""

_CQL_PORT = 9142
_NAME = re.compile(r"[a-zA-Z0-9_]{1,48}")
_AMAZON_ROOTS = Path(__file__).with_name("keyspaces-bundle.pem")


class UnknownTable(Exception):
    """The environment names no table by this name; the message says which variable to set."""


@dataclass(frozen=True, slots=True)
class QualifiedName:
    keyspace: str
    name: str

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.name}"

    @property
    def in_cql(self) -> str:
        """The name with quotes, since CQL changes an unquoted name to lower case."""
        return f'"{self.keyspace}"."{self.name}"'


@dataclass(frozen=True, kw_only=True)
class Target:
    """A keyspace. host, port: Keyspaces' address. ca_file: certificates of the only authorities that are trusted.

    tables: names in the keyspace, by the program's name for each table.
    """

    region: str
    keyspace: str
    host: str
    port: int
    ca_file: Path
    tables: Mapping[str, str]

    def __str__(self) -> str:
        return f"keyspace {self.keyspace} at {self.host}:{self.port}"

    def table(self, name: str) -> QualifiedName:
        """Raises UnknownTable."""
        if name not in self.tables:
            raise UnknownTable(f"there is no table {name!r}: set {variable_of(name)} to the table's name")
        return QualifiedName(self.keyspace, self.tables[name])


def variable_of(table: str) -> str:
    """The variable that names a table."""
    return f"{TABLE_VARIABLE}{table.upper()}"


def add_target_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--region", "-r", help="AWS region (default: AWS_REGION)")
    parser.add_argument("--keyspace", "-k", help="keyspace (default: KEYSPACES_KEYSPACE)")
    parser.add_argument(
        "--table",
        "-t",
        action="append",
        default=[],
        metavar="NAME=TABLE",
        help=f"a table by the program's name for it (default: {TABLE_VARIABLE}NAME)",
    )


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

    def checked(what: str, name: str) -> str:
        if not _NAME.fullmatch(name):
            parser.error(f"{what} {name!r}: use 1 to 48 letters, digits and underscores")
        return name

    region = choose("region", "AWS_REGION")
    keyspace = checked("keyspace", choose("keyspace", "KEYSPACES_KEYSPACE"))
    tables = {
        variable.removeprefix(TABLE_VARIABLE).lower(): checked(variable, name)
        for variable, name in environment.items()
        if variable.startswith(TABLE_VARIABLE)
    }
    for given in options.table:
        name, equals, table = given.partition("=")
        if not equals:
            parser.error(f"--table {given!r}: use NAME=TABLE, such as orders=orders_2026")
        tables[name] = checked("table", table)
    # Keyspaces developer guide, "Service endpoints for Amazon Keyspaces"; GovCloud's names end like those of `aws`.
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = environment.get("KEYSPACES_ENDPOINT") or f"cassandra.{region}.{suffix}:{_CQL_PORT}"
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"KEYSPACES_ENDPOINT is {endpoint!r}; it must be host:port")
    ca_file = Path(environment.get("KEYSPACES_CA_FILE") or _AMAZON_ROOTS)
    if not ca_file.is_file():
        parser.error(f"KEYSPACES_CA_FILE is {str(ca_file)!r}; there is no such file")
    return Target(region=region, keyspace=keyspace, host=host, port=int(port), ca_file=ca_file, tables=tables)
