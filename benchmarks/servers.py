"""Starts the servers of a benchmark: Cassandra, the local Keyspaces in front of it, and the measured programs."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from local.errors import LocalError
from local_keyspaces.capacity import Clock
from local_keyspaces.cassandra import STARTS_FAST, Cassandra, fetch_jars, run_cassandra
from local_keyspaces.certificates import Certificates
from local_keyspaces.credentials import Role
from local_keyspaces.iam import ADMINISTRATOR
from local_keyspaces.listening import listen
from local_keyspaces.processes import Registry, end_process, last_lines, listen_failure
from local_keyspaces.service import LocalKeyspaces, run_keyspaces

ROOT = Path(__file__).parent.parent
REGION: Final = "us-east-1"
_ACCOUNT: Final = "000000000000"
_TLS: Final = """\
client_encryption_options:
  enabled: true
  optional: {optional}
  keystore: "{identity}"
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
"""
AS_A_SERVER: Final = ("-Xms3G", "-Xmx3G", "-XX:+UseG1GC")
"""Java's options for a server: with the optimizing compiler, and Cassandra's default garbage collector."""
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


@asynccontextmanager
async def empty_cassandra(
    directory: Path, *, settings: str = "", open_to_all: bool = False, virtual_machine: Sequence[str] = STARTS_FAST
) -> AsyncIterator[Cassandra]:
    """Starts a Cassandra without data for this run only. Raises LocalError.

    settings, open_to_all, virtual_machine: as for `run_cassandra`.
    """
    async with run_cassandra(
        directory=directory / "cassandra",
        classpath=await fetch_jars(ROOT / ".local" / "jars"),
        log_file=directory / "cassandra.log",
        registry=Registry(directory / "processes.json"),
        settings=settings,
        open_to_all=open_to_all,
        virtual_machine=virtual_machine,
    ) as cassandra:
        yield cassandra


@asynccontextmanager
async def cassandra_with_tls(
    directory: Path, *, optional: bool = False, virtual_machine: Sequence[str] = STARTS_FAST
) -> AsyncIterator[tuple[Cassandra, Path]]:
    """Starts a Cassandra with TLS and without authentication; yields it and its CA file. Raises LocalError.

    optional: whether clients may connect without TLS, too. virtual_machine: as for `run_cassandra`.
    """
    certificates = Certificates(directory)
    certificates.server_context(REGION)
    identity = directory / "identity.pem"
    identity.write_bytes(b"".join((directory / name).read_bytes() for name in ("server.key", "server.pem")))
    settings = _TLS.format(identity=identity, optional=str(optional).lower())
    async with empty_cassandra(
        directory, settings=settings, open_to_all=True, virtual_machine=virtual_machine
    ) as cassandra:
        yield cassandra, certificates.ca_file


def local_keyspaces(
    directory: Path, cassandra: Cassandra, *, capacity_clock: Clock | None = None
) -> AbstractAsyncContextManager[LocalKeyspaces]:
    """Starts the endpoint in front of Cassandra, in this process. capacity_clock: as for `run_keyspaces`."""
    return run_keyspaces(
        directory=directory / "keyspaces",
        cassandra=cassandra.upstream,
        listener=listen(0, "again"),
        region=REGION,
        account=_ACCOUNT,
        capacity_clock=capacity_clock,
    )


def administrator(keyspaces: LocalKeyspaces) -> dict[str, str]:
    """Environment variables with the credentials of a client that may do everything."""
    role = Role(arn=f"arn:aws:iam::{_ACCOUNT}:role/bench", policies=(ADMINISTRATOR,))
    issued = keyspaces.store.issue_for_role(role)
    return {
        "AWS_ACCESS_KEY_ID": issued.access_key,
        "AWS_SECRET_ACCESS_KEY": issued.secret_key,
        "AWS_SESSION_TOKEN": str(issued.session_token),
    }


@asynccontextmanager
async def server(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], port: int, output: Path
) -> AsyncIterator[psutil.Process]:
    """Starts a program in `directory`; yields once it listens. Raises LocalError.

    output: file for its standard output and errors.
    """
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
        if failure := await listen_failure(process, port, seconds=_START_SECONDS):
            raise LocalError(f"{command[-1]}, to be measured, {failure}; its last lines:\n{last_lines(output)}")
        yield psutil.Process(process.pid)
    finally:
        await end_process(process, stop_timeout=_STOP_SECONDS)
