"""Apache Cassandra as a child process: a single node on 127.0.0.1, with its data in a given directory."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_keyspaces import jars
from local_keyspaces.cassandra_session import Upstream
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.files import write_atomically
from local_keyspaces.java import find_java
from local_keyspaces.listening import free_port
from local_keyspaces.processes import Registry, end_process, last_lines, listen_failure

_START_SECONDS = 120.0
_STOP_SECONDS = 20.0

# Packages that Cassandra 5 needs opened on Java 17; source: apache/cassandra, conf/jvm17-server.options.
_OPENED = (
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.management.rmi/com.sun.jmx.remote.internal.rmi=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.server=ALL-UNNAMED",
    "--add-exports=java.sql/java.sql=ALL-UNNAMED",
    "--add-exports=java.base/java.lang.ref=ALL-UNNAMED",
    "--add-exports=jdk.unsupported/sun.misc=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.module=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.loader=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.reflect=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.math=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.module=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.util.jar=ALL-UNNAMED",
    "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.lang.reflect=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED",
)

# Cassandra starts in about half the time. Without the optimizing compiler it serves a third to a half less.
STARTS_FAST: Final = ("-Xms512M", "-Xmx512M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

_YAML = """\
cluster_name: local
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
saved_caches_directory: "{data}/saved_caches"
hints_directory: "{data}/hints"
cdc_raw_directory: "{data}/cdc_raw"
commitlog_sync: periodic
commitlog_sync_period: 1000ms
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{storage_port}"}}]
listen_address: 127.0.0.1
storage_port: {storage_port}
rpc_address: 127.0.0.1
native_transport_port: {port}
endpoint_snitch: SimpleSnitch
auto_snapshot: false
# Keyspaces allows larger batches, and sends no warnings to clients.
batch_size_warn_threshold: 8MiB
batch_size_fail_threshold: 8MiB
unlogged_batch_across_partitions_warn_threshold: 1000
"""

_GUARD = """\
authenticator:
  class_name: EndpointOnly
  parameters: {{password_file: "{password_file}"}}
internode_authenticator:
  class_name: EndpointOnly
  parameters: {{password_file: "{password_file}"}}
"""

_LOGBACK = """\
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{ISO8601} %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="STDOUT"/></root>
</configuration>
"""


@dataclass(frozen=True, kw_only=True)
class Cassandra:
    """A running Cassandra. upstream: its port for CQL without TLS, and the endpoint's password."""

    upstream: Upstream
    process: asyncio.subprocess.Process
    log_file: Path

    async def watch(self) -> None:
        """Waits while Cassandra runs. Raises LocalKeyspacesError if it ends by itself."""
        code = await self.process.wait()
        raise LocalKeyspacesError(
            f"Cassandra ended with exit code {code}; its log, {self.log_file}, ends with:\n{last_lines(self.log_file)}"
        )


@asynccontextmanager
async def run_cassandra(
    *,
    directory: Path,
    classpath: Sequence[str],
    log_file: Path,
    registry: Registry,
    settings: str = "",
    open_to_all: bool = False,
    virtual_machine: Sequence[str] = STARTS_FAST,
) -> AsyncIterator[Cassandra]:
    """Starts Cassandra, yields when it accepts connections, and ends it. Raises LocalKeyspacesError if it cannot start.

    settings: additional lines of cassandra.yaml. open_to_all: every user of the machine may read and write without the
    password; for measurements of programs that cannot send it. virtual_machine: Java's options for heap, compiler and
    garbage collector.
    """
    java = find_java()
    port, storage_port = free_port(), free_port()
    configuration = directory / "conf"
    upstream = Upstream(port=port, password=secrets.token_urlsafe(32))
    yaml, logback = configuration / "cassandra.yaml", configuration / "logback.xml"
    password_file = _make_private(configuration, directory) / "password"
    write_atomically(password_file, upstream.password)
    guard = "" if open_to_all else _GUARD.format(password_file=password_file)
    yaml.write_text(_YAML.format(data=directory, port=port, storage_port=storage_port) + guard + settings)
    logback.write_text(_LOGBACK)
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            java,
            *_OPENED,
            *virtual_machine,
            "-XX:-UsePerfData",
            "-Djdk.attach.allowAttachSelf=true",
            "-Djava.io.tmpdir=" + str(configuration),
            f"-Dcassandra.config={yaml.as_uri()}",
            f"-Dcassandra.storagedir={directory}",
            f"-Dlogback.configurationFile={logback}",
            # A single node has no other nodes to wait for.
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.ring_delay_ms=0",
            "-Dcassandra.shutdown_announce_in_ms=0",
            "-cp",
            os.pathsep.join(classpath),
            "org.apache.cassandra.service.CassandraDaemon",
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    registry.add("Cassandra", process.pid)
    try:
        if failure := await listen_failure(process, port, seconds=_START_SECONDS):
            raise LocalKeyspacesError(f"Cassandra {failure}; its log, {log_file}, ends with:\n{last_lines(log_file)}")
        yield Cassandra(upstream=upstream, process=process, log_file=log_file)
    finally:
        await end_process(process, stop_timeout=_STOP_SECONDS)
        registry.remove(process.pid)


def _make_private(configuration: Path, directory: Path) -> Path:
    """Creates and returns `configuration`. Makes `directory`, with the data, private; earlier versions left it open."""
    configuration.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    return configuration


async def fetch_jars(directory: Path) -> Sequence[str]:
    """Returns Cassandra's class path. Fetches the jars from Maven Central the first time, and verifies them each time.

    Raises LocalKeyspacesError.
    """
    listing = jars.classpath_file(directory)
    if not listing.exists():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "local_keyspaces.jars",
            str(directory),
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, errors = await process.communicate()
        finally:
            await end_process(process, stop_timeout=0)
        if process.returncode != 0:
            reason = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            raise LocalKeyspacesError(f"Cassandra's jars could not be fetched from Maven Central: {reason[0]}")
    classpath = listing.read_text().splitlines()
    await asyncio.to_thread(jars.verify, classpath, jars.pinned())
    return classpath
