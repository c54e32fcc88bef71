"""The declared stack on this machine: `python -m local --help`."""

import argparse
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from declared.errors import LocalError
from local.processes import end_leftovers
from local.state import State
from local_keyspaces.faults import BadFaults, Faults, FaultsFile

_ROOT = Path(__file__).resolve().parent.parent
_DOWN_SECONDS = 90.0
_EXIT_SECONDS = 10.0  # once it has nothing more to stop


def main() -> int:
    options = _parser().parse_args()
    try:
        options.run(options, State(options.directory))
    except LocalError as error:
        print(f"local: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The declared stack on this machine.")
    parser.add_argument(
        "--directory", type=Path, default=_ROOT / ".local", help="where everything is kept (default: .local)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="run everything the Pulumi program declares, until Ctrl-C")
    up.add_argument("--detach", action="store_true", help="return once it is up; `down` stops it")
    up.add_argument("--port", type=_port, default=8080, help="of the load balancer on 127.0.0.1 (default: 8080)")
    up.add_argument("--stack", default="dev", help="whose settings to use (default: dev)")
    _add_fault_option(up)
    up.set_defaults(run=_up)

    keyspaces = commands.add_parser("keyspaces", help="run only a local Amazon Keyspaces, until Ctrl-C")
    keyspaces.add_argument("--port", type=_port, default=9142, help="of the endpoint on 127.0.0.1 (default: 9142)")
    keyspaces.add_argument("--region", type=_region, default="us-east-1", help="to be (default: us-east-1)")
    keyspaces.add_argument(
        "--policy", type=Path, metavar="FILE", help="IAM policy document of a role to sign in as, besides administrator"
    )
    keyspaces.add_argument(
        "--schema-delay",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="that DDL takes to have effect (default: 1)",
    )
    _add_fault_option(keyspaces)
    keyspaces.set_defaults(run=_keyspaces)

    faults = commands.add_parser(
        "faults", help="make the running Keyspaces suffer, or recover: faults throttle_reads=1"
    )
    faults.add_argument("faults", nargs="*", metavar="NAME=VALUE", help="those to be on; without any, what is on now")
    faults.add_argument("--off", action="store_true", help="switch all off")
    faults.set_defaults(run=_faults)

    status = commands.add_parser("status", help="what is running")
    status.set_defaults(run=_status)

    output = commands.add_parser("output", help="the stack's outputs, like `pulumi stack output`")
    output.add_argument("name", nargs="?", metavar="NAME")
    output.add_argument("--json", action="store_true")
    output.set_defaults(run=_output)

    logs = commands.add_parser("logs", help="what the tasks have written")
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="of one microservice (default: of all)")
    logs.add_argument("--follow", "-f", action="store_true", help="and go on as they write more")
    logs.set_defaults(run=_logs)

    cql = commands.add_parser("cql", help="run CQL, as administrator or as a role")
    cql.add_argument(
        "--profile", default="administrator", help="a role, such as query-api-task (default: administrator)"
    )
    cql.add_argument("statement", nargs="?", metavar="STATEMENT", help="default: statements from standard input")
    cql.set_defaults(run=_cql)

    down = commands.add_parser("down", help="stop everything; the data stays")
    down.set_defaults(run=_down)

    destroy = commands.add_parser("destroy", help="stop everything and delete the data")
    destroy.set_defaults(run=_destroy)
    return parser


def _add_fault_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=VALUE", help="to begin with; see docs/keyspaces.md"
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535; 0 is a free one")
    return int(text)


def _region(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no AWS region: give one such as us-east-1")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number of seconds from 0 to 3600")
    return seconds


def _read_faults(settings: list[str]) -> Faults:
    try:
        return Faults.parse(settings)
    except BadFaults as error:
        raise LocalError(str(error)) from None


