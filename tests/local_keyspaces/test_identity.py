"""The endpoint's description of itself, by which drivers choose protocol and hosts."""

from typing import Any

import pytest
from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import Session

from tests.keyspaces import ARN, EVERYTHING, READ_SYSTEM, REGION, LocalKeyspaces, allow, role

DESCRIBE = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints"]


def test_is_keyspaces_by_its_values(session: Session) -> None:
    """Drivers could not choose their datacenter or their CQL version, which they read from system.local."""
    (local,) = session.execute("SELECT * FROM system.local WHERE key = 'local'")
    assert (local.cluster_name, local.release_version, local.cql_version, local.native_protocol_version) == (
        "Amazon Keyspaces",
        "3.11.2",
        "3.4.4",
        "4",
    )
    assert (local.data_center, local.rack) == (REGION, REGION)
    assert local.partitioner == "org.apache.cassandra.dht.Murmur3Partitioner"
    assert local._fields == (
        *("key", "bootstrapped", "broadcast_address", "cluster_name", "cql_version", "data_center"),
        *("gossip_generation", "host_id", "listen_address", "native_protocol_version", "partitioner", "rack"),
        *("release_version", "rpc_address", "schema_version", "thrift_version", "tokens", "truncated_at"),
    )


def test_names_the_requested_table_in_each_column_description(session: Session) -> None:
    """Object mappers would not find the keyspace and the table of a result's columns."""
    prepared = session.prepare("SELECT peer FROM system.peers WHERE peer = ?")
    assert [(column[0], column[1]) for column in prepared.result_metadata] == [("system", "peers")]
    assert [(column[0], column[1]) for column in prepared.column_metadata] == [("system", "peers")]


@pytest.mark.parametrize(
    ("actions", "count"),
    [(DESCRIBE, 1), (DESCRIBE[:1], 0), (DESCRIBE[1:], 0), ([], 0)],
    ids=["both", "ni", "vpce", "no"],
)
def test_shows_peers_only_to_roles_that_may_describe_the_endpoint(
    keyspaces: LocalKeyspaces, actions: list[str], count: int
) -> None:
    """A service would be slow in production only, since a driver without both permissions sees a single host."""
    statements = [READ_SYSTEM, *([allow(actions, "*")] if actions else [])]
    with keyspaces.connect(role(*statements)) as session:
        peers = session.execute("SELECT * FROM system.peers").all()
        prepared = session.execute(session.prepare("SELECT host_id FROM system.peers")).all()
        (local,) = session.execute("SELECT host_id FROM system.local")
    assert len(peers) == len(prepared) == count
    for peer in peers:
        assert (peer.peer, peer.preferred_ip, peer.rpc_address) == ("127.0.0.1",) * 3
        assert (peer.data_center, peer.rack, peer.release_version) == (REGION, REGION, "3.11.2")
        assert peer.host_id == local.host_id  # of an endpoint in one zone


def test_prepared_for_one_shows_no_peers_to_another(keyspaces: LocalKeyspaces) -> None:
    """A role would see, through another role's prepared statement, system rows that it may not see."""
    with keyspaces.connect() as entitled, keyspaces.connect(role(READ_SYSTEM)) as other:
        statement = entitled.prepare("SELECT peer FROM system.peers")
        assert len(entitled.execute(statement).all()) == 1
        with pytest.raises(Exception, match=r"(?i)prepare|ID mismatch"):
            other.execute(statement)


@pytest.mark.parametrize("table", ["system.peers_v2", "system.peers_of_none", "system_schema.nothing", "system.paxos"])
def test_has_the_documented_system_tables_only(session: Session, table: str) -> None:
    """Drivers would fail at start, since they query tables of newer versions first and rely on the error."""
    with pytest.raises(InvalidRequest, match=f"unconfigured table {table}"):
        session.execute(f"SELECT * FROM {table}")


