"""Two clients: one with correct settings, and one with the driver's defaults."""

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra_sigv4.auth import SigV4AuthProvider


@contextmanager
def connect() -> Iterator[Session]:
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(), consistency_level=ConsistencyLevel.LOCAL_QUORUM, request_timeout=20.0
    )
    cluster = Cluster(
        [os.environ["KEYSPACES_HOST"]],
        port=int(os.environ["KEYSPACES_PORT"]),
        protocol_version=4,
        auth_provider=SigV4AuthProvider(boto3.Session()),
        ssl_context=ssl.create_default_context(cafile=os.environ["KEYSPACES_CA_FILE"]),
        ssl_options={"server_hostname": os.environ["KEYSPACES_HOST"]},
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        connect_timeout=20.0,
        control_connection_timeout=20.0,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@contextmanager
def connect_carelessly() -> Iterator[Session]:
    """The client sets no protocol version and no server name, signs in by password, and keeps the driver's consistency
    level."""
    context = ssl.create_default_context(cafile=os.environ["KEYSPACES_CA_FILE"])
    context.check_hostname = False
    cluster = Cluster(
        [os.environ["KEYSPACES_HOST"]],
        port=int(os.environ["KEYSPACES_PORT"]),
        auth_provider=PlainTextAuthProvider(os.environ["KEYSPACES_USER_NAME"], os.environ["KEYSPACES_PASSWORD"]),
        ssl_context=context,
        connect_timeout=20.0,
        control_connection_timeout=20.0,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def create_table(session: Session, keyspace: str, name: str, definition: str) -> None:
    """Returns once the table can be used."""
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SingleRegionStrategy'}}")
    of_keyspace = f"WHERE keyspace_name = '{keyspace}'"
    _wait(session, f"SELECT keyspace_name FROM system_schema_mcs.keyspaces {of_keyspace}", None)
    session.execute(f"CREATE TABLE {keyspace}.{name} ({definition})")
    status = f"SELECT status FROM system_schema_mcs.tables {of_keyspace} AND table_name = '{name}'"
    _wait(session, status, "ACTIVE")


def _wait(session: Session, query: str, expected: str | None) -> None:
    for _ in range(200):
        row = session.execute(query).one()
        if row is not None and expected in (None, row[0]):
            return
        time.sleep(0.05)
    raise TimeoutError(query)
