"""Loads the countries: `python -m load_countries`. Exits with 0 only if every record is in the table."""

import argparse
import json
import sys
import time
from pathlib import Path

from keyspaces.session import DRIVER_ERRORS, Unreachable, describe, open_session
from keyspaces.target import UnknownTable, add_target_options, target_from
from load_countries.load import LoadFailed, Record, verify, wait_until_active, write

_DATA = Path(__file__).with_name("countries.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="load_countries", description="Fills a Keyspaces table with countries.")
    add_target_options(parser)
    parser.add_argument(
        "--startup-timeout",
        type=float,
        default=300,
        metavar="SECONDS",
        help="until the table must be usable (default: 300)",
    )
    options = parser.parse_args()
    target = target_from(parser, options)
    try:
        table = target.table("countries")
    except UnknownTable as error:
        parser.error(str(error))
    records: list[Record] = json.loads(_DATA.read_text(encoding="utf-8"))
    deadline = time.monotonic() + options.startup_timeout
    try:
        with open_session(
            target,
            startup_timeout=options.startup_timeout,
            first_use=lambda session: wait_until_active(session, table, deadline=deadline, report=_say),
        ) as (session, _):
            written = write(session, table, records)
            verified = verify(session, table, records)
    except (LoadFailed, Unreachable) as error:
        _say(str(error))
        return 1
    except DRIVER_ERRORS as error:
        _say(describe(error))
        return 1
    _say(f"{written} rows written and {verified} verified in {table}")
    return 0


def _say(line: str) -> None:
    print(f"load-countries: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
