"""The declared stack on this machine: `python -m local --help`."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from declared.errors import ProgramError
from local.asking import ask
from local.errors import LocalError
from local.reading_commands import add_reading_commands
from local.state import StackState
from local_keyspaces.command_line import (
    add_capacity_options,
    add_cql_arguments,
    add_fault_option,
    add_faults_arguments,
    capacity_arguments,
    capacity_clock,
    change_faults,
    parse_faults,
    port_number,
)
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.meter_report import summary
from local_keyspaces.processes import end_leftovers

_DOWN_SECONDS = 90.0
_EXIT_SECONDS = 10.0  # after it has stopped everything else


def main() -> int:
    options = _parser().parse_args()
    try:
        return options.run(options, StackState(options.directory)) or 0
    except (LocalError, LocalKeyspacesError, ProgramError) as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as `head`, closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The declared stack on this machine.")
    parser.add_argument(
        "--directory", type=Path, default=Path(".local"), help="where all data is kept (default: .local)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="run everything that the Pulumi program declares, until Ctrl-C")
    up.add_argument(
        "--program", type=Path, default=Path(), metavar="FOLDER", help="of the Pulumi program (default: this folder)"
    )
    up.add_argument("--detach", action="store_true", help="return when the stack runs; `down` stops it")
    up.add_argument(
        "--port", type=port_number, default=8080, help="port of the load balancer on 127.0.0.1 (default: 8080)"
    )
    up.add_argument("--stack", default="dev", help="the stack whose settings are used (default: dev)")
    add_fault_option(up)
    add_capacity_options(up)
    up.set_defaults(run=_up)

    faults = commands.add_parser("faults", help="inject faults into the running Keyspaces: faults throttle_reads=1")
    add_faults_arguments(faults)
    faults.set_defaults(run=_faults)

    status = commands.add_parser("status", help="show the running stack and its tasks")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)

    output = commands.add_parser("output", help="show the stack's outputs, like `pulumi stack output`")
    output.add_argument("name", nargs="?", metavar="NAME")
    output.add_argument("--json", action="store_true")
    output.set_defaults(run=_output)

    run = commands.add_parser(
        "run", help="run a scheduled task or a task that runs once; exits with the task's exit code"
    )
    run.add_argument("name", metavar="NAME", help="name of the microservice")
    run.add_argument(
        "--program", type=Path, default=Path(), metavar="FOLDER", help="of the Pulumi program (default: this folder)"
    )
    run.set_defaults(run=_run)

    add_reading_commands(commands)

    console = commands.add_parser("console", help="show the address of the console, for a browser on this machine")
    console.set_defaults(run=_console)

    permissions = commands.add_parser(
        "permissions", help="show each role's permissions and their use; exits with 1 if one was unused or missing"
    )
    permissions.add_argument(
        "--program", type=Path, default=Path(), metavar="FOLDER", help="of the Pulumi program (default: this folder)"
    )
    permissions.add_argument("--json", action="store_true")
    permissions.set_defaults(run=_permissions)

    cql = commands.add_parser("cql", help="run CQL, as administrator or as a role")
    add_cql_arguments(cql)
    cql.set_defaults(run=_cql)

    bulk = commands.add_parser("bulk", help="run a declared bulk load from a file or folder of this machine, by Spark")
    bulk.add_argument("name", metavar="NAME")
    bulk.add_argument("source", type=Path, metavar="FILE")
    bulk.add_argument(
        "--program", type=Path, default=Path(), metavar="FOLDER", help="of the Pulumi program (default: this folder)"
    )
    bulk.set_defaults(run=_bulk)

    down = commands.add_parser("down", help="stop everything and keep the data")
    down.set_defaults(run=_down)

    destroy = commands.add_parser("destroy", help="stop everything and delete the data")
    destroy.set_defaults(run=_destroy)
    return parser


def _up(options: argparse.Namespace, state: StackState) -> None:
    faults, clock = parse_faults(options.fault), capacity_clock(options)
    if options.detach:
        _up_detached(options, state)
        return
    from local.stack import up
    from local_keyspaces.progress import Progress

    up(
        options.program.resolve(),
        state,
        stack=options.stack,
        port=options.port,
        faults=faults,
        progress=Progress(),
        capacity_clock=clock,
    )


def _faults(options: argparse.Namespace, state: StackState) -> None:
    state.require_running()
    change_faults(state, options.faults, off=options.off)


def _up_detached(options: argparse.Namespace, state: StackState) -> None:
    if state.is_locked():
        raise LocalError(state.already_running)
    state.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_file = state.directory / "up.log"
    arguments = ["--directory", str(state.directory), "up", "--program", str(options.program)]
    arguments += ["--port", str(options.port), "--stack", options.stack]
    arguments += [argument for fault in options.fault for argument in ("--fault", fault)]
    arguments += capacity_arguments(options)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    shown = 0
    try:
        while True:
            ended = process.poll() is not None
            running = state.running()
            with log_file.open() as lines:
                lines.seek(shown)
                print(lines.read(), end="", flush=True)
                shown = lines.tell()
            if ended:
                raise LocalError(f"the stack did not start; its output is in {log_file}")
            if running is not None and running.ready:
                return
            time.sleep(0.2)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _status(options: argparse.Namespace, state: StackState) -> None:
    running = state.running()
    if options.json:
        ready = running is not None and running.console
        print(json.dumps(ask(running, "status") if running and ready else {"ready": False}, indent=2))
        return
    if running is None:
        print("starting" if state.is_locked() else "not running")
        return
    print(f"stack {running.stack}: {'running' if running.ready else 'starting'} (process {running.pid})")
    for name, status in running.status.items():
        print(f"  {name}: {status}")
    if running.ready:
        print(f"  Keyspaces endpoint: localhost:{running.keyspaces_port}, CA file {state.keyspaces / 'ca.pem'}")
        print(f"  credentials of administrator and each role, with keys and a password: {state.profiles}")
        print(f"  consumed: {summary(state)}")


def _output(options: argparse.Namespace, state: StackState) -> None:
    running = state.require_running()
    if not running.ready:
        raise LocalError("the stack is still starting and has no outputs yet")
    if options.name is None:
        chosen = running.outputs
    elif options.name in running.outputs:
        chosen = running.outputs[options.name]
    else:
        raise LocalError(f"there is no output {options.name!r}; the outputs are {', '.join(running.outputs)}")
    if options.json or (options.name is not None and not isinstance(chosen, str)):
        print(json.dumps(chosen, indent=2))
    elif options.name is not None:
        print(chosen)
    else:
        print(*running.output_lines(), sep="\n")


def _run(options: argparse.Namespace, state: StackState) -> int:
    running = state.require_running()
    if not running.ready:
        raise LocalError("the stack is still starting")
    from local.by_hand import run_by_hand
    from local.evaluation import Evaluation

    declared = Evaluation(options.program.resolve(), running.stack, "127.0.0.1").run()
    return run_by_hand(options.name, declared.stack, state, running)


def _console(_: argparse.Namespace, state: StackState) -> None:
    print(state.require_running().console)


def _permissions(options: argparse.Namespace, state: StackState) -> int:
    running = state.require_running()
    from local.evaluation import Evaluation
    from local.permissions import uses
    from local_keyspaces.metered import read_totals

    declared = Evaluation(options.program.resolve(), running.stack, "127.0.0.1").run()
    found = uses(declared.stack, running.region, read_totals(state.keyspaces)["permissions"])
    if options.json:
        print(json.dumps({each.role: each.as_json() for each in found}, indent=2))
    else:
        print(*(line for each in found for line in each.lines()), sep="\n")
    return int(any(each.unused or each.refused for each in found))


def _bulk(options: argparse.Namespace, state: StackState) -> None:
    running = state.require_running()
    from local.bulk import become_bulk_load
    from local.evaluation import Evaluation

    declared = Evaluation(options.program.resolve(), running.stack, "127.0.0.1").run()
    loads = {load.name: load for load in declared.stack.bulk_loads}
    if options.name not in loads:
        raise LocalError(f"there is no bulk load {options.name!r}; the bulk loads are {', '.join(loads) or 'none'}")
    become_bulk_load(loads[options.name], options.source, state, running)


def _cql(options: argparse.Namespace, state: StackState) -> None:
    running = state.require_running()
    from local_keyspaces.shell import run_shell

    run_shell(state, running, options.statement, options.profile)


def _down(_: argparse.Namespace, state: StackState) -> None:
    running = state.running()
    if running is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while state.is_locked():
        if time.monotonic() > deadline:
            raise LocalError(f"process {running.pid if running else '?'} does not end; use kill -9, and try again")
        time.sleep(0.1)
    if running is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(running.pid).wait(_EXIT_SECONDS)
    ended = end_leftovers(state.processes)
    if running is None and not ended:
        print("nothing was running")
    else:
        print("stopped" + (f", and processes of an earlier run: {', '.join(ended)}" if ended else ""))


def _destroy(options: argparse.Namespace, state: StackState) -> None:
    _down(options, state)
    for directory in (state.data, state.logs, state.keyspaces, state.secrets):
        shutil.rmtree(directory, ignore_errors=True)
    state.measured.unlink(missing_ok=True)
    print("deleted the data")


if __name__ == "__main__":
    sys.exit(main())
