"""The loader's command line, and its exit code."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keyspaces.session import DRIVER_ERRORS, Unreachable, describe
from keyspaces.target import UnknownTable, add_target_options, target_from
from loader.job import BAD_DATA, FAILED, load
from loader.ledger import StateInUse
from loader.opening import Wanted, in_processes
from loader.retries import LoadFailed
from loader.sources import FORMATS, BadData, Source, find_sources

_SMALL: Final = 8_000_000
"""Bytes of data below which more processes do not help, since the load ends before they have started."""


def run(
    *, name: str, table: str, data: Path | str, careful: bool = False, arguments: Sequence[str] | None = None
) -> int:
    """Fills the table from the data and returns the exit code: 0 if each row is in the table.

    name: of the program, in front of each line of its log. table: the program's name for the table. data: default of
    the command line's argument. careful: check all rows before the first write, and read all rows back after the last
    one; for a few thousand rows. arguments: of the command line; by default the process's own.
    """
    parser = argparse.ArgumentParser(prog=name, description=f"Fills the table {table} from a file.")
    add_target_options(parser)
    parser.add_argument(
        "data",
        nargs="?",
        default=str(data),
        help=f"a file, a folder, s3://bucket/key, or - for standard input (default: {Path(data).name})",
    )
    parser.add_argument("--format", choices=FORMATS, help="format of the data, if its name has no known suffix")
    parser.add_argument("--check", action="store_true", help="only check whether all data fits the table")
    parser.add_argument("--plan", action="store_true", help="only print the time and the cost of the load")
    parser.add_argument(
        "--check-first",
        action=argparse.BooleanOptionalAction,
        default=careful,
        help="write nothing unless all data fits the table",
    )
    parser.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        default=careful,
        help="read each row back and compare it",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="folder for the state, with which another run continues the load (default: a folder in TMPDIR)",
    )
    parser.add_argument(
        "--rejects",
        type=Path,
        metavar="FILE",
        help="file for the rows that cannot be loaded, with the reasons (default: rejects.jsonl in the state's folder)",
    )
    parser.add_argument(
        "--startup-timeout",
        type=float,
        default=300,
        metavar="SECONDS",
        help="within which the table must become usable (default: 300)",
    )
    parser.add_argument(
        "--processes",
        type=_positive,
        metavar="N",
        help="processes that convert and send rows (default: one less than processors; below 8 MB of data, only one)",
    )
    options = parser.parse_args(arguments)
    target = target_from(parser, options)

    def say(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    try:
        sources = find_sources(options.data, options.format, region=target.region)
        wanted = Wanted(
            program=name,
            table=target.table(table),
            sources=sources,
            check_only=options.check,
            check_first=options.check_first,
            plan_only=options.plan,
            verify=options.verify,
            state=options.state,
            rejects=options.rejects,
            startup_timeout=options.startup_timeout,
            processes=options.processes or _processes(sources),
        )
        if any(not each.identity for each in wanted.sources) and (wanted.check_first or wanted.verify):
            parser.error("standard input can be read only once: give --no-check-first --no-verify, or a file")
        with in_processes(target, wanted) as processes:
            return asyncio.run(load(target, wanted, processes, say))
    except UnknownTable as error:
        parser.error(str(error))
    except BadData as error:
        for line in str(error).splitlines():
            say(line)
        say("nothing was written")
        return BAD_DATA
    except (LoadFailed, StateInUse, Unreachable) as error:
        say(str(error))
    except DRIVER_ERRORS as error:
        say(describe(error))
    return FAILED


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number above 0")
    return int(text)


def _processes(sources: Sequence[Source]) -> int:
    size = sum(source.size for source in sources)
    if all(source.identity for source in sources) and size < _SMALL:
        return 1
    return max((os.cpu_count() or 1) - 1, 1)  # the loader itself needs one to read the data
