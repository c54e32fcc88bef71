"""DDL: accepted at once and executed later, as in Keyspaces, where programs must wait for it."""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from cassandra import AlreadyExists, DriverException, InvalidRequest, OperationTimedOut
from cassandra.cluster import NoHostAvailable, Session
from cassandra.protocol import ErrorMessage

from declared.aws import ACCOUNT
from local_keyspaces.listening import listen
from local_keyspaces.schema import Schema
from local_keyspaces.service import run_keyspaces
from local_keyspaces.tables import SchemaConflict, Status, TableSchema
from tests.keyspaces import ARN, COUNTRIES, REGION, LocalKeyspaces
from tests.processes import wait_until


def status(session: Session, keyspace: str, table: str) -> str | None:
    row = session.execute(
        "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s", (keyspace, table)
    ).one()
    return row.status if row else None


def properties(session: Session, keyspace: str, table: str) -> Mapping[str, Mapping[str, str]]:
    row = session.execute(
        "SELECT custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s",
        (keyspace, table),
    ).one()
    return {key: dict(value) for key, value in row.custom_properties.items()}


def keyspace_is_there(session: Session, keyspace: str) -> bool:
    found: Any = session.execute(
        "SELECT * FROM system_schema_mcs.keyspaces WHERE keyspace_name = %s", (keyspace,)
    ).one()
    return found is not None


@pytest.fixture(scope="module")
def schema(session: Session) -> Session:
    session.execute("CREATE KEYSPACE ddl WITH replication = {'class': 'SingleRegionStrategy'}")
    wait_until(lambda: keyspace_is_there(session, "ddl"))
    return session


def test_creates_a_keyspace_asynchronously(session: Session) -> None:
    """A migration that does not wait would pass here and fail in the cloud."""
    session.execute(
        "CREATE KEYSPACE later WITH replication = {'class': 'SingleRegionStrategy'} AND durable_writes = true"
    )
    with pytest.raises(InvalidRequest, match="unconfigured keyspace later"):
        session.execute("CREATE TABLE later.t (a int PRIMARY KEY)")
    assert not keyspace_is_there(session, "later")
    with pytest.raises(AlreadyExists):
        session.execute("CREATE KEYSPACE later WITH replication = {'class': 'SingleRegionStrategy'}")
    session.execute("CREATE KEYSPACE IF NOT EXISTS later WITH replication = {'class': 'SingleRegionStrategy'}")
    wait_until(lambda: keyspace_is_there(session, "later"))
    session.execute("CREATE TABLE later.t (a int PRIMARY KEY)")
    wait_until(lambda: status(session, "later", "t") == "ACTIVE")
    session.execute("DROP KEYSPACE later")
    with pytest.raises(InvalidRequest, match="unconfigured keyspace later"):
        session.execute("SELECT * FROM later.t")
    assert status(session, "later", "t") == "DELETING"
    wait_until(lambda: not keyspace_is_there(session, "later"))
    assert status(session, "later", "t") is None


def test_creates_changes_and_drops_a_table_asynchronously(schema: Session) -> None:
    """A table could be used while it is CREATING or DELETING, which the service refuses."""
    schema.execute(
        "CREATE TABLE ddl.life (a int, b int, c text static, PRIMARY KEY (a, b)) WITH CLUSTERING ORDER BY (b DESC)"
    )
    assert status(schema, "ddl", "life") == "CREATING"
    assert (
        schema.execute("SELECT * FROM system_schema.tables WHERE keyspace_name = 'ddl' AND table_name = 'life'").one()
        is None
    )
    for statement in ("SELECT * FROM ddl.life", "INSERT INTO ddl.life (a, b) VALUES (1, 2)"):
        with pytest.raises(InvalidRequest, match=r"unconfigured table ddl\.life"):
            schema.execute(statement)
    with pytest.raises(InvalidRequest, match="is CREATING; try again"):
        schema.execute("DROP TABLE ddl.life")
    wait_until(lambda: status(schema, "ddl", "life") == "ACTIVE")
    schema.execute("INSERT INTO ddl.life (a, b) VALUES (1, 2)")
    schema.execute("CREATE TABLE IF NOT EXISTS ddl.life (a int PRIMARY KEY)")
    with pytest.raises(AlreadyExists):
        schema.execute("CREATE TABLE ddl.life (a int PRIMARY KEY)")

    schema.execute("ALTER TABLE ddl.life ADD (d int, e frozen<list<text>>)")
    assert status(schema, "ddl", "life") == "UPDATING"
    schema.execute("SELECT a FROM ddl.life")
    with pytest.raises(InvalidRequest, match="Undefined column name d"):
        schema.execute("SELECT d FROM ddl.life")
    wait_until(lambda: status(schema, "ddl", "life") == "ACTIVE")
    schema.execute("SELECT d, e FROM ddl.life")
    with pytest.raises(InvalidRequest, match="'d' already exists"):
        schema.execute("ALTER TABLE ddl.life ADD d text")

    schema.execute("DROP TABLE ddl.life")
    assert status(schema, "ddl", "life") == "DELETING"
    with pytest.raises(InvalidRequest, match=r"unconfigured table ddl\.life"):
        schema.execute("SELECT * FROM ddl.life")
    with pytest.raises(InvalidRequest, match="is DELETING; try again"):
        schema.execute("CREATE TABLE ddl.life (a int PRIMARY KEY)")
    wait_until(lambda: status(schema, "ddl", "life") is None)
    schema.execute("DROP TABLE IF EXISTS ddl.life")
    with pytest.raises(InvalidRequest, match=r"unconfigured table ddl\.life"):
        schema.execute("DROP TABLE ddl.life")


