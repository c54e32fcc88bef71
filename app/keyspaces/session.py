"""Opens a driver session for one keyspace, with retries, and closes it."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import Connection, ConnectionException
from cassandra.policies import ExponentialReconnectionPolicy, RoundRobinPolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import dict_factory

from keyspaces.auth import SigV4AuthProvider
from keyspaces.event_loop import connections_on, until_closed
from keyspaces.serialize import VERSION
from keyspaces.target import Target

T = TypeVar("T")

# Not all of the driver's errors are a DriverException: a broken connection is not, nor is an overloaded server.
DRIVER_ERRORS = (DriverException, ErrorMessage, NoHostAvailable, ConnectionException)

_REQUEST_TIMEOUT = 5.0  # seconds, for one statement
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0  # seconds
_HEARTBEAT = 5  # seconds


class Unreachable(Exception):
    """The keyspace or a table could not be used in time; the message says why, without a secret."""


@contextmanager
def open_session(
    target: Target, *, startup_timeout: float, first_use: Callable[[Session], T]
) -> Iterator[tuple[Session, T]]:
    """A session, and the result of `first_use(session)`. Blocks.

    A new role, endpoint or table may take a while to work, so opening and first use are retried for `startup_timeout`
    seconds. Then Unreachable is raised.
    """
    session, used = _open(target, startup_timeout=startup_timeout, first_use=first_use)
    try:
        yield session, used
    finally:
        session.cluster.shutdown()


@asynccontextmanager
async def open_session_on_loop(
    target: Target, *, startup_timeout: float, first_use: Callable[[Session], T]
) -> AsyncIterator[tuple[Session, T]]:
    """The same with the session's connections on the running event loop; `first_use` runs in another thread."""
    stop = threading.Event()
    connection_class = connections_on(asyncio.get_running_loop())
    try:
        session, used = await asyncio.to_thread(
            _open,
            target,
            startup_timeout=startup_timeout,
            first_use=first_use,
            connection_class=connection_class,
            stop=stop,
        )
        try:
            yield session, used
        finally:
            await asyncio.to_thread(session.cluster.shutdown)
    except asyncio.CancelledError:
        stop.set()
        raise
    finally:
        await until_closed(connection_class)


def _open(
    target: Target,
    *,
    startup_timeout: float,
    first_use: Callable[[Session], T],
    connection_class: type[Connection] | None = None,
    stop: threading.Event | None = None,
) -> tuple[Session, T]:
    """stop: once it is set, there is no other attempt, and Unreachable is raised."""
    stop = stop or threading.Event()
    deadline = time.monotonic() + startup_timeout
    pause = _FIRST_PAUSE
    while True:
        cluster = _cluster(target, connection_class)
        try:
            session = cluster.connect()
            used = first_use(session)
            if stop.is_set():
                raise OSError("the program was stopped while it opened the session")
            return session, used
        except (*DRIVER_ERRORS, OSError, RuntimeError) as error:
            cluster.shutdown()
            if stop.is_set() or time.monotonic() + pause > deadline:
                raise Unreachable(
                    f"{target} could not be used within {startup_timeout:.0f} s: {describe(error)}"
                ) from error
        except BaseException:
            cluster.shutdown()
            raise
        stop.wait(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def describe(error: BaseException) -> str:
    """A driver's error in one line. Of NoHostAvailable: the error of each host, which are the causes."""
    if isinstance(error, NoHostAvailable) and error.errors:
        return "; ".join(f"{host}: {describe(cause)}" for host, cause in error.errors.items())
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _cluster(target: Target, connection_class: type[Connection] | None) -> Cluster:
    tls = ssl.create_default_context(cafile=target.ca_file)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    return Cluster(
        [target.host],
        port=target.port,
        protocol_version=VERSION,
        auth_provider=SigV4AuthProvider(target.region),
        ssl_context=tls,
        # The driver knows the other hosts by address only, which no certificate names: check all for the same name.
        ssl_options={"server_hostname": target.host},
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                # All hosts are equal, since Keyspaces routes requests itself (developer guide, "Connections").
                load_balancing_policy=RoundRobinPolicy(),
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                request_timeout=_REQUEST_TIMEOUT,
                row_factory=dict_factory,
            )
        },
        # By default the driver gives up a host after 64 attempts, which take two minutes.
        reconnection_policy=ExponentialReconnectionPolicy(_FIRST_PAUSE, _LONGEST_PAUSE, max_attempts=None),
        # Each attempt to reach a dead host blocks one of these threads; with the default of two, none may be left.
        executor_threads=8,
        # With these, a dead connection is detected within 15 seconds; by default, within 90.
        idle_heartbeat_interval=_HEARTBEAT,
        idle_heartbeat_timeout=_HEARTBEAT,
        connect_timeout=5.0,
        control_connection_timeout=10.0,
        # Statements and answers are small: compressing them takes longer than sending them.
        compression=False,
        # Schema and token metadata are not used here, and reading them takes nine queries for each connection.
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        prepare_on_all_hosts=False,
        **({"connection_class": connection_class} if connection_class else {}),
    )
