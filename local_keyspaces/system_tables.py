"""The system keyspaces as Keyspaces shows them, stored in Cassandra under names that no client can use.

Cassandra's own system tables describe Cassandra, and a schema that Keyspaces would not show yet. So each system
keyspace is stored in Cassandra as an ordinary keyspace whose name begins with an underscore, and statements are sent
there. The tables and columns are those of the developer guide, "System keyspaces"; the guide does not give the types,
so they are Cassandra 3.11's.
"""

import re
import uuid

from cassandra.cluster import Session

KEYSPACES = ("system", "system_schema", "system_schema_mcs", "system_multiregion_info")
# Cassandra's own keyspaces.
CASSANDRAS_OWN = frozenset(
    "system system_auth system_distributed system_schema system_traces system_views system_virtual_schema".split()
)
REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}"

_ADDRESS = "127.0.0.1"
# The view of a principal that may not describe the VPC endpoint: no peers.
_NO_PEERS = "peers_of_none"

# Hidden from clients: the keyspaces that the next start drops, unless they are dropped before.
_DROPPED = "keyspaces_being_dropped"
DROPPED_KEYSPACES = f'"_system".{_DROPPED}'

_TABLE_OPTIONS = """
    bloom_filter_fp_chance double, caching frozen<map<text, text>>, comment text,
    compaction frozen<map<text, text>>, compression frozen<map<text, text>>, crc_check_chance double,
    dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>,
    flags frozen<set<text>>, gc_grace_seconds int, id uuid, max_index_interval int, memtable_flush_period_in_ms int,
    min_index_interval int, read_repair_chance double, speculative_retry text"""
_COLUMNS = """
    keyspace_name text, table_name text, column_name text, clustering_order text, column_name_bytes blob, kind text,
    position int, type text, PRIMARY KEY (keyspace_name, table_name, column_name)"""
_KEYSPACES = "keyspace_name text PRIMARY KEY, durable_writes boolean, replication frozen<map<text, text>>"
_PEER = """
    peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text, release_version text,
    rpc_address inet, schema_version uuid, tokens set<text>"""
_TYPES = """
    keyspace_name text, type_name text, field_names frozen<list<text>>, field_types frozen<list<text>>"""
_TYPES_MCS = f"""{_TYPES},
    max_nesting_depth int, last_modified_timestamp timestamp, status text,
    direct_referring_tables frozen<list<text>>, direct_parent_types frozen<list<text>>"""
_AUTOSCALING = """
    keyspace_name text, table_name text, provisioned_read_capacity_autoscaling_update frozen<map<text, text>>,
    provisioned_write_capacity_autoscaling_update frozen<map<text, text>>"""

_TABLES: dict[str, dict[str, str]] = {
    "system": {
        "local": """
            key text PRIMARY KEY, bootstrapped text, broadcast_address inet, cluster_name text, cql_version text,
            data_center text, gossip_generation int, host_id uuid, listen_address inet, native_protocol_version text,
            partitioner text, rack text, release_version text, rpc_address inet, schema_version uuid,
            thrift_version text, tokens set<text>, truncated_at map<uuid, blob>""",
        "peers": _PEER,
        _NO_PEERS: _PEER,
        _DROPPED: "keyspace_name text PRIMARY KEY",
        "size_estimates": """
            keyspace_name text, table_name text, range_start text, range_end text, mean_partition_size bigint,
            partitions_count bigint, PRIMARY KEY (keyspace_name, table_name, range_start, range_end)""",
        "prepared_statements": "prepared_id blob PRIMARY KEY, logged_keyspace text, query_string text",
    },
    "system_schema": {
        "keyspaces": _KEYSPACES,
        "tables": f"keyspace_name text, table_name text, {_TABLE_OPTIONS}, PRIMARY KEY (keyspace_name, table_name)",
        "columns": _COLUMNS,
        "types": f"{_TYPES}, PRIMARY KEY (keyspace_name, type_name)",
        # Not in the developer guide, but drivers read them and users report that they exist; always empty.
        "functions": """
            keyspace_name text, function_name text, argument_types frozen<list<text>>,
            argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text,
            return_type text, PRIMARY KEY (keyspace_name, function_name, argument_types)""",
        "aggregates": """
            keyspace_name text, aggregate_name text, argument_types frozen<list<text>>, final_func text,
            initcond text, return_type text, state_func text, state_type text,
            PRIMARY KEY (keyspace_name, aggregate_name, argument_types)""",
        "triggers": """
            keyspace_name text, table_name text, trigger_name text, options frozen<map<text, text>>,
            PRIMARY KEY (keyspace_name, table_name, trigger_name)""",
        "indexes": """
            keyspace_name text, table_name text, index_name text, kind text, options frozen<map<text, text>>,
            PRIMARY KEY (keyspace_name, table_name, index_name)""",
        "views": f"""
            keyspace_name text, view_name text, base_table_id uuid, base_table_name text,
            include_all_columns boolean, where_clause text, cdc boolean, {_TABLE_OPTIONS},
            PRIMARY KEY (keyspace_name, view_name)""",
    },
    "system_schema_mcs": {
        "keyspaces": _KEYSPACES,
        "tables": f"""
            keyspace_name text, table_name text, {_TABLE_OPTIONS}, creation_time timestamp, cdc boolean,
            custom_properties frozen<map<text, frozen<map<text, text>>>>, cdc_specification frozen<map<text, text>>,
            latest_stream_arn text, status text, PRIMARY KEY (keyspace_name, table_name)""",
        "tables_history": """
            keyspace_name text, table_name text, event_time timestamp, creation_time timestamp,
            custom_properties frozen<map<text, frozen<map<text, text>>>>, event text,
            PRIMARY KEY (keyspace_name, table_name, event_time)""",
        "columns": _COLUMNS,
        "tags": """
            resource_id text, keyspace_name text, resource_name text, resource_type text, tags frozen<map<text, text>>,
            PRIMARY KEY (keyspace_name, resource_name)""",
        "types": f"{_TYPES_MCS}, PRIMARY KEY (keyspace_name, type_name)",
        "autoscaling": f"{_AUTOSCALING}, PRIMARY KEY ((keyspace_name, table_name))",
    },
    "system_multiregion_info": {
        "tables": """
            keyspace_name text, table_name text, region text, status text,
            PRIMARY KEY ((keyspace_name, table_name), region)""",
        "keyspaces": """
            keyspace_name text, region text, status text, tables_replication_progress text,
            PRIMARY KEY (keyspace_name, region)""",
        "autoscaling": f"{_AUTOSCALING}, region text, PRIMARY KEY ((keyspace_name, table_name), region)",
        "types": f"{_TYPES_MCS}, region text, PRIMARY KEY ((keyspace_name, type_name), region)",
    },
}

