"""Measures the loader beside cqlsh's COPY FROM and the driver's execute_concurrent_with_args.

`python -m benchmarks.loader` prints rows a second, CPU time a row and memory. All programs run in turn in each round,
on one Cassandra with TLS and without authentication. The loader also runs through the local Keyspaces endpoint, in
front of another Cassandra, which accepts only the endpoint. The first round warms up Cassandra and does not count.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from benchmarks.loading_programs import (
    COLUMNS,
    KEYSPACE,
    SLOW_ROWS,
    Program,
    loader_environment,
    measure,
    open_programs,
    write_csv,
)
from benchmarks.servers import administrator, empty_cassandra, local_keyspaces
from local.errors import LocalError
from local_keyspaces.foreground import until_stopped
from local_keyspaces.progress import Progress
from local_keyspaces.tables import TableSchema

_SIZES: Final = (10_000, 1_000_000, 10_000_000)


async def main(rows: int, rounds: int, only: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with open_programs(directory) as programs:
            chosen = [program for program in programs if program.name.startswith(only)]
            tables = itertools.count()
            for number in range(rounds + 1):
                for program in chosen:
                    count = min(rows, program.rows or rows)
                    file = await asyncio.to_thread(write_csv, directory, count)
                    table = f"places_{next(tables)}"
                    await program.create(table)
                    measured = await asyncio.to_thread(measure, program, file, table, count)
                    print(f"round {number}: {program.name}: {measured}", file=sys.stderr)
                    if number:
                        program.rounds.append(measured)
            _report(chosen, rows, rounds)


async def compare_memory() -> None:
    """Prints the loader's memory for loads of different sizes."""
    print("| rows | rows/s | peak resident memory, MB |\n| ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with open_programs(directory) as (loader, *_):
            for rows in _SIZES:
                file = await asyncio.to_thread(write_csv, directory, rows)
                await loader.create(f"places_{rows}")
                one = await asyncio.to_thread(measure, loader, file, f"places_{rows}", rows)
                print(f"| {rows} | {rows / one.seconds:.0f} | {one.resident / 1e6:.1f} |", flush=True)


async def compare_plan(rows: int) -> None:
    """Prints a load's plan and its result, for a new on-demand table whose capacity is enforced."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            empty_cassandra(directory) as cassandra,
            local_keyspaces(directory, cassandra, capacity_clock=time.monotonic) as keyspaces,
        ):
            await keyspaces.schema.ensure_keyspace(KEYSPACE)
            schema = TableSchema(keyspace=KEYSPACE, name="places", columns=COLUMNS, partition_key=["id"])
            await keyspaces.schema.ensure_table(schema)
            file = await asyncio.to_thread(write_csv, directory, rows)
            environment = loader_environment(directory, keyspaces.port, keyspaces.ca_file) | administrator(keyspaces)
            command = [sys.executable, "-m", "loader", "places", str(file), "--table", "places=places"]
            said = []
            for more in (["--plan"], []):
                process = await asyncio.create_subprocess_exec(
                    *command, *more, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
                )
                output, _ = await process.communicate()
                if process.returncode != 0:
                    raise LocalError(f"the loader failed with exit code {process.returncode}")
                said.append(json.loads(output.splitlines()[-1]))
    plan, summary = said[0]["plan"], said[1]["summary"]
    print(f"| {rows} rows, capacity enforced | plan | load | difference |\n| --- | ---: | ---: | ---: |")
    for what, key in (("seconds", "seconds"), ("write units", "write_units")):
        planned, took = plan[key], summary[key]
        print(f"| {what} | {planned:.0f} | {took:.0f} | {took / planned - 1:+.1%} |")


def _report(programs: Sequence[Program], rows: int, rounds: int) -> None:
    print(f"Medians of {rounds} rounds of {rows} rows (the driver: {min(rows, SLOW_ROWS)}).\n")
    print("| program | rows/s | ratio to COPY FROM | CPU µs a row | peak memory, MB |")
    print("| --- | ---: | ---: | ---: | ---: |")
    copy = next((each for each in programs if "COPY" in each.name), None)
    for each in programs:
        rates = [one.rows / one.seconds for one in each.rounds]
        ratio = ""
        if copy is not None:
            pairs = zip(rates, (one.rows / one.seconds for one in copy.rounds), strict=True)
            ratio = f"{statistics.median(mine / theirs for mine, theirs in pairs):.2f}"
        cpu = statistics.median(one.cpu / one.rows for one in each.rounds) * 1e6
        memory = max(one.memory for one in each.rounds) / 1e6
        print(f"| {each.name} | {statistics.median(rates):.0f} | {ratio} | {cpu:.0f} | {memory:.0f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description="Measures the speed of loads.")
    parser.add_argument("--rows", type=int, default=300_000, help="rows of a load (default: 300000)")
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds (default: 3)")
    parser.add_argument("--only", default="", metavar="NAME", help="run only the programs whose name begins with NAME")
    parser.add_argument("--plan", action="store_true", help="only compare a load with its plan, with enforced capacity")
    parser.add_argument("--memory", action="store_true", help="only measure the memory, up to ten million rows")
    options = parser.parse_args()
    try:
        if options.plan:
            work = compare_plan(options.rows)
        elif options.memory:
            work = compare_memory()
        else:
            work = main(options.rows, options.rounds, options.only)
        stopped = uvloop.run(until_stopped(work, Progress(sys.stderr)))
    except LocalError as error:
        sys.exit(f"benchmarks.loader: {error}")
    sys.exit(130 if stopped else 0)