def test_keeps_custom_properties(schema: Session) -> None:
    """A table would lose its capacity, encryption or TTL setting."""
    schema.execute(
        "CREATE TABLE ddl.properties (a int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {"
        "'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 10, 'write_capacity_units': 20},"
        "'point_in_time_recovery': {'status': 'enabled'}}"
        " AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND gc_grace_seconds = 5"
        " AND comment = 'it''s' AND TAGS = {'team': 'maps'}"
    )
    wait_until(lambda: status(schema, "ddl", "properties") == "ACTIVE")
    assert properties(schema, "ddl", "properties") == {
        "capacity_mode": {
            "throughput_mode": "PROVISIONED",
            "read_capacity_units": "10",
            "write_capacity_units": "20",
        },
        "client_side_timestamps": {"status": "disabled"},
        "encryption_specification": {"encryption_type": "AWS_OWNED_KMS_KEY"},
        "point_in_time_recovery": {"status": "enabled"},
        "ttl": {"status": "disabled"},
    }
    arn = f"{ARN}ddl/table/properties"
    for where, value in (("resource_id = %s", [arn]), ("keyspace_name = 'ddl' AND resource_name = %s", ["properties"])):
        row = schema.execute(f"SELECT * FROM system_schema_mcs.tags WHERE {where}", value).one()
        assert (row.resource_id, row.resource_type, dict(row.tags)) == (arn, "table", {"team": "maps"})
    schema.execute("ALTER TABLE ddl.properties ADD TAGS {'a': '1'}")
    schema.execute("ALTER TABLE ddl.properties DROP TAGS {'team': 'maps'}")
    row = schema.execute("SELECT tags FROM system_schema_mcs.tags WHERE keyspace_name = 'ddl'").one()
    assert dict(row.tags) == {"a": "1"}


def test_enables_ttl_once_and_for_all(schema: Session) -> None:
    """A program could disable TTL here, and would be refused in the cloud."""
    schema.execute("CREATE TABLE ddl.expires (a int PRIMARY KEY, b int)")
    wait_until(lambda: status(schema, "ddl", "expires") == "ACTIVE")
    insert = "INSERT INTO ddl.expires (a, b) VALUES (1, 2) USING TTL 100"
    with pytest.raises(InvalidRequest, match="TTL is not yet supported"):
        schema.execute(insert)
    schema.execute("ALTER TABLE ddl.expires WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}")
    wait_until(lambda: status(schema, "ddl", "expires") == "ACTIVE")
    schema.execute(insert)
    with pytest.raises(InvalidRequest, match="ttl cannot be disabled"):
        schema.execute("ALTER TABLE ddl.expires WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'disabled'}}")


