"""A local Keyspaces endpoint for tests, in this process on a thread: real Cassandra, real TLS, real sign-in."""

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import psutil
import uvloop
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy
from cassandra_sigv4.auth import SigV4AuthProvider

from declared import aws
from local.credentials_endpoint import CredentialsEndpoint
from local_keyspaces import service
from local_keyspaces.cassandra import fetch_jars, run_cassandra
from local_keyspaces.cassandra_session import Upstream, open_session
from local_keyspaces.credentials import Credentials, CredentialStore, Role
from local_keyspaces.faults import Faults
from local_keyspaces.iam import Policy
from local_keyspaces.listening import listen
from local_keyspaces.processes import Registry
from local_keyspaces.service import run_keyspaces
from local_keyspaces.tables import TableSchema
from local_keyspaces.witness import Witness
from tests.processes import listens, wait_until

T = TypeVar("T")

JARS = Path(__file__).parent.parent / ".local" / "jars"
REGION = "us-east-1"
SCHEMA_DELAY = 0.3
COUNTRIES = TableSchema(
    keyspace="geography_domain",
    name="countries",
    columns={"id": "text", "name": "text", "capital": "text", "population": "int", "area": "int"},
    partition_key=["id"],
)


ARN = f"arn:aws:cassandra:{REGION}:{aws.ACCOUNT}:/keyspace/"


def role(*statements: Mapping[str, Any], name: str = "test") -> Role:
    """A role with these policy statements."""
    policy = Policy.parse({"Version": "2012-10-17", "Statement": list(statements)}, name)
    return Role(arn=f"arn:aws:iam::{aws.ACCOUNT}:role/{name}", policies=(policy,))


def allow(actions: Sequence[str], resource: str) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


READ_SYSTEM = allow(["cassandra:Select"], f"{ARN}system*")
EVERYTHING = role(allow(["*"], "*"))


