"""Starts a local Keyspaces in front of a running Cassandra; the caller adds the credentials."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local_keyspaces import endpoint, metered
from local_keyspaces.capacity import Clock
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.certificates import Certificates
from local_keyspaces.connection import Server
from local_keyspaces.credentials import CredentialStore
from local_keyspaces.faults import FaultsFile
from local_keyspaces.meter import Meter
from local_keyspaces.schema import Schema
from local_keyspaces.statement_log import StatementLog
from local_keyspaces.throttling import Throttling
from local_keyspaces.witness import Witness

# Seconds. Long enough that a program which does not wait for its table fails here too.
SCHEMA_DELAY = 1.0


@dataclass(frozen=True, kw_only=True)
class LocalKeyspaces:
    """ca_file: the certificate of the authority to trust. store: the credentials of principals that may sign in."""

    port: int
    ca_file: Path
    store: CredentialStore
    schema: Schema
    faults: FaultsFile
    meter: Meter
    statements: StatementLog


@asynccontextmanager
async def run_keyspaces(
    *,
    directory: Path,
    cassandra: Upstream,
    region: str,
    account: str,
    listener: socket.socket,
    schema_delay: float = SCHEMA_DELAY,
    capacity_clock: Clock | None = None,
    witness: Witness | None = None,
) -> AsyncIterator[LocalKeyspaces]:
    """Runs the endpoint in front of this Cassandra. directory: for certificates and faults.json.

    listener: the socket to serve on; it is closed at the end. capacity_clock: the clock by which capacity refills; None
    if capacity is not enforced. witness: records refused statements and settings; None without a verdict.
    """
    certificates = Certificates(directory)
    tls = certificates.server_context(region)
    if witness is not None:
        tls.sni_callback = witness.client_hello
    store, faults = CredentialStore(), FaultsFile(directory / "faults.json")
    with listener:
        async with Schema.open(cassandra, region=region, account=account, delay=schema_delay) as schema:
            throttling = Throttling(capacity_clock) if capacity_clock is not None else None
            server = Server(
                region=region,
                store=store,
                schema=schema,
                faults=faults,
                cassandra=cassandra,
                throttling=throttling,
                witness=witness,
            )
            port = listener.getsockname()[1]
            async with (
                endpoint.serve(server, listener=listener, tls=tls),
                metered.serve(server.meter, store.decisions, directory, throttling),
            ):
                yield LocalKeyspaces(
                    port=port,
                    ca_file=certificates.ca_file,
                    store=store,
                    schema=schema,
                    faults=faults,
                    meter=server.meter,
                    statements=server.statements,
                )