def test_has_types_that_cannot_be_changed(schema: Session) -> None:
    """CREATE TYPE or DROP TYPE would be refused, or ALTER TYPE accepted, unlike on the service."""

    def has(name: str) -> bool:
        where = "keyspace_name = 'ddl' AND type_name = %s"
        return schema.execute(f"SELECT * FROM system_schema_mcs.types WHERE {where}", (name,)).one() is not None

    schema.execute("CREATE TYPE ddl.point (x int, y int)")
    for type_ in ("point", "frozen<point>", "frozen<ddl.point>", 'list<frozen<"point">>'):
        with pytest.raises(InvalidRequest, match=r"Unknown type ddl\.point"):
            schema.execute(f"CREATE TABLE ddl.points (a int PRIMARY KEY, at {type_})")
    wait_until(lambda: has("point"))
    schema.execute("CREATE TABLE ddl.points (a int PRIMARY KEY, at frozen<point>)")
    wait_until(lambda: status(schema, "ddl", "points") == "ACTIVE")
    schema.execute("INSERT INTO ddl.points (a, at) VALUES (1, {x: 1, y: 2})")
    assert schema.execute("SELECT at.x FROM ddl.points").one()[0] == 1
    with pytest.raises(InvalidRequest, match="ALTER TYPE is not yet supported"):
        schema.execute("ALTER TYPE ddl.point ADD z int")
    with pytest.raises(InvalidRequest, match=r"(?i)still used"):
        schema.execute("DROP TYPE ddl.point")
    schema.execute("DROP TABLE ddl.points")
    wait_until(lambda: status(schema, "ddl", "points") is None)
    schema.execute("DROP TYPE ddl.point")
    assert not has("point")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE ddl.t (a int PRIMARY KEY, b duration)", "duration is not yet supported"),
        (
            "CREATE TABLE ddl.t (a int PRIMARY KEY, b map<text, frozen<list<duration>>>)",
            "duration is not yet supported",
        ),
        ("CREATE TABLE ddl.t (a int PRIMARY KEY, b vector<float, 3>)", "vector is not yet supported"),
        ("CREATE TYPE ddl.t (a duration)", "duration is not yet supported"),
        (
            "CREATE TABLE ddl.t (a int PRIMARY KEY, b " + "frozen<list<" * 9 + "int" + ">>" * 9 + ")",
            "at most 8 are supported",
        ),
        ("CREATE TABLE ddl._t (a int PRIMARY KEY)", "no viable alternative"),
        ('CREATE TABLE ddl."_t" (a int PRIMARY KEY)', "do not begin with an underscore"),
        (f"CREATE TABLE ddl.{'t' * 49} (a int PRIMARY KEY)", "1 to 48"),
        ("CREATE TABLE ddl.t (a int PRIMARY KEY) WITH nothing = 3", "Unknown property 'nothing'"),
        (
            "CREATE TABLE ddl.t (a int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {'x': {'y': 'z'}}",
            "Unknown custom property",
        ),
        ("CREATE TABLE ddl.t (a int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'on'}}", "must be"),
        (
            "CREATE TABLE ddl.t (a int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {'capacity_mode': {'throughput_mode':"
            " 'PROVISIONED'}}",
            "read_capacity_units",
        ),
        ("CREATE TABLE ddl.t (a int PRIMARY KEY) WITH default_time_to_live = 630720001", "between 0 and 630720000"),
        ("CREATE TABLE ddl.t (a nothing PRIMARY KEY)", "Unknown type"),
        ("CREATE TABLE ddl.t (a int, b int, PRIMARY KEY (c))", "Unknown column 'c'"),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'eu-west-1': '3'}",
            "at least two Regions",
        ),
        ("CREATE KEYSPACE k WITH replication = {'class': 'Nothing'}", "Unknown replication strategy"),
        (
            "CREATE KEYSPACE k WITH replication = {'class': 'SingleRegionStrategy'} AND durable_writes = false",
            "durable_writes must be true",
        ),
        (
            "CREATE KEYSPACE system_mine WITH replication = {'class': 'SingleRegionStrategy'}",
            "names that begin with 'system'",
        ),
        ("ALTER TABLE ddl.counts WITH default_time_to_live = 10", "(?i)counter"),
        ("ALTER TABLE ddl.counts ADD b nothing", "Unknown type"),
        ("ALTER TABLE ddl.counts ADD b counter static", "(?i)static"),
        ("ALTER TABLE ddl.counts ADD b text", "(?i)counter"),
        ("DROP KEYSPACE nothing", "unconfigured keyspace nothing"),
        ("DROP TYPE ddl.nothing", "No user type named"),
    ],
)
def test_refuses_tables_that_keyspaces_cannot_create(schema: Session, statement: str, message: str) -> None:
    """A failed statement would leave a table half created, or give no reason."""
    if status(schema, "ddl", "counts") is None:
        schema.execute("CREATE TABLE ddl.counts (id int PRIMARY KEY, a counter)")
        wait_until(lambda: status(schema, "ddl", "counts") == "ACTIVE")
    with pytest.raises((DriverException, ErrorMessage), match=message):
        schema.execute(statement)
    assert status(schema, "ddl", "counts") == "ACTIVE"
    assert status(schema, "ddl", "t") is None
    assert not keyspace_is_there(schema, "k")


