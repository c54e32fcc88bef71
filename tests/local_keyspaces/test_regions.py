"""Multi-Region keyspaces as a client sees them: their Regions, their status, and the permissions they need."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import Session

from declared.aws import ACCOUNT
from local_keyspaces.listening import listen
from local_keyspaces.service import run_keyspaces
from tests.keyspaces import ARN, READ_SYSTEM, REGION, LocalKeyspaces, allow, role
from tests.processes import wait_until

TWO = "{'class': 'NetworkTopologyStrategy', 'us-east-1': '3', 'eu-west-1': '3'}"
THREE = TWO.replace("}", ", 'ap-southeast-1': 3}")


def regions(session: Session, keyspace: str, what: str = "keyspaces") -> Mapping[str, str]:
    rows = session.execute(
        f"SELECT region, status FROM system_multiregion_info.{what} WHERE keyspace_name = %s ALLOW FILTERING",
        [keyspace],
    )
    return {row.region: row.status for row in rows}


def wait_for(session: Session, keyspace: str) -> None:
    query = "SELECT * FROM system_schema_mcs.keyspaces WHERE keyspace_name = %s"
    wait_until(lambda: session.execute(query, [keyspace]).one() is not None)


@pytest.fixture(scope="module")
def world(session: Session) -> Iterator[Session]:
    session.execute(f"CREATE KEYSPACE world WITH replication = {TWO}")
    assert regions(session, "world") == {"us-east-1": "CREATING", "eu-west-1": "CREATING"}
    wait_for(session, "world")
    session.execute("CREATE TYPE world.point (x int)")
    wait_until(lambda: set(regions(session, "world", "types").values()) == {"ACTIVE"})
    session.execute("CREATE TABLE world.t (a int PRIMARY KEY, b int)")
    wait_until(lambda: set(regions(session, "world", "tables").values()) == {"ACTIVE"})
    yield session


def test_shows_the_regions_of_a_keyspace_and_of_its_tables(world: Session) -> None:
    """A deployment that waits for every Region would never end, or would go on too early."""
    two = {"us-east-1": "ACTIVE", "eu-west-1": "ACTIVE"}
    assert [regions(world, "world", what) for what in ("keyspaces", "tables", "types")] == [two, two, two]
    for schema in ("system_schema", "system_schema_mcs"):
        row = world.execute(f"SELECT replication FROM {schema}.keyspaces WHERE keyspace_name = 'world'").one()
        assert dict(row.replication) == {
            "class": "org.apache.cassandra.locator.NetworkTopologyStrategy",
            "us-east-1": "3",
            "eu-west-1": "3",
        }


def test_replicated_tables_have_client_side_timestamps(world: Session) -> None:
    """A program that relies on USING TIMESTAMP being refused would behave otherwise in the cloud, where replication
    enables it."""
    world.execute("INSERT INTO world.t (a, b) VALUES (1, 2) USING TIMESTAMP 5")
    assert world.execute("SELECT WRITETIME(b) FROM world.t WHERE a = 1").one()[0] == 5


def test_adds_a_region(session: Session) -> None:
    """ALTER KEYSPACE would add several Regions at once, or add one to tables without client-side timestamps."""
    session.execute("CREATE KEYSPACE grows WITH replication = {'class': 'SingleRegionStrategy'}")
    wait_for(session, "grows")
    session.execute("CREATE TABLE grows.t (a int PRIMARY KEY, b int)")
    query = "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'grows'"
    wait_until(lambda: session.execute(query).one().status == "ACTIVE")
    with pytest.raises(InvalidRequest, match=r"table grows\.t has no client-side timestamps"):
        session.execute(f"ALTER KEYSPACE grows WITH replication = {TWO}")
    timestamps = "AND client_side_timestamps = {'status': 'ENABLED'}"
    session.execute(f"ALTER KEYSPACE grows WITH replication = {TWO} {timestamps}")
    wait_until(lambda: regions(session, "grows") == {"us-east-1": "ACTIVE", "eu-west-1": "ACTIVE"})
    session.execute("INSERT INTO grows.t (a, b) VALUES (1, 2) USING TIMESTAMP 5")
    with pytest.raises(InvalidRequest, match="must keep the Region eu-west-1"):
        session.execute(f"ALTER KEYSPACE grows WITH replication = {TWO.replace('eu-west-1', 'eu-west-2')}")
    with pytest.raises(InvalidRequest, match="one Region at a time"):
        session.execute(
            f"ALTER KEYSPACE grows WITH replication = {THREE.replace('}', ', ' + repr('eu-west-3') + ': 3}')}"
        )
    session.execute(f"ALTER KEYSPACE grows WITH replication = {THREE}")
    wait_until(lambda: regions(session, "grows").get("ap-southeast-1") == "ACTIVE")
    session.execute("DROP KEYSPACE grows")
    wait_until(lambda: not regions(session, "grows"))
    assert not regions(session, "grows", "tables")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("{'class': 'NetworkTopologyStrategy', 'us-east-1': '3'}", "at least two Regions"),
        ("{'class': 'NetworkTopologyStrategy', 'eu-west-1': 3, 'eu-west-2': 3}", "must be one of the Regions"),
        ("{'class': 'NetworkTopologyStrategy', 'us-east-1': 3, 'eu-west-1': 2}", "replication factor of eu-west-1"),
        ("{'class': 'NetworkTopologyStrategy', 'us-east-1': 3, 'Virginia': 3}", "is no Region"),
        ("{'class': 'SingleRegionStrategy', 'us-east-1': 3}", "takes no us-east-1"),
        ("{'class': 'SimpleStrategy', 'replication_factor': 'x'}", "takes no replication_factor"),
        (f"{TWO} AND client_side_timestamps = {{'status': 'enabled'}}", "only where ALTER KEYSPACE"),
        (f"{TWO} AND tags = {{'aws:x': 'y'}}", "reserved for the service"),
        (f"{TWO} AND more = 3", "Unknown property"),
    ],
)
def test_refuses_a_replication_that_keyspaces_has_not(session: Session, statement: str, message: str) -> None:
    """A keyspace that the service refuses could be created here."""
    with pytest.raises(InvalidRequest, match=message):
        session.execute(f"CREATE KEYSPACE refused WITH replication = {statement}")
    with pytest.raises(InvalidRequest, match="unconfigured keyspace"):
        session.execute("USE refused")


def test_needs_the_permissions_for_several_regions(keyspaces: LocalKeyspaces, world: Session) -> None:
    """A role that can read a table of one Region would pass here and be refused for a table of several Regions."""
    table = f"{ARN}world/table/t"
    one = role(READ_SYSTEM, allow(["cassandra:Select", "cassandra:Modify"], table))
    read = role(READ_SYSTEM, allow(["cassandra:Select", "cassandra:SelectMultiRegionResource"], table))
    with keyspaces.connect(one) as session, pytest.raises(Unauthorized, match="no SELECT permission"):
        session.execute("SELECT * FROM world.t")
    with keyspaces.connect(read) as session:
        session.execute("SELECT * FROM world.t")
        with pytest.raises(Unauthorized, match="no MODIFY permission"):
            session.execute("INSERT INTO world.t (a) VALUES (1)")
    create = role(READ_SYSTEM, allow(["cassandra:Create"], f"{ARN}refused/"))
    with keyspaces.connect(create) as session, pytest.raises(Unauthorized, match="CREATEMULTIREGIONRESOURCE"):
        session.execute(f"CREATE KEYSPACE refused WITH replication = {TWO}")


def test_decides_anew_when_the_schema_changes(keyspaces: LocalKeyspaces, session: Session) -> None:
    """A connection that has executed a statement may execute it for ever, though a change of the schema forbids it."""
    session.execute("CREATE KEYSPACE decided WITH replication = {'class': 'SingleRegionStrategy'}")
    wait_for(session, "decided")
    session.execute("CREATE TABLE decided.t (a int PRIMARY KEY)")
    status = "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'decided'"
    wait_until(lambda: session.execute(status).one().status == "ACTIVE")
    reader = role(READ_SYSTEM, allow(["cassandra:Select"], f"{ARN}decided/table/t"))
    with keyspaces.connect(reader) as client:
        select = client.prepare("SELECT a FROM decided.t WHERE a = ?")
        client.execute(select, [1])
        session.execute(
            f"ALTER KEYSPACE decided WITH replication = {TWO} AND client_side_timestamps = {{'status': 'ENABLED'}}"
        )
        with pytest.raises(Unauthorized, match="no SELECT permission"):
            client.execute(select, [1])
    prepared = session.prepare("SELECT a FROM decided.t WHERE a = ?")
    session.execute(prepared, [1])
    session.execute("DROP TABLE decided.t")
    with pytest.raises(InvalidRequest, match="unconfigured table"):
        session.execute(prepared, [1])


@pytest.mark.long
def test_keeps_regions_and_the_partitioner_over_a_start(
    keyspaces: LocalKeyspaces, world: Session, tmp_path: Path
) -> None:
    """A keyspace would lose its Regions, or the partitioner, after a restart."""

    async def start() -> Mapping[str, tuple[str, ...]]:
        async with run_keyspaces(
            directory=tmp_path,
            cassandra=keyspaces.upstream,
            listener=listen(0, "again"),
            region=REGION,
            account=ACCOUNT,
        ) as service:
            return dict(service.schema.catalog.regions)

    default, random = "com.amazonaws.cassandra.DefaultPartitioner", "org.apache.cassandra.dht.RandomPartitioner"
    query = "SELECT partitioner FROM system.local"
    world.execute(f"UPDATE system.local SET partitioner = '{random}' WHERE key = 'local'")
    wait_until(lambda: world.execute(query).one().partitioner == random)
    assert keyspaces.call(start())["world"] == ("eu-west-1", "us-east-1")
    assert world.execute(query).one().partitioner == random
    world.execute(f"UPDATE system.local SET partitioner = '{default}' WHERE key = 'local'")
    wait_until(lambda: world.execute(query).one().partitioner == default)
    murmur = "org.apache.cassandra.dht.Murmur3Partitioner"
    world.execute(f"UPDATE system.local SET partitioner = '{murmur}' WHERE key = 'local'")
    wait_until(lambda: world.execute(query).one().partitioner == murmur)
