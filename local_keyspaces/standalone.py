"""Runs a local Amazon Keyspaces in the foreground, for the tests of any project."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from local_keyspaces.capacity import Clock
from local_keyspaces.credentials import Role
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.faults import Faults
from local_keyspaces.foreground import ignore_interrupts, until_stopped
from local_keyspaces.iam import MalformedPolicy, Policy
from local_keyspaces.listening import listen
from local_keyspaces.processes import Registry, end_leftovers
from local_keyspaces.profiles import ADMINISTRATOR, keep_profiles
from local_keyspaces.progress import Progress
from local_keyspaces.running import run_with_cassandra
from local_keyspaces.service import LocalKeyspaces
from local_keyspaces.state import Running, State

_ROLE = "client"
_NAME = "keyspaces"
ACCOUNT = "000000000000"


def run_standalone(
    state: State,
    *,
    port: int,
    region: str,
    policy_file: Path | None,
    schema_delay: float,
    faults: Faults,
    progress: Progress,
    capacity_clock: Clock | None = None,
) -> None:
    """Runs until SIGINT or SIGTERM. policy_file: the policy of a role called `client`. Raises LocalKeyspacesError."""
    roles = roles_of(policy_file)

    async def run(listener: socket.socket) -> None:
        async with AsyncExitStack() as exit_stack:
            running = await exit_stack.enter_async_context(
                run_with_cassandra(
                    state,
                    name=_NAME,
                    listener=listener,
                    region=region,
                    account=ACCOUNT,
                    faults=faults,
                    registry=Registry(state.processes),
                    progress=progress,
                    schema_delay=schema_delay,
                    capacity_clock=capacity_clock,
                )
            )
            keyspaces = running.keyspaces
            await exit_stack.enter_async_context(
                keep_profiles(state.profiles, keyspaces.store, account=ACCOUNT, roles=roles)
            )
            state.write(Running(pid=os.getpid(), stack=_NAME, region=region, ready=True, keyspaces_port=keyspaces.port))
            progress.say(_introduction(keyspaces, state, region, [ADMINISTRATOR, *roles]))
            await running.cassandra.watch()

    with state.lock(), listen(port, "with --port") as listener:
        end_leftovers(state.processes)
        state.clear_logs()
        try:
            uvloop.run(until_stopped(run(listener), progress))
        finally:
            ignore_interrupts()


def roles_of(policy_file: Path | None) -> Mapping[str, Role]:
    """One role, `client`, with the policy, or none. Raises LocalKeyspacesError."""
    if policy_file is None:
        return {}
    try:
        policy = Policy.parse(policy_file.read_text(), policy_file.name)
    except OSError as error:
        raise LocalKeyspacesError(f"{policy_file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LocalKeyspacesError(f"{policy_file} is not text in UTF-8: give a policy document in JSON") from None
    except MalformedPolicy as error:
        raise LocalKeyspacesError(str(error)) from None
    return {_ROLE: Role(arn=f"arn:aws:iam::{ACCOUNT}:role/{_ROLE}", policies=(policy,))}


def _introduction(keyspaces: LocalKeyspaces, state: State, region: str, profiles: list[str]) -> str:
    return f"""
Keyspaces is running; Ctrl-C stops it.
  endpoint: localhost:{keyspaces.port} (TLS, SigV4, region {region})
  CA file: {keyspaces.ca_file}
  credentials: {state.profiles} (profiles {", ".join(profiles)})
    each has a keyspaces_user_name and a keyspaces_password, too, for clients without SigV4
  log of refused statements: {state.endpoint_log}
  faults: {sys.executable} -m local_keyspaces --directory {state.directory} faults, or {keyspaces.faults.path}

Python, with the packages boto3, cassandra-driver and cassandra-sigv4, and AWS_SHARED_CREDENTIALS_FILE set to the above:
  auth = SigV4AuthProvider(boto3.Session(profile_name="{profiles[-1]}", region_name="{region}"))
  tls = ssl.create_default_context(cafile="{keyspaces.ca_file}")
  session = Cluster(["localhost"], {keyspaces.port}, protocol_version=4, ssl_context=tls, auth_provider=auth).connect()
"""
