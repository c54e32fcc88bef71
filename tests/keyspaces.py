"""A local Keyspaces endpoint for tests: real Cassandra, real TLS, real sign-in; in this process, on a thread."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from local import aws
from local.cassandra import fetch_jars, run_cassandra
from local.credentials_endpoint import CredentialsEndpoint
from local.keyspaces import endpoint, tables
from local.keyspaces.certificates import Certificates
from local.keyspaces.credentials import CredentialStore
from local.keyspaces.tables import TableSchema
from local.processes import Registry

T = TypeVar("T")

JARS = Path(__file__).parent.parent / ".local" / "jars"
REGION = "us-east-1"
COUNTRIES = TableSchema(
    keyspace="geography_domain",
    name="countries",
    columns={"id": "text", "name": "text", "capital": "text", "population": "int", "area": "int"},
    partition_key=["id"],
)


@dataclass(frozen=True, kw_only=True)
class LocalKeyspaces:
    port: int
    cassandra_port: int
    ca_file: Path
    store: CredentialStore
    credentials: CredentialsEndpoint

    def environment(self, table: TableSchema = COUNTRIES) -> Mapping[str, str]:
        """What a task gets: as on Fargate, but for the endpoint and its authority."""
        return {
            "AWS_REGION": REGION,
            "KEYSPACES_ENDPOINT": f"localhost:{self.port}",
            "KEYSPACES_CA_FILE": str(self.ca_file),
            "KEYSPACES_KEYSPACE": table.keyspace,
            "KEYSPACES_TABLE": table.name,
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_CONFIG_FILE": "/dev/null",
            **self.credentials.environment_for(f"arn:aws:iam::{aws.ACCOUNT}:role/test"),
        }

    @contextmanager
    def tables(self) -> Iterator[tables.Tables]:
        with tables.connect(self.cassandra_port) as connected:
            yield connected

    @contextmanager
    def cassandra(self) -> Iterator[Any]:
        """A driver's session past the endpoint, with Cassandra itself."""
        with tables.open_session(self.cassandra_port) as session:
            yield session

    def create(self, table: TableSchema) -> None:
        with self.tables() as connected:
            connected.create_keyspace(table.keyspace)
            connected.create_table(table)

    @classmethod
    @contextmanager
    def run(cls, directory: Path) -> Iterator["LocalKeyspaces"]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def call(coroutine: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

        # One task enters and leaves, as asyncio's timeouts want it.
        stop, started = asyncio.Event(), asyncio.run_coroutine_threadsafe(_future(), loop).result()
        ended = asyncio.run_coroutine_threadsafe(_serve(directory, started, stop), loop)
        try:
            running: LocalKeyspaces = call(_first(started, ended))
            with running.tables() as connected:
                connected.create_system_schema()
            yield running
        finally:
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
        cassandra_port = await stack.enter_async_context(
            run_cassandra(
                directory=directory / "cassandra",
                classpath=await fetch_jars(JARS),
                log_file=directory / "cassandra.log",
                registry=Registry(directory / "processes.json"),
            )
        )
        store, certificates = CredentialStore(), Certificates(directory / "certificates")
        credentials = CredentialsEndpoint(store)
        await stack.enter_async_context(credentials.serve())
        port = await stack.enter_async_context(
            endpoint.serve(
                port=0,
                tls=certificates.server_context(REGION),
                region=REGION,
                store=store,
                cassandra=("127.0.0.1", cassandra_port),
            )
        )
        started.set_result(
            LocalKeyspaces(
                port=port,
                cassandra_port=cassandra_port,
                ca_file=certificates.ca_file,
                store=store,
                credentials=credentials,
            )
        )
        await stop.wait()
