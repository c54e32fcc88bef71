"""A driver session for one table, opened with patience and closed for good."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import ExponentialReconnectionPolicy, RoundRobinPolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import dict_factory

from keyspaces.auth import SigV4AuthProvider
from keyspaces.target import Target

T = TypeVar("T")

# Some answers of the server, such as an overload or a syntax error, are exceptions without being a DriverException.
DRIVER_ERRORS = (DriverException, ErrorMessage, NoHostAvailable)

_PROTOCOL_VERSION = 4  # the one Keyspaces documents
_REQUEST_TIMEOUT = 5.0  # seconds, for one statement
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds


class Unreachable(Exception):
    """The table could not be used in time; the message says why, without a secret."""


@contextmanager
def open_session(target: Target, *, patience: float, first_use: Callable[[Session], T]) -> Iterator[tuple[Session, T]]:
    """A session, and what `first_use` made of it. Blocks.

    A new role, endpoint or table may take a while to work, so both are tried again for `patience` seconds; then
    Unreachable is raised.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        cluster = _cluster(target)
        try:
            session = cluster.connect()
            used = first_use(session)
            break
        except (*DRIVER_ERRORS, OSError, RuntimeError) as error:
            cluster.shutdown()
            if time.monotonic() + pause > deadline:
                where = f"{target} at {target.host}:{target.port}"
                raise Unreachable(f"{where} could not be used within {patience:.0f} s: {describe(error)}") from error
        except BaseException:
            cluster.shutdown()
            raise
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield session, used
    finally:
        cluster.shutdown()


def describe(error: BaseException) -> str:
    """An error of the driver in one line; NoHostAvailable carries the real ones inside."""
    if isinstance(error, NoHostAvailable) and error.errors:
        return "; ".join(f"{host}: {describe(cause)}" for host, cause in error.errors.items())
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _cluster(target: Target) -> Cluster:
    tls = ssl.create_default_context(cafile=target.ca_file)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return Cluster(
        [target.host],
        port=target.port,
        protocol_version=_PROTOCOL_VERSION,
        auth_provider=SigV4AuthProvider(target.region),
        ssl_context=tls,
        # Hosts other than the first are known by address, which no certificate names: ask all for the one name.
        ssl_options={"server_hostname": target.host},
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                # Keyspaces routes by itself; all its hosts are equal (developer guide, "Connections").
                load_balancing_policy=RoundRobinPolicy(),
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                request_timeout=_REQUEST_TIMEOUT,
                row_factory=dict_factory,
            )
        },
        reconnection_policy=ExponentialReconnectionPolicy(base_delay=0.5, max_delay=10.0),
        connect_timeout=5.0,
        control_connection_timeout=10.0,
        # Schema and tokens are of no use here, and reading them costs nine queries for each connection.
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        prepare_on_all_hosts=False,
    )