def test_changes_one_property_at_a_time(schema: Session) -> None:
    """An ALTER TABLE of two properties would pass here and be refused in the cloud."""
    schema.execute("CREATE TABLE ddl.one (a int PRIMARY KEY)")
    wait_until(lambda: status(schema, "ddl", "one") == "ACTIVE")
    with pytest.raises(InvalidRequest, match="one custom property at a time"):
        schema.execute(
            "ALTER TABLE ddl.one WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}} AND default_time_to_live = 5"
        )
    schema.execute("ALTER TABLE ddl.one WITH default_time_to_live = 5")
    wait_until(lambda: status(schema, "ddl", "one") == "ACTIVE")
    row = schema.execute(
        "SELECT default_time_to_live FROM system_schema.tables WHERE keyspace_name = 'ddl' AND table_name = 'one'"
    )
    assert row.one().default_time_to_live == 5


def test_answers_concurrent_requests_with_one_call(schema: Session) -> None:
    """Workers that start together and create the same schema would fail."""
    for statement in (
        "CREATE KEYSPACE IF NOT EXISTS together WITH replication = {'class': 'SingleRegionStrategy'}",
        "CREATE TABLE IF NOT EXISTS together.t (a int PRIMARY KEY)",
        "DROP TABLE IF EXISTS together.t",
        "DROP KEYSPACE IF EXISTS together",
    ):
        for answer in [schema.execute_async(statement) for _ in range(4)]:
            answer.result()
        if statement.startswith("CREATE KEYSPACE"):
            wait_until(lambda: keyspace_is_there(schema, "together"))
        elif statement.startswith("CREATE TABLE"):
            wait_until(lambda: status(schema, "together", "t") == "ACTIVE")
        elif statement.startswith("DROP TABLE"):
            wait_until(lambda: status(schema, "together", "t") is None)
    wait_until(lambda: not keyspace_is_there(schema, "together"))