VISIBLE = frozenset(
    (keyspace, table) for keyspace, tables in _TABLES.items() for table in {*tables} - {_NO_PEERS, _DROPPED}
)
"""The system tables that a client can read, as (keyspace, table)."""


def is_hidden(keyspace: str, table: str) -> bool:
    """True for a stored table that no client may see."""
    return keyspace.startswith("_") and (keyspace[1:], table) not in VISIBLE


def stored_name(keyspace: str, table: str, *, shows_peers: bool) -> tuple[str, str]:
    """Cassandra's name of this system table, for a principal that may, or may not, see the peers."""
    hidden = (keyspace, table) == ("system", "peers") and not shows_peers
    return f"_{keyspace}", _NO_PEERS if hidden else table


_STORED_NAME = re.compile(rf'(?<![\w"])"?_({"|".join(KEYSPACES)})"?(?![\w"])|(?<!\w){_NO_PEERS}(?!\w)')


def with_public_names(message: str) -> str:
    """Cassandra's message about a system table, with the names that clients know."""
    return _STORED_NAME.sub(lambda found: found[1] or "peers", message)


def public_name(stored: tuple[str, str]) -> tuple[str, str]:
    """The name under which clients know a stored table; any other table keeps its name."""
    keyspace, table = stored
    return (keyspace[1:], "peers" if table == _NO_PEERS else table) if keyspace.startswith("_") else stored


def create(session: Session) -> None:
    for keyspace, tables in _TABLES.items():
        session.execute(f'CREATE KEYSPACE IF NOT EXISTS "_{keyspace}" WITH replication = {REPLICATION}')
        for table, columns in tables.items():
            session.execute(f'CREATE TABLE IF NOT EXISTS "_{keyspace}".{table} ({columns})')
    # The developer guide reads tags by ARN as well as by name ("View the tags of a table").
    session.execute('CREATE INDEX IF NOT EXISTS tags_by_arn ON "_system_schema_mcs".tags (resource_id)')


PARTITIONERS = (
    "org.apache.cassandra.dht.Murmur3Partitioner",
    "org.apache.cassandra.dht.RandomPartitioner",
    "com.amazonaws.cassandra.DefaultPartitioner",
)
"""Source: developer guide, "Working with partitioners"; the first is the default."""


def write_partitioner(session: Session, partitioner: str) -> None:
    _insert(session, '"_system".local', key="local", partitioner=partitioner)


def write_identity(session: Session, region: str) -> None:
    """The identity that the server reports.

    Values: developer guide, "Connecting with cqlsh", "System keyspaces" and "VPC endpoints". With a VPC endpoint,
    system.peers has an entry for its address in each availability zone, including the address of the connected host;
    this endpoint is in one zone.
    """
    host = {
        "data_center": region,
        "host_id": uuid.uuid5(uuid.NAMESPACE_DNS, f"cassandra.{region}.amazonaws.com"),
        "rack": region,
        "release_version": "3.11.2",
        "rpc_address": _ADDRESS,
        "schema_version": uuid.uuid5(uuid.NAMESPACE_DNS, f"schema.cassandra.{region}.amazonaws.com"),
        "tokens": {str(-(2**63))},
    }
    _insert(session, '"_system".peers', peer=_ADDRESS, preferred_ip=_ADDRESS, **host)
    _insert(
        session,
        '"_system".local',
        key="local",
        bootstrapped="COMPLETED",
        broadcast_address=_ADDRESS,
        cluster_name="Amazon Keyspaces",
        cql_version="3.4.4",
        gossip_generation=0,
        listen_address=_ADDRESS,
        native_protocol_version="4",
        thrift_version="20.1.0",
        **host,
    )
    row = session.execute("SELECT partitioner FROM \"_system\".local WHERE key = 'local'").one()
    if row is None or row.partitioner is None:  # otherwise a client has chosen it
        write_partitioner(session, PARTITIONERS[0])


def _insert(session: Session, table: str, **values: object) -> None:
    columns, marks = ", ".join(values), ", ".join("?" for _ in values)
    session.execute(session.prepare(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), list(values.values()))
