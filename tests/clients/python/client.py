"""Runs the operations of AWS's samples with the Python driver.

Usage: client.py SIGN_IN KEYSPACE, with SIGN_IN sigv4 or password.
"""

import os
import ssl
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial

import boto3
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.policies import DCAwareRoundRobinPolicy
from cassandra.query import BatchStatement, BatchType, SimpleStatement
from cassandra_sigv4.auth import SigV4AuthProvider

SIGN_IN, KEYSPACE = sys.argv[1:]
HOST, REGION = os.environ["KEYSPACES_HOST"], os.environ["AWS_REGION"]
ORDERS = f"{KEYSPACE}.orders"

if SIGN_IN == "sigv4":
    auth = SigV4AuthProvider(boto3.Session())
else:
    auth = PlainTextAuthProvider(os.environ["KEYSPACES_USER_NAME"], os.environ["KEYSPACES_PASSWORD"])
profile = ExecutionProfile(
    load_balancing_policy=DCAwareRoundRobinPolicy(REGION),
    consistency_level=ConsistencyLevel.LOCAL_QUORUM,
    request_timeout=60,
)
cluster = Cluster(
    [HOST],
    int(os.environ["KEYSPACES_PORT"]),
    auth_provider=auth,
    ssl_context=ssl.create_default_context(cafile=os.environ["KEYSPACES_CA_FILE"]),
    ssl_options={"server_hostname": HOST},
    execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    connect_timeout=60,
    control_connection_timeout=60,
)
session = cluster.connect()
failures = 0


def step(name: str, work: Callable[[], None]) -> None:
    global failures
    try:
        work()
        print(f"{name}: ok", flush=True)
    except Exception as error:  # the next step is of interest all the same
        failures += 1
        traceback.print_exc()
        print(f"{name}: failed: {error!r}", flush=True)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "not done after 60 seconds"
        time.sleep(0.1)


def status(kind: str, name: str) -> str | None:
    """Of a table or a type; None if it is not there."""
    column = {"tables": "table_name", "types": "type_name"}[kind]
    query = f"SELECT status FROM system_schema_mcs.{kind} WHERE keyspace_name = %s AND {column} = %s"
    row = session.execute(query, (KEYSPACE, name)).one()
    return row.status if row else None


def is_gone(kind: str, name: str) -> bool:
    return status(kind, name) is None


def there() -> bool:
    query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
    return session.execute(query, (KEYSPACE,)).one() is not None


def system_tables() -> None:
    assert session.execute("SELECT * FROM system.local").one().data_center == REGION
    assert session.execute("SELECT * FROM system.peers").all()
    future = session.execute_async("SELECT keyspace_name, table_name FROM system_schema.tables")
    assert ("system", "local") in [tuple(row) for row in future.result()]
    assert session.execute("SELECT * FROM system_schema_mcs.tables").all() is not None


def partitioner() -> None:
    murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner"
    session.execute("UPDATE system.local SET partitioner = %s WHERE key = 'local'", (murmur3,))
    wait(lambda: session.execute("SELECT partitioner FROM system.local").one().partitioner == murmur3)


def keyspace() -> None:
    session.execute(
        f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {{'class': 'SingleRegionStrategy'}}"
        " AND TAGS = {'team': 'shop'}"
    )
    wait(there)


def table() -> None:
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {ORDERS} (customer text, number int, state text, placed timestamp,"
        " PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC) AND custom_properties = {"
        " 'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'},"
        " 'point_in_time_recovery': {'status': 'enabled'},"
        " 'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'},"
        " 'ttl': {'status': 'enabled'}}"
    )
    wait(lambda: status("tables", "orders") == "ACTIVE")


def custom_properties() -> None:
    query = "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = 'orders'"
    properties = session.execute(query, (KEYSPACE,)).one().custom_properties
    assert properties["capacity_mode"]["throughput_mode"] == "PAY_PER_REQUEST"
    assert properties["point_in_time_recovery"]["status"] == "enabled"


def prepared_write() -> None:
    insert = session.prepare(
        f"INSERT INTO {ORDERS} (customer, number, state, placed) VALUES (?, ?, ?, toTimestamp(now()))"
    )
    rows = [("ada", number, "new") for number in range(25)]
    execute_concurrent_with_args(session, insert, rows, concurrency=5)


def prepared_read() -> None:
    select = session.prepare(f"SELECT number, state, placed FROM {ORDERS} WHERE customer = ? AND number <= ?")
    rows = session.execute(select, ("ada", 2)).all()
    assert [(row.number, row.state) for row in rows] == [(2, "new"), (1, "new"), (0, "new")]


def pages() -> None:
    result = session.execute(SimpleStatement(f"SELECT * FROM {ORDERS}", fetch_size=10))
    found, count = len(result.current_rows), 1
    while result.has_more_pages:
        result.fetch_next_page()
        found, count = found + len(result.current_rows), count + 1
    assert found == 25
    assert count >= 3


def token_range() -> None:
    select = session.prepare(
        f"SELECT customer FROM {ORDERS} WHERE token(customer) >= ? AND token(customer) < ? LIMIT ?"
    )
    select.consistency_level = ConsistencyLevel.LOCAL_ONE
    assert len(session.execute(select, (-(2**63), 2**63 - 1, 3)).all()) == 3


def filters() -> None:
    select = session.prepare(f"SELECT number FROM {ORDERS} WHERE customer = ? AND number IN (?, ?)")
    assert sorted(row.number for row in session.execute(select, ("ada", 2, 7))) == [2, 7]
    select = session.prepare(f"SELECT number FROM {ORDERS} WHERE state = ? ALLOW FILTERING")
    assert len(session.execute(select, ("new",)).all()) == 25
    assert session.execute(select, ("paid",)).all() == []