@pytest.mark.long
def test_retries_unfinished_work(
    keyspaces: LocalKeyspaces, schema: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A laptop that sleeps in the meantime would leave a table DELETING for ever."""
    schema.execute("CREATE TABLE ddl.sleepy (a int PRIMARY KEY)")
    wait_until(lambda: status(schema, "ddl", "sleepy") == "ACTIVE")
    run, failures = Schema._run, ["one"]

    def run_or_time_out(self: Schema, statement: str) -> None:
        if failures:
            raise OperationTimedOut(failures.pop())
        run(self, statement)

    monkeypatch.setattr(Schema, "_run", run_or_time_out)
    schema.execute("DROP TABLE ddl.sleepy")
    with pytest.raises(InvalidRequest, match="is DELETING; try again"):
        schema.execute("CREATE TABLE IF NOT EXISTS ddl.sleepy (a int PRIMARY KEY)")
    wait_until(lambda: status(schema, "ddl", "sleepy") is None)
    assert "accepted and cannot be finished" in caplog.text

    schema.execute("CREATE TABLE ddl.sleepy (a int PRIMARY KEY)")
    wait_until(lambda: status(schema, "ddl", "sleepy") == "ACTIVE")
    for change in ("WITH default_time_to_live = 60", "ADD b int"):
        failures.append("another")
        with pytest.raises(NoHostAvailable, match="Server error"):
            schema.execute(f"ALTER TABLE ddl.sleepy {change}")
        wait_until(lambda: status(schema, "ddl", "sleepy") == "ACTIVE")
    assert properties(schema, "ddl", "sleepy")["ttl"] == {"status": "enabled"}


def test_hides_a_new_column_by_its_name_only(schema: Session) -> None:
    """Statements on a dropped table would go on, since they do not name the table again."""
    schema.execute("CREATE TABLE ddl.pending (a text PRIMARY KEY, c int)")
    wait_until(lambda: status(schema, "ddl", "pending") == "ACTIVE")
    schema.execute('ALTER TABLE ddl.pending ADD (pending text, "q""r" int)')
    schema.execute("INSERT INTO ddl.pending (a, c) VALUES ('pending', 1)")
    schema.execute("SELECT a FROM ddl.pending")
    for column in ("pending", '"q""r"'):
        with pytest.raises(InvalidRequest, match="Undefined column name"):
            schema.execute(f"SELECT {column} FROM ddl.pending")
    wait_until(lambda: status(schema, "ddl", "pending") == "ACTIVE")
    schema.execute('SELECT pending, "q""r" FROM ddl.pending')


def test_accepts_the_same_table_again_and_new_columns_only(keyspaces: LocalKeyspaces) -> None:
    """A second declaration by an infrastructure tool would change or lose the table."""
    table = TableSchema(
        keyspace="declared", name="t", columns={"a": "varchar", "b": "map<text,int>"}, partition_key=["a"]
    )
    keyspaces.create(table)
    keyspaces.create(table)
    keyspaces.create(
        TableSchema(keyspace="declared", name="t", columns={**table.columns, "c": "int"}, partition_key=["a"])
    )
    with keyspaces.connect() as session:
        session.execute("INSERT INTO declared.t (a, b, c) VALUES ('a', {'b': 1}, 2)")
    with pytest.raises(SchemaConflict, match="column 'c' is removed"):
        keyspaces.create(table)
    with pytest.raises(SchemaConflict, match="column 'id' changes its type"):
        keyspaces.create(
            TableSchema(
                keyspace="geography_domain",
                name="countries",
                columns={**COUNTRIES.columns, "id": "int"},
                partition_key=["id"],
            )
        )


@pytest.mark.long
def test_finishes_interrupted_work_at_the_next_start(keyspaces: LocalKeyspaces, tmp_path: Path) -> None:
    """A machine that is switched off in the meantime would leave a table CREATING for ever."""

    def run(*changes: Callable[[Schema], Coroutine[Any, Any, object]], killed: bool = False) -> dict[str, Status]:
        async def work() -> dict[str, Status]:
            async with run_keyspaces(
                directory=tmp_path,
                cassandra=keyspaces.upstream,
                listener=listen(0, "again"),
                region=REGION,
                account=ACCOUNT,
                schema_delay=3600,
            ) as service:
                for change in changes:
                    await change(service.schema)
                tables = dict(service.schema.catalog.tables)
                if killed:
                    for task in service.schema._changes._under_way:
                        task.cancel()
            return {name: table.status for (keyspace, name), table in tables.items() if keyspace == "again"}

        return keyspaces.call(work())

    def table(name: str) -> TableSchema:
        properties = {"ttl": {"status": "enabled"}}
        return TableSchema(
            keyspace="again", name=name, columns={"a": "int"}, partition_key=["a"], properties=properties
        )

    assert run(
        lambda schema: schema.ensure_keyspace("again"),
        lambda schema: schema.ensure_table(table("altered")),
        lambda schema: schema.ensure_table(table("dropped")),
        lambda schema: schema.create_table(table("created")),
        lambda schema: schema.add_columns("again", "altered", {"b": "int"}, frozenset()),
        lambda schema: schema.drop_table("again", "dropped"),
        killed=True,
    ) == {"altered": Status.UPDATING, "dropped": Status.DELETING, "created": Status.CREATING}
    assert run() == {"altered": Status.ACTIVE, "created": Status.ACTIVE}
    with keyspaces.cassandra() as cassandra:
        found = cassandra.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'again'")
        assert sorted(row.table_name for row in found) == ["altered", "created"]
        row = cassandra.execute(
            "SELECT * FROM \"_system_schema_mcs\".tables WHERE keyspace_name = 'again' AND table_name = 'created'"
        ).one()
        assert (row.status, row.custom_properties["ttl"]["status"]) == ("ACTIVE", "enabled")
        # An orderly stop completes the change first.
        assert run(
            lambda schema: schema.add_columns("again", "altered", {"c": "int"}, frozenset()),
            lambda schema: schema.drop_table("again", "created"),
        ) == {"altered": Status.UPDATING, "created": Status.DELETING}
        cassandra.execute("SELECT b, c FROM again.altered")
        assert run(lambda schema: schema.drop_keyspace("again"), killed=True) == {"altered": Status.DELETING}
        assert run() == {}
        assert not list(cassandra.execute("SELECT * FROM system_schema.keyspaces WHERE keyspace_name = 'again'"))