@pytest.mark.parametrize("keyspace", ["_system", "system_auth", "system_virtual_schema", "system_views"])
def test_shows_nothing_of_the_cassandra_behind(session: Session, keyspace: str) -> None:
    """A program could rely on system tables that do not exist in the cloud."""
    with pytest.raises(InvalidRequest, match=f"unconfigured keyspace {keyspace}"):
        session.execute(f'SELECT * FROM "{keyspace}".local')


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO system.local (key) VALUES ('x')",
        "DELETE FROM system_schema_mcs.tables WHERE keyspace_name = 'a' AND table_name = 'b'",
        "BEGIN UNLOGGED BATCH UPDATE system.peers SET rack = 'x' WHERE peer = '127.0.0.1' APPLY BATCH",
        "DROP KEYSPACE system",
        "DROP TABLE system.local",
        "CREATE TABLE system_schema.mine (a int PRIMARY KEY)",
        "ALTER TABLE system.local ADD mine int",
    ],
)
def test_has_system_tables_that_nobody_can_change(session: Session, statement: str) -> None:
    """A program could change system tables here, and would be refused in the cloud."""
    with pytest.raises(Unauthorized, match="keyspace is not user-modifiable"):
        session.execute(statement)


def test_drivers_can_read_the_schema(keyspaces: LocalKeyspaces) -> None:
    """cqlsh's DESCRIBE and object mappers would fail, since they read these tables."""
    table: Any
    with keyspaces.connect(EVERYTHING, schema_metadata_enabled=True, token_metadata_enabled=True) as session:
        metadata = session.cluster.metadata
        assert {"system", "system_schema", "system_schema_mcs", "system_multiregion_info"} <= metadata.keyspaces.keys()
        assert not [name for name in metadata.keyspaces if name.startswith("_")]
        table = metadata.keyspaces["geography_domain"].tables["countries"]
        assert [column.name for column in table.partition_key] == ["id"]
        assert table.columns["population"].cql_type == "int"
        assert metadata.keyspaces["system"].tables["local"].columns["key"].cql_type == "text"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("SELECT nosuch FROM system.local", r"system\.local"),
        ("SELECT nosuch FROM system.peers", r"system\.peers"),
        ("SELECT nosuch FROM system_schema.tables", r"system_schema\.tables"),
        ("SELECT * FROM system_schema_mcs.tables WHERE nosuch = 1", "nosuch"),
        ("SELECT * FROM system_schema_mcs.tags WHERE tags = {'a': 'b'}", "(?i)filtering"),
        ("SELECT * FROM system_multiregion_info.tables WHERE region = 'x'", "(?i)filtering"),
    ],
)
@pytest.mark.parametrize("prepared", [False, True], ids=["as text", "prepared"])
@pytest.mark.parametrize("describes", [False, True], ids=["without peers", "with peers"])
def test_names_no_table_of_the_cassandra_behind_in_an_error(
    keyspaces: LocalKeyspaces, statement: str, name: str, prepared: bool, describes: bool
) -> None:
    """A developer would look for a table that does not exist, because the error names an internal one."""
    statements = [READ_SYSTEM, *([allow(DESCRIBE, "*")] if describes else [])]
    with keyspaces.connect(role(*statements)) as session, pytest.raises(InvalidRequest, match=name) as refused:
        if prepared:
            session.prepare(statement)
        else:
            session.execute(statement)
    message = str(refused.value)
    assert "_system" not in message
    assert "peers_of_none" not in message


def test_changes_the_partitioner_as_documented(keyspaces: LocalKeyspaces, session: Session) -> None:
    """AWS's samples for Spark and Glue would fail at their first statement, which sets the partitioner."""
    update = "UPDATE system.local SET partitioner = '{}' WHERE key = 'local'"
    with pytest.raises(InvalidRequest, match="Unknown partitioner 'Mine'"):
        session.execute(update.format("Mine"))
    with pytest.raises(Unauthorized, match="keyspace is not user-modifiable"):
        session.execute(update.format("x").replace("partitioner", "rack"))
    with pytest.raises(InvalidRequest, match="can be prepared"):
        session.prepare(update.format("x"))
    murmur = "org.apache.cassandra.dht.Murmur3Partitioner"
    with keyspaces.connect(role(READ_SYSTEM)) as other, pytest.raises(Unauthorized, match="UPDATEPARTITIONER"):
        other.execute(update.format(murmur))
    action = allow(["cassandra:UpdatePartitioner"], f"{ARN}system/table/local")
    with keyspaces.connect(role(READ_SYSTEM, action)) as entitled:
        entitled.execute(update.format(murmur))