def unlogged_batch() -> None:
    insert = session.prepare(f"INSERT INTO {ORDERS} (customer, number, state) VALUES (?, ?, ?)")
    batch = BatchStatement(BatchType.UNLOGGED)
    for number in range(30):
        batch.add(insert, ("bob", number, "new"))
    session.execute(batch)
    assert len(session.execute(f"SELECT number FROM {ORDERS} WHERE customer = 'bob'").all()) == 30


def user_defined_type() -> None:
    session.execute(f"CREATE TYPE {KEYSPACE}.address (street text, city text)")
    wait(lambda: status("types", "address") == "ACTIVE")
    session.execute(f"CREATE TABLE {KEYSPACE}.customers (name text PRIMARY KEY, home frozen<address>)")
    wait(lambda: status("tables", "customers") == "ACTIVE")
    insert = session.prepare(f"INSERT INTO {KEYSPACE}.customers (name, home) VALUES (?, ?)")
    session.execute(insert, ("ada", ("1 Main St", "London")))
    row = session.execute(f"SELECT home FROM {KEYSPACE}.customers WHERE name = 'ada'").one()
    assert (row.home.street, row.home.city) == ("1 Main St", "London")


def nested_types() -> None:
    session.execute(f"CREATE TYPE {KEYSPACE}.contact (home frozen<address>, emails list<text>, stars map<text, int>)")
    wait(lambda: status("types", "contact") == "ACTIVE")
    session.execute(
        f"CREATE TABLE {KEYSPACE}.profiles (name text PRIMARY KEY, contact frozen<contact>, photo blob)"
        " WITH default_time_to_live = 3600"
    )
    wait(lambda: status("tables", "profiles") == "ACTIVE")
    contact = (("1 Main St", "London"), ["ada@example.com", "a@example.com"], {"shop": 5})
    session.execute(session.prepare(f"INSERT INTO {KEYSPACE}.profiles (name, contact) VALUES (?, ?)"), ("ada", contact))
    query = f"SELECT contact.home AS home, contact.emails AS emails, contact.stars AS stars FROM {KEYSPACE}.profiles"
    row = session.execute(query).one()
    assert (tuple(row.home), list(row.emails), dict(row.stars)) == contact


def blob() -> None:
    photo = bytes(range(256))
    session.execute(session.prepare(f"UPDATE {KEYSPACE}.profiles SET photo = ? WHERE name = ?"), (photo, "ada"))
    assert session.execute(f"SELECT photo FROM {KEYSPACE}.profiles WHERE name = 'ada'").one().photo == photo


def default_ttl() -> None:
    query = (
        "SELECT default_time_to_live FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = 'profiles'"
    )
    assert session.execute(query, (KEYSPACE,)).one().default_time_to_live == 3600
    row = session.execute(f"SELECT TTL(photo) AS seconds FROM {KEYSPACE}.profiles WHERE name = 'ada'").one()
    assert 0 < row.seconds <= 3600


def ttl() -> None:
    insert = session.prepare(f"INSERT INTO {ORDERS} (customer, number, state) VALUES (?, ?, ?) USING TTL ?")
    session.execute(insert, ("eve", 1, "new", 3600))
    row = session.execute(f"SELECT TTL(state) AS seconds FROM {ORDERS} WHERE customer = 'eve'").one()
    assert 0 < row.seconds <= 3600


def conditional_write() -> None:
    insert = session.prepare(f"INSERT INTO {ORDERS} (customer, number, state) VALUES (?, ?, ?) IF NOT EXISTS")
    assert session.execute(insert, ("joe", 1, "new")).was_applied
    assert not session.execute(insert, ("joe", 1, "new")).was_applied
    update = session.prepare(
        f"UPDATE {ORDERS} USING TTL ? SET state = ? WHERE customer = ? AND number = ? IF state = ?"
    )
    assert session.execute(update, (3600, "paid", "joe", 1, "new")).was_applied
    assert not session.execute(update, (3600, "paid", "joe", 1, "new")).was_applied


def alter() -> None:
    session.execute(f"ALTER TABLE {ORDERS} ADD note text")
    wait(lambda: status("tables", "orders") == "ACTIVE")
    session.execute(f"UPDATE {ORDERS} SET note = 'gift' WHERE customer = 'ada' AND number = 1")


def delete() -> None:
    session.execute(session.prepare(f"DELETE FROM {ORDERS} WHERE customer = ? AND number = ?"), ("ada", 1))
    assert session.execute(f"SELECT * FROM {ORDERS} WHERE customer = 'ada' AND number = 1").one() is None


def drop() -> None:
    for name in ("orders", "customers", "profiles"):
        session.execute(f"DROP TABLE IF EXISTS {KEYSPACE}.{name}")
        wait(partial(is_gone, "tables", name))
    for name in ("contact", "address"):
        session.execute(f"DROP TYPE {KEYSPACE}.{name}")
        wait(partial(is_gone, "types", name))
    session.execute(f"DROP KEYSPACE {KEYSPACE}")
    wait(lambda: not there())


step("system tables", system_tables)
step("partitioner", partitioner)
step("keyspace", keyspace)
step("table", table)
step("custom properties", custom_properties)
step("prepared write", prepared_write)
step("prepared read", prepared_read)
step("pages", pages)
step("token range", token_range)
step("filters", filters)
step("unlogged batch", unlogged_batch)
step("user-defined type", user_defined_type)
step("nested types", nested_types)
step("blob", blob)
step("default TTL", default_ttl)
step("TTL", ttl)
step("conditional write", conditional_write)
step("alter", alter)
step("delete", delete)
step("drop", drop)
cluster.shutdown()
sys.exit(1 if failures else 0)
