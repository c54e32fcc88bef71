"""The loader's program, from its options to its exit code."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from keyspaces.database import Database
from keyspaces.session import DRIVER_ERRORS, Unreachable, describe, open_session_on_loop
from keyspaces.target import QualifiedName, Target, UnknownTable, add_target_options, target_from
from loader.load import LoadFailed, Loading, check, verify, write
from loader.progress import LoadProgress
from loader.records import BadData, read_records

FAILED: Final = 1
"""Exit code: not every record is in the table."""
BAD_DATA: Final = 3
"""Exit code: the data does not fit the table, and nothing was written."""


def run(*, name: str, table: str, data: Path, arguments: Sequence[str] | None = None) -> int:
    """Fills the table from the data and returns the exit code: 0 if each record is in the table as given.

    name: of the program, before each line of its log. table: the program's name for it. data: used unless the command
    line names another file. arguments: of the command line; by default the process's.
    """
    parser = argparse.ArgumentParser(prog=name, description=f"Fills the table {table} from a file.")
    add_target_options(parser)
    parser.add_argument("data", nargs="?", type=Path, default=data, help=f"the file to load (default: {data.name})")
    parser.add_argument("--check", action="store_true", help="only say whether the data fits the table")
    parser.add_argument("--no-verify", action="store_true", help="do not read back what was written")
    parser.add_argument(
        "--startup-timeout",
        type=float,
        default=300,
        metavar="SECONDS",
        help="until the table must be usable (default: 300)",
    )
    options = parser.parse_args(arguments)
    target = target_from(parser, options)

    def say(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    try:
        qualified = target.table(table)
    except UnknownTable as error:
        parser.error(str(error))
    try:
        return asyncio.run(_load(target, qualified, options, say))
    except BadData as error:
        for line in str(error).splitlines():
            say(line)
        say("nothing was written")
        return BAD_DATA
    except (LoadFailed, Unreachable) as error:
        say(str(error))
    except DRIVER_ERRORS as error:
        say(describe(error))
    return FAILED


async def _load(target: Target, table: QualifiedName, options: argparse.Namespace, say: Callable[[str], None]) -> int:
    deadline = time.monotonic() + options.startup_timeout

    def first_use(session: Session) -> Loading:
        _wait_until_active(session, table, deadline=deadline, report=say)
        return Loading.of(Database(session, table, observe=lambda *_: None, on_more_columns=say))

    opened = open_session_on_loop(target, startup_timeout=options.startup_timeout, first_use=first_use)
    async with opened as (_, loading):
        count = check(loading, read_records(options.data, loading.types))
        if options.check:
            say(f"{count} records fit {table}")
            return 0
        progress = LoadProgress(count, say)
        written = await write(loading, read_records(options.data, loading.types), progress.step("written"))
        verified = 0
        if not options.no_verify:
            verified = await verify(loading, read_records(options.data, loading.types), progress.step("verified"))
        progress.end()
    say(f"{written} rows written and {verified} verified in {table}")
    return 0


def _wait_until_active(
    session: Session, table: QualifiedName, *, deadline: float, report: Callable[[str], None]
) -> None:
    """Keyspaces creates tables asynchronously: waits for ACTIVE. Raises LoadFailed at `deadline` (time.monotonic())."""
    # Not prepared: Keyspaces has refused to prepare reads of system tables.
    question = SimpleStatement(
        "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s"
    )
    seen = None
    while True:
        row = session.execute(question, (table.keyspace, table.name)).one()
        status = row["status"] if row else "missing"
        if status == "ACTIVE":
            return
        if time.monotonic() >= deadline:
            raise LoadFailed(f"table {table} is {status}, not ACTIVE, and time is up")
        if status != seen:
            report(f"waiting for table {table}: {status}")
            seen = status
        time.sleep(1)
