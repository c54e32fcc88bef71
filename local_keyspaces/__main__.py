"""A local Amazon Keyspaces: `python -m local_keyspaces --help`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_keyspaces.command_line import (
    add_capacity_options,
    add_cql_arguments,
    add_fault_option,
    add_faults_arguments,
    capacity_clock,
    change_faults,
    parse_faults,
    port_number,
    region_name,
    seconds,
)
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.meter_report import add_meter_arguments, print_meter
from local_keyspaces.state import Running, State
from local_keyspaces.verdict import GIVEN, NOT_READY

_PROGRAM = "python -m local_keyspaces"


def main() -> int:
    arguments = sys.argv[1:]
    separator = arguments.index("--") if "--" in arguments else len(arguments)
    own, command = arguments[:separator], arguments[separator + 1 :]
    wants_verdict = any(each.split("=")[0] == "--verdict" for each in own)
    options = _verdict_parser().parse_args(own) if wants_verdict else _parser().parse_args(arguments)
    try:
        if wants_verdict:
            return _verdict(options, command)
        options.run(options, State(options.directory, stop="Ctrl-C"))
    except LocalKeyspacesError as error:
        print(f"local_keyspaces: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as `head`, closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="A local Amazon Keyspaces.",
        epilog=f"{_PROGRAM} --verdict FILE -- COMMAND judges whether a program is ready for the service; {_PROGRAM}"
        " --verdict FILE --help lists its options.",
    )
    _add_directory(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the endpoint until Ctrl-C")
    _add_run_options(run, port=9142)
    run.set_defaults(run=_run)

    faults = commands.add_parser("faults", help="inject faults into the running endpoint: faults throttle_reads=1")
    add_faults_arguments(faults)
    faults.set_defaults(run=_faults)

    meter = commands.add_parser(
        "meter", help="show the consumed capacity units by table, role, statement and partition"
    )
    add_meter_arguments(meter)
    meter.set_defaults(run=_meter)

    cql = commands.add_parser("cql", help="run CQL, as administrator or as a role")
    add_cql_arguments(cql)
    cql.set_defaults(run=_cql)
    return parser


def _verdict_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} --verdict FILE [OPTIONS] -- COMMAND [ARGUMENT ...]",
        description="Run a program's own tests against an empty local Keyspaces, and judge whether it is ready for the"
        " service: refused statements, connection settings, consumption.",
        epilog=f"Exit code: the command's own if it is not 0; else {NOT_READY} if the program is not ready, else 0."
        f" The command gets {', '.join(GIVEN)}.",
    )
    _add_directory(parser)
    parser.add_argument(
        "--verdict",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the report to write: JSON if its name ends in .json, else HTML; may be given several times",
    )
    _add_run_options(parser, port=0)
    return parser


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--directory", type=Path, default=Path(".local"), help="where all data is kept (default: .local)"
    )


def _add_run_options(parser: argparse.ArgumentParser, *, port: int) -> None:
    free = "; 0 takes a free port" if port == 0 else ""
    parser.add_argument(
        "--port", type=port_number, default=port, help=f"port of the endpoint on 127.0.0.1 (default: {port}{free})"
    )
    parser.add_argument(
        "--region", type=region_name, default="us-east-1", help="AWS Region to imitate (default: us-east-1)"
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="IAM policy document of one more role, in addition to administrator"
    )
    parser.add_argument(
        "--schema-delay",
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="time until DDL takes effect (default: 1)",
    )
    add_fault_option(parser)
    add_capacity_options(parser)


def _run(options: argparse.Namespace, state: State) -> None:
    faults, clock = parse_faults(options.fault), capacity_clock(options)
    # Imported here, so that the other commands start fast.
    from local_keyspaces.progress import Progress
    from local_keyspaces.standalone import run_standalone

    run_standalone(
        state,
        port=options.port,
        region=options.region,
        policy_file=options.policy,
        schema_delay=options.schema_delay,
        faults=faults,
        progress=Progress(),
        capacity_clock=clock,
    )


def _verdict(options: argparse.Namespace, command: Sequence[str]) -> int:
    faults, clock = parse_faults(options.fault), capacity_clock(options)
    from local_keyspaces.progress import Progress
    from local_keyspaces.verdict.run import run_verdict

    return run_verdict(
        options.directory.absolute(),
        command,
        reports=options.verdict,
        port=options.port,
        region=options.region,
        policy_file=options.policy,
        schema_delay=options.schema_delay,
        faults=faults,
        progress=Progress(sys.stderr),
        capacity_clock=clock,
    )


def _faults(options: argparse.Namespace, state: State) -> None:
    _require_running(state)
    change_faults(state, options.faults, off=options.off)


def _meter(options: argparse.Namespace, state: State) -> None:
    _require_running(state)
    print_meter(state, as_json=options.json)


def _cql(options: argparse.Namespace, state: State) -> None:
    running = _require_running(state)
    from local_keyspaces.shell import run_shell

    run_shell(state, running, options.statement, options.profile)


def _require_running(state: State) -> Running:
    running = state.running()
    if running is None:
        raise LocalKeyspacesError(f"nothing is running in {state.directory}; `run` starts it")
    return running


if __name__ == "__main__":
    sys.exit(main())
