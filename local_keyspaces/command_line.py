"""Command-line options of every program that runs a local Keyspaces."""

import argparse
import dataclasses
import json
import re
import time
from collections.abc import Sequence

from local_keyspaces.capacity import Clock
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.faults import BadFaults, Faults, FaultsFile
from local_keyspaces.profiles import ADMINISTRATOR
from local_keyspaces.state import State


def add_fault_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a fault to start with; see docs/keyspaces.md",
    )


def add_capacity_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--capacity",
        choices=("off", "real"),
        default="off",
        help="real: throttle requests beyond the capacity of a partition, table or connection (default: off)",
    )
    parser.add_argument(
        "--capacity-speed",
        type=speed,
        metavar="N",
        help="with --capacity real, simulated seconds in one real second (default: 1)",
    )


def capacity_clock(options: argparse.Namespace) -> Clock | None:
    """None if capacity is not enforced. Raises LocalKeyspacesError."""
    if options.capacity == "off":
        if options.capacity_speed is not None:
            raise LocalKeyspacesError("--capacity-speed has no effect alone: give --capacity real, too")
        return None
    faster = options.capacity_speed or 1.0
    return lambda: time.monotonic() * faster


def capacity_arguments(options: argparse.Namespace) -> Sequence[str]:
    """The same options, as arguments for another process."""
    speed_given = options.capacity_speed is not None
    return ["--capacity", options.capacity, *(["--capacity-speed", str(options.capacity_speed)] if speed_given else [])]


def add_faults_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "faults",
        nargs="*",
        metavar="NAME=VALUE",
        help="the faults to switch on; without any, show the faults that are on",
    )
    parser.add_argument("--off", action="store_true", help="switch all faults off")


def add_cql_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default=ADMINISTRATOR, help=f"the role to sign in as (default: {ADMINISTRATOR})")
    parser.add_argument("statement", nargs="?", metavar="STATEMENT", help="default: statements from standard input")


def port_number(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535; 0 takes a free port")
    return int(text)


def region_name(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no AWS region: give one such as us-east-1")
    return text


def seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of seconds from 0 to 3600")
    return number


def speed(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0.01 <= number <= 10_000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no speed: give a number from 0.01 to 10000; 60 simulates an hour in a minute"
        )
    return number


def parse_faults(settings: Sequence[str]) -> Faults:
    """Raises LocalKeyspacesError."""
    try:
        return Faults.parse(list(settings))
    except BadFaults as error:
        raise LocalKeyspacesError(str(error)) from None


def change_faults(state: State, settings: Sequence[str], *, off: bool) -> None:
    """Switches faults on or off and prints those that are on. Raises LocalKeyspacesError."""
    if settings and off:
        raise LocalKeyspacesError("--off switches all faults off; give it alone, or the faults that are to be on")
    file = FaultsFile(state.faults)
    if settings or off:
        file.write(parse_faults(settings))
    try:
        faults = file.read()
    except BadFaults as error:
        raise LocalKeyspacesError(str(error)) from None
    on = {name: value for name, value in dataclasses.asdict(faults).items() if value}
    print(" ".join(f"{name}={json.dumps(value)}" for name, value in on.items()) or "no faults are on")
