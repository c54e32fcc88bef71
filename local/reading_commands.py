"""The commands with the console's functions: logs, requests, meter, describe, deploy, restart, stop."""

import argparse
import json
from typing import Any

from local.asking import ask, log_lines
from local.errors import LocalError
from local.logs import print_logs
from local.state import StackState
from local_keyspaces.meter_report import add_meter_arguments, print_meter


def add_reading_commands(commands: "argparse._SubParsersAction[Any]") -> None:
    logs = commands.add_parser("logs", help="show the tasks' output")
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="one microservice (default: all)")
    logs.add_argument("--follow", "-f", action="store_true", help="also show new lines, until Ctrl-C")
    logs.add_argument("--json", action="store_true", help="print the newest lines as JSON objects, one a line")
    logs.add_argument("--task", default="", help="only the lines of one task, by its id")
    logs.add_argument("--level", default="", help="the lowest level, such as WARNING")
    logs.add_argument("--request", default="", metavar="ID", help="only the lines of one request")
    logs.add_argument("--text", default="", help="only lines with this text, case-insensitive")
    logs.add_argument("--most", type=_count, default=300, metavar="N", help="the most lines (default: 300)")
    logs.set_defaults(run=_logs)

    requests = commands.add_parser(
        "requests", help="show the newest requests, each with its statements, and the reasons why it was slow"
    )
    requests.add_argument("--json", action="store_true", help="print JSON, with permissions, faults, units and dollars")
    requests.add_argument("--request", default="", metavar="ID", help="one request, and those that shared its read")
    requests.add_argument("--text", default="", help="only requests with this text in their log line")
    requests.add_argument("--most", type=_count, default=50, metavar="N", help="the most requests (default: 50)")
    requests.set_defaults(run=_requests)

    describe = commands.add_parser("describe", help="show declared resources with their place, properties and cost")
    describe.add_argument("name", nargs="?", metavar="NAME", default="", help="a resource's name or URN (default: all)")
    describe.add_argument("--json", action="store_true")
    describe.set_defaults(run=_describe)

    deploy = commands.add_parser("deploy", help="deploy all edits; exits with 1 if they were refused or failed")
    deploy.add_argument("--json", action="store_true")
    deploy.set_defaults(run=_deploy)

    for action, does in (
        ("restart", "a new task starts, and the old one ends when the new one is healthy"),
        ("stop", "it ends when its requests are answered, and its service starts another one, as in ECS"),
    ):
        change = commands.add_parser(action, help=f"{action} a service's task: {does}")
        change.add_argument("task", metavar="TASK", help="the id of the task; `status --json` lists them")
        change.set_defaults(run=_change_task, action=action)

    meter = commands.add_parser("meter", help="show the consumption by table, role, statement and partition")
    add_meter_arguments(meter)
    meter.set_defaults(run=_meter)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to 10000")
    return int(text)


def _logs(options: argparse.Namespace, state: StackState) -> None:
    wanted = {"task": options.task, "level": options.level, "request_id": options.request, "text": options.text}
    if not options.json and not any(wanted.values()):
        print_logs(state.logs, options.service, follow=options.follow)
        return
    asked = {**wanted, "service": options.service or "", "most": str(options.most)}
    for line in log_lines(state.require_running(), asked, follow=options.follow):
        shown = line.get("text") or json.dumps({key: line[key] for key in line.keys() - {"task", "offset"}})
        print(json.dumps(line) if options.json else f"{line['task']} | {shown}", flush=True)


def _requests(options: argparse.Namespace, state: StackState) -> None:
    asked = {"request_id": options.request, "text": options.text, "most": str(options.most)}
    found = ask(state.require_running(), "requests", asked)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for each in found["requests"]:
        units = f"{each['read_units']:g} read, {each['write_units']:g} write"
        request = f"{each['method']} {each['route']}"
        print(f"{each['time'][11:23]} {each['status']} {each['ms']:>8} ms  {request}  {units} units")
        print(f"  {each['request_id']} by {each['task']}", *(f"  {why}" for why in each["findings"]), sep="\n")


def _describe(options: argparse.Namespace, state: StackState) -> None:
    found = ask(state.require_running(), "describe", {"name": options.name})
    if not found:
        raise LocalError(f"the program declares no resource {options.name!r}; `describe` without a name lists all")
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for each in found:
        cost = f", ${each['usd']:.2f} {'each time' if each['each_time'] else 'a month'}" if each["costs"] else ""
        print(f"{each['type']} {each['name']}: {', '.join(each['declared_at'][:1])}{cost}")


def _deploy(options: argparse.Namespace, state: StackState) -> int:
    done = ask(state.require_running(), "deploy", post=True)
    print(json.dumps(done, indent=2) if options.json else "\n".join(done["lines"]))
    return 0 if done["deployed"] else 1


def _change_task(options: argparse.Namespace, state: StackState) -> None:
    asked = {"task": options.task, "action": options.action}
    done = ask(state.require_running(), "tasks", asked, post=True)
    print(f"{done['service']}: {'restarts' if options.action == 'restart' else 'stops'} task {options.task}")


def _meter(options: argparse.Namespace, state: StackState) -> None:
    running = state.require_running()
    if options.json:
        print(json.dumps(ask(running, "meter"), indent=2))
    else:
        print_meter(state, as_json=False)
