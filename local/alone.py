"""A local Amazon Keyspaces without anything else of the stack, for other projects to be tested with."""

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from declared import aws
from declared.errors import LocalError
from local.cassandra import fetch_jars, run_cassandra
from local.foreground import ignore_interrupts, until_stopped
from local.listening import listen
from local.logs import log_to
from local.processes import Registry, end_leftovers
from local.profiles import ADMINISTRATOR, keep_profiles
from local.progress import Progress
from local.state import Running, State
from local_keyspaces.credentials import Role
from local_keyspaces.faults import Faults
from local_keyspaces.iam import MalformedPolicy, Policy
from local_keyspaces.service import LocalKeyspaces, run_keyspaces

_ROLE = "client"
_NAME = "keyspaces"


def run_alone(
    state: State,
    *,
    port: int,
    region: str,
    policy_file: Path | None,
    schema_delay: float,
    faults: Faults,
    progress: Progress,
) -> None:
    """Runs until SIGINT or SIGTERM. policy_file: what a role called `client` may do. Raises LocalError."""
    roles = {_ROLE: _role(policy_file)} if policy_file is not None else {}

    async def run(listener: socket.socket) -> None:
        async with AsyncExitStack() as exit_stack:
            async with progress.step("Apache Cassandra: jars"):
                classpath = await fetch_jars(state.jars)
            async with progress.step("Apache Cassandra: start"):
                cassandra = await exit_stack.enter_async_context(
                    run_cassandra(
                        directory=state.cassandra(_NAME),
                        classpath=classpath,
                        log_file=state.logs / "cassandra.log",
                        registry=Registry(state.processes),
                    )
                )
            exit_stack.enter_context(log_to(state.endpoint_log))
            keyspaces = await exit_stack.enter_async_context(
                run_keyspaces(
                    directory=state.keyspaces,
                    cassandra_port=cassandra.port,
                    listener=listener,
                    region=region,
                    account=aws.ACCOUNT,
                    schema_delay=schema_delay,
                )
            )
            keyspaces.faults.write(faults)
            await exit_stack.enter_async_context(
                keep_profiles(state.profiles, keyspaces.store, account=aws.ACCOUNT, roles=roles)
            )
            state.write(Running(pid=os.getpid(), stack=_NAME, region=region, ready=True, keyspaces_port=keyspaces.port))
            progress.say(_introduction(keyspaces, state, region, [ADMINISTRATOR, *roles]))
            await cassandra.watch()

    with state.lock(), listen(port, "with --port") as listener:
        end_leftovers(state.processes)
        state.clear_logs()
        try:
            asyncio.run(until_stopped(run(listener), progress))
        finally:
            ignore_interrupts()


def _role(policy_file: Path) -> Role:
    try:
        policy = Policy.parse(policy_file.read_text(), policy_file.name)
    except OSError as error:
        raise LocalError(f"{policy_file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LocalError(f"{policy_file} is not text in UTF-8: give a policy document in JSON") from None
    except MalformedPolicy as error:
        raise LocalError(str(error)) from None
    return Role(arn=f"arn:aws:iam::{aws.ACCOUNT}:role/{_ROLE}", policies=(policy,))


def _introduction(keyspaces: LocalKeyspaces, state: State, region: str, profiles: list[str]) -> str:
    return f"""
Keyspaces is running; Ctrl-C stops it.
  endpoint: localhost:{keyspaces.port} (TLS, SigV4, region {region})
  CA file: {keyspaces.ca_file}
  credentials: {state.profiles} (profiles {", ".join(profiles)})
  log of what is refused: {state.endpoint_log}
  faults: {sys.executable} -m local --directory {state.directory} faults, or {keyspaces.faults.path}

Python, with the packages boto3, cassandra-driver and cassandra-sigv4, and AWS_SHARED_CREDENTIALS_FILE set to the above:
  auth = SigV4AuthProvider(boto3.Session(profile_name="{profiles[-1]}", region_name="{region}"))
  tls = ssl.create_default_context(cafile="{keyspaces.ca_file}")
  session = Cluster(["localhost"], {keyspaces.port}, protocol_version=4, ssl_context=tls, auth_provider=auth).connect()
"""