def _up(options: argparse.Namespace, state: State) -> None:
    faults = _read_faults(options.fault)
    if options.detach:
        _up_detached(options, state)
        return
    from local.progress import Progress
    from local.stack import up

    up(_ROOT, state, stack=options.stack, port=options.port, faults=faults, progress=Progress())


def _keyspaces(options: argparse.Namespace, state: State) -> None:
    faults = _read_faults(options.fault)
    from local.alone import run_alone
    from local.progress import Progress

    run_alone(
        state,
        port=options.port,
        region=options.region,
        policy_file=options.policy,
        schema_delay=options.schema_delay,
        faults=faults,
        progress=Progress(),
    )


def _faults(options: argparse.Namespace, state: State) -> None:
    state.require_running()
    file = FaultsFile(state.faults)
    if options.faults and options.off:
        raise LocalError("--off switches all faults off; give it alone, or the faults that are to be on")
    if options.faults or options.off:
        file.write(_read_faults(options.faults))
    try:
        faults = file.read()
    except BadFaults as error:
        raise LocalError(str(error)) from None
    on = {name: value for name, value in dataclasses.asdict(faults).items() if value}
    print(" ".join(f"{name}={json.dumps(value)}" for name, value in on.items()) or "none are on")


def _up_detached(options: argparse.Namespace, state: State) -> None:
    if state.is_locked():
        raise LocalError(state.already_running)
    state.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_file = state.directory / "up.log"
    arguments = ["--directory", str(state.directory), "up", "--port", str(options.port), "--stack", options.stack]
    arguments += [argument for fault in options.fault for argument in ("--fault", fault)]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=_ROOT,
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
                raise LocalError(f"it did not come up; what it said is in {log_file}")
            if running is not None and running.ready:
                return
            time.sleep(0.2)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _status(_: argparse.Namespace, state: State) -> None:
    running = state.running()
    if running is None:
        print("starting" if state.is_locked() else "not running")
        return
    print(f"stack {running.stack}: {'running' if running.ready else 'starting'} (process {running.pid})")
    for name, status in running.status.items():
        print(f"  {name}: {status}")
    if running.ready:
        print(f"  Keyspaces endpoint: localhost:{running.keyspaces_port}, CA file {state.keyspaces / 'ca.pem'}")


def _output(options: argparse.Namespace, state: State) -> None:
    running = state.require_running()
    if not running.ready:
        raise LocalError("the stack is still starting and has no outputs yet")
    if options.name is None:
        chosen = running.outputs
    elif options.name in running.outputs:
        chosen = running.outputs[options.name]
    else:
        raise LocalError(f"there is no output {options.name!r}; there are {', '.join(running.outputs)}")
    if options.json or (options.name is not None and not isinstance(chosen, str)):
        print(json.dumps(chosen, indent=2))
    elif options.name is not None:
        print(chosen)
    else:
        print(*running.output_lines(), sep="\n")


def _logs(options: argparse.Namespace, state: State) -> None:
    from local.logs import print_logs

    print_logs(state.logs, options.service, follow=options.follow)


def _cql(options: argparse.Namespace, state: State) -> None:
    from local.cql import run

    run(state, options.statement, options.profile)


def _down(_: argparse.Namespace, state: State) -> None:
    running = state.running()
    if running is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while state.is_locked():
        if time.monotonic() > deadline:
            raise LocalError(f"process {running.pid if running else '?'} does not end; end it with kill -9, then again")
        time.sleep(0.1)
    if running is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(running.pid).wait(_EXIT_SECONDS)
    ended = end_leftovers(state.processes)
    if running is None and not ended:
        print("nothing was running")
    else:
        print("stopped" + (f", and what was left over: {', '.join(ended)}" if ended else ""))


def _destroy(options: argparse.Namespace, state: State) -> None:
    _down(options, state)
    for directory in (state.data, state.logs, state.keyspaces, state.secrets):
        shutil.rmtree(directory, ignore_errors=True)
    print("deleted the data")


if __name__ == "__main__":
    sys.exit(main())