@dataclass(frozen=True, kw_only=True)
class LocalKeyspaces:
    service: service.LocalKeyspaces
    upstream: Upstream
    credentials: CredentialsEndpoint
    loop: asyncio.AbstractEventLoop
    cassandra_pid: int
    witness: Witness
    _started_again: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.service.port

    @property
    def ca_file(self) -> Path:
        return self.service.ca_file

    @property
    def store(self) -> CredentialStore:
        return self.service.store

    def environment(
        self, table: TableSchema = COUNTRIES, role: Role = EVERYTHING, *, known_as: str = ""
    ) -> Mapping[str, str]:
        """A task's environment as on Fargate, except for the endpoint and its authority. known_as: the program's name
        for the table, if it differs."""
        return {
            "AWS_REGION": REGION,
            "KEYSPACES_ENDPOINT": f"localhost:{self.port}",
            "KEYSPACES_CA_FILE": str(self.ca_file),
            "KEYSPACES_KEYSPACE": table.keyspace,
            f"KEYSPACES_TABLE_{(known_as or table.name).upper()}": table.name,
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_CONFIG_FILE": "/dev/null",
            **self.credentials.environment_for(role),
        }

    @contextmanager
    def connect(self, role: Role = EVERYTHING, **options: Any) -> Iterator[Session]:
        """A driver's session through the endpoint, at LOCAL_QUORUM. options: of the driver."""
        issued = self.store.issue_for_role(role)
        cluster = driver(self, issued, **options)
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    @contextmanager
    def cassandra(self) -> Iterator[Session]:
        """A driver's session with Cassandra itself, without the endpoint."""
        with open_session(self.upstream) as session:
            yield session

    def create(self, table: TableSchema) -> None:
        """Creates the table as an infrastructure tool does; returns once the table can be used."""
        schema = self.service.schema
        self.call(schema.ensure_keyspace(table.keyspace))
        self.call(schema.ensure_table(table))

    @contextmanager
    def injecting(self, **faults: Any) -> Iterator[None]:
        self.service.faults.write(Faults(**faults))
        try:
            yield
        finally:
            self.service.faults.write(Faults())

    @property
    def cassandra_process(self) -> psutil.Process:
        """The running Cassandra."""
        return psutil.Process(self._started_again[-1].pid if self._started_again else self.cassandra_pid)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Kills Cassandra, and restarts it with the same port and data at the end of the block. Then waits until the
        endpoint reaches it again, for the following tests."""
        process = self.cassandra_process
        command, directory = process.cmdline(), process.cwd()
        process.kill()
        wait_until(lambda: not listens(self.upstream.port))
        yield
        self._started_again.append(
            subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )
        wait_until(self._reaches_cassandra)

    def _reaches_cassandra(self) -> bool:
        """Whether the endpoint's own session reaches Cassandra; its driver retries a failed host at growing
        intervals."""
        try:
            self.service.schema._session.execute("SELECT key FROM system.local")
        except NoHostAvailable:
            return False
        return True

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs it in the endpoint's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    @classmethod
    @contextmanager
    def run(cls, directory: Path) -> Iterator["LocalKeyspaces"]:
        loop = uvloop.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def call(coroutine: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

        # One task enters and leaves, as asyncio's timeouts want it.
        stop, started = asyncio.Event(), asyncio.run_coroutine_threadsafe(_future(), loop).result()
        ended = asyncio.run_coroutine_threadsafe(_serve(directory, started, stop), loop)
        started_again: list[subprocess.Popen[bytes]] = []
        try:
            running: LocalKeyspaces = call(_first(started, ended))
            started_again = running._started_again
            yield running
        finally:
            for process in started_again:
                process.kill()
                process.wait()
            loop.call_soon_threadsafe(stop.set)
            ended.result(60)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _future() -> "asyncio.Future[LocalKeyspaces]":
    return asyncio.get_running_loop().create_future()


async def _first(started: "asyncio.Future[LocalKeyspaces]", ended: Any) -> LocalKeyspaces:
    server = asyncio.wrap_future(ended)
    await asyncio.wait({started, server}, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        server.result()
    return started.result()


async def _serve(directory: Path, started: "asyncio.Future[LocalKeyspaces]", stop: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        cassandra = await stack.enter_async_context(
            run_cassandra(
                directory=directory / "cassandra",
                classpath=await fetch_jars(JARS),
                log_file=directory / "cassandra.log",
                registry=Registry(directory / "processes.json"),
            )
        )
        witness = Witness()
        running = await stack.enter_async_context(
            run_keyspaces(
                directory=directory / "keyspaces",
                cassandra=cassandra.upstream,
                listener=listen(0, "again"),
                region=REGION,
                account=aws.ACCOUNT,
                schema_delay=SCHEMA_DELAY,
                witness=witness,
            )
        )
        credentials = CredentialsEndpoint(running.store)
        await stack.enter_async_context(credentials.serve())
        started.set_result(
            LocalKeyspaces(
                service=running,
                upstream=cassandra.upstream,
                credentials=credentials,
                loop=asyncio.get_running_loop(),
                cassandra_pid=cassandra.process.pid,
                witness=witness,
            )
        )
        await stop.wait()


def driver(keyspaces: LocalKeyspaces, credentials: Credentials, **options: Any) -> Cluster:
    """Signs in through AWS's plugin for the driver."""
    session = boto3.Session(
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token,
        region_name=REGION,
    )
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=20.0,
    )
    return Cluster(
        **{
            "contact_points": ["localhost"],
            "port": keyspaces.port,
            "protocol_version": 4,
            "auth_provider": SigV4AuthProvider(session),
            "ssl_context": ssl.create_default_context(cafile=keyspaces.ca_file),
            "ssl_options": {"server_hostname": "localhost"},
            "execution_profiles": {EXEC_PROFILE_DEFAULT: profile},
            "schema_metadata_enabled": False,
            "token_metadata_enabled": False,
            "connect_timeout": 20.0,
            "control_connection_timeout": 20.0,
            **options,
        }
    )
