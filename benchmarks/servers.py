"""The processes that a benchmark measures: each in a session of its own, so that Ctrl-C ends them in order."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from local.errors import LocalError
from local_keyspaces.cassandra import Cassandra, fetch_jars, run_cassandra
from local_keyspaces.processes import Registry, end_process, last_lines, why_it_does_not_listen

ROOT = Path(__file__).parent.parent
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


@asynccontextmanager
async def empty_cassandra(
    directory: Path, *, settings: str = "", open_to_all: bool = False
) -> AsyncIterator[Cassandra]:
    """Of this run alone: nobody's data, nobody's load. Raises LocalError.

    settings, open_to_all: as `run_cassandra` takes them.
    """
    async with run_cassandra(
        directory=directory / "cassandra",
        classpath=await fetch_jars(ROOT / ".local" / "jars"),
        log_file=directory / "cassandra.log",
        registry=Registry(directory / "processes.json"),
        settings=settings,
        open_to_all=open_to_all,
    ) as cassandra:
        yield cassandra


@asynccontextmanager
async def server(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], port: int, output: Path
) -> AsyncIterator[psutil.Process]:
    """A program started in `directory`; yields once it listens. output: for all it writes. Raises LocalError."""
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            env={"PATH": os.environ.get("PATH", os.defpath), "PORT": str(port), **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        if what := await why_it_does_not_listen(process, port, seconds=_START_SECONDS):
            raise LocalError(f"{command[-1]}, to be measured, {what}; what it wrote:\n{last_lines(output)}")
        yield psutil.Process(process.pid)
    finally:
        await end_process(process, stop_timeout=_STOP_SECONDS)
