"""A driver's session with the Cassandra behind the endpoint; turns Cassandra's errors into answers to a client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cassandra import AlreadyExists, ConfigurationException, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.protocol import ErrorMessage

from local_keyspaces.frames import ErrorCode
from local_keyspaces.refusals import Refused, already_exists, invalid

_USER = "endpoint"  # as in EndpointOnly.java


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Cassandra's port for CQL on 127.0.0.1, and the endpoint's password."""

    port: int
    password: str = field(repr=False)

    @property
    def sasl_response(self) -> bytes:
        """The initial response of the mechanism PLAIN (RFC 4616)."""
        return f"\0{_USER}\0{self.password}".encode()


@contextmanager
def open_session(upstream: Upstream) -> Iterator[Session]:
    """Opens a session with Cassandra itself. Blocks."""
    cluster = Cluster(
        ["127.0.0.1"],
        port=upstream.port,
        auth_provider=PlainTextAuthProvider(_USER, upstream.password),
        protocol_version=4,
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=30.0)
        },
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
        connect_timeout=30.0,
        control_connection_timeout=30.0,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def run(session: Session, statement: str) -> None:
    """Executes a statement. Raises Refused with Cassandra's message."""
    try:
        session.execute(statement)
    except AlreadyExists as error:
        raise already_exists(str(error), error.keyspace or "", error.table or "") from None
    except InvalidRequest as error:
        raise invalid(_message(error)) from None
    except ConfigurationException as error:
        raise Refused(ErrorCode.CONFIGURATION_ERROR, _message(error)) from None
    except ErrorMessage as error:
        raise Refused(ErrorCode(error.code), str(error.message)) from None


def _message(error: Exception) -> str:
    """The server's message, without the driver's prefix."""
    text = str(error)
    _, found, message = text.partition('message="')
    return message.removesuffix('"') if found else text
