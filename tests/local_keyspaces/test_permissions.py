"""Least privilege in the data plane: for each role of the program, the tables that each kind of statement may use."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cassandra import Unauthorized
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import BatchStatement, BatchType

from declared.program import Program
from local import translation
from local_keyspaces.credentials import Role
from local_keyspaces.least_privilege import smallest_policy
from tests.evaluation import ROOT, evaluate_in
from tests.keyspaces import ARN, COUNTRIES, EVERYTHING, READ_SYSTEM, LocalKeyspaces, allow, role

OWN, OTHER, ELSEWHERE = "geography_domain.countries", "geography_domain.rivers", "elsewhere.countries"

# By the kind of statement; {0} is the table.
STATEMENTS = {
    "select": "SELECT * FROM {0}",
    "select one": "SELECT name FROM {0} WHERE id = 'us'",
    "select json": "SELECT JSON * FROM {0} WHERE id = 'us'",
    "insert": "INSERT INTO {0} (id) VALUES ('zz')",
    "insert if not exists": "INSERT INTO {0} (id) VALUES ('zz') IF NOT EXISTS",
    "update": "UPDATE {0} SET name = 'x' WHERE id = 'zz'",
    "update if": "UPDATE {0} SET name = 'x' WHERE id = 'zz' IF name = 'y'",
    "delete": "DELETE FROM {0} WHERE id = 'zz'",
    "batch": "BEGIN UNLOGGED BATCH INSERT INTO {0} (id) VALUES ('zz'); APPLY BATCH",
    "batch with own": "BEGIN UNLOGGED BATCH INSERT INTO " + OWN + " (id) VALUES ('zz'); "
    "INSERT INTO {0} (id) VALUES ('zz'); APPLY BATCH",
    "alter": "ALTER TABLE {0} ADD more text",
    "tag": "ALTER TABLE {0} ADD TAGS {{'a': 'b'}}",
    "drop": "DROP TABLE {0}",
    "create": "CREATE TABLE {0}_2 (id text PRIMARY KEY)",
}
READS = {"select", "select one", "select json"}
WRITES = {"insert", "insert if not exists", "update", "update if", "delete", "batch", "batch with own"}
ALLOWED = {"query-api-task": READS, "load-countries-task": READS | WRITES}
PREPARED = sorted((READS | WRITES) - {"batch", "batch with own"})


@pytest.fixture(scope="module", params=sorted(ALLOWED))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def signed_in(keyspaces: LocalKeyspaces, program: Program, name: str) -> Iterator[Session]:
    """A session of one of the program's roles, as its policies are declared."""
    for table in (COUNTRIES, replace(COUNTRIES, name="rivers"), replace(COUNTRIES, keyspace="elsewhere")):
        keyspaces.create(table)
    roles = {
        step.task.role.arn.rpartition("/")[2]: step.task.role
        for step in translation.read(program, ROOT, "http://127.0.0.1:1").steps
    }
    assert roles.keys() == ALLOWED.keys()
    with keyspaces.connect(roles[name]) as session:
        yield session


@pytest.mark.parametrize("table", [OWN, OTHER, ELSEWHERE])
@pytest.mark.parametrize("kind", STATEMENTS)
def test_a_role_may_do_only_what_it_declares(signed_in: Session, name: str, kind: str, table: str) -> None:
    """A permission too many would open other data, and one too few would break the program."""
    statement = STATEMENTS[kind].format(table)
    if table == OWN and kind in ALLOWED[name]:
        signed_in.execute(statement)
    else:
        with pytest.raises(Unauthorized, match="code=2100"):
            signed_in.execute(statement)


@pytest.mark.parametrize("table", [OWN, OTHER, ELSEWHERE])
@pytest.mark.parametrize("kind", PREPARED)
def test_prepares_and_executes_by_the_same_permissions(
    keyspaces: LocalKeyspaces, signed_in: Session, name: str, kind: str, table: str
) -> None:
    """A role could use a statement that another role prepared, since all connections know its id."""
    statement = STATEMENTS[kind].format(table)
    with keyspaces.connect() as administrator:
        prepared = administrator.prepare(statement)
    batch = BatchStatement(BatchType.UNLOGGED)
    if table == OWN and kind in ALLOWED[name]:
        signed_in.prepare(statement)
        signed_in.execute(prepared)
        return
    with pytest.raises(Unauthorized, match="code=2100"):
        signed_in.prepare(statement)
    with pytest.raises(Unauthorized, match="code=2100"):
        signed_in.execute(prepared)
    if kind in ("insert", "update", "delete"):
        batch.add(prepared)
        with pytest.raises(Unauthorized, match="code=2100"):
            signed_in.execute(batch)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM system.local",
        "SELECT * FROM system_schema.tables",
        "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'geography_domain'",
        "USE geography_domain",
    ],
)
def test_every_role_may_read_the_system_tables_that_drivers_read(signed_in: Session, statement: str) -> None:
    """Drivers could not connect."""
    signed_in.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE KEYSPACE mine WITH replication = {'class': 'SingleRegionStrategy'}",
        "ALTER KEYSPACE geography_domain ADD TAGS {'a': 'b'}",
        "DROP KEYSPACE geography_domain",
        "CREATE TYPE geography_domain.t (a int)",
        "DROP TYPE geography_domain.t",
    ],
)
def test_no_role_may_change_keyspaces(signed_in: Session, statement: str) -> None:
    """A task could change a table's schema, which only the infrastructure tool should do."""
    with pytest.raises(Unauthorized, match="code=2100"):
        signed_in.execute(statement)


@pytest.mark.parametrize("case", ["keyspace in use", "quoted", "comment"])
def test_is_not_led_astray_by_how_a_table_is_named(signed_in: Session, case: str) -> None:
    """A role could read a forbidden table by another spelling of its name."""
    signed_in.execute("USE geography_domain")
    statement = {
        "keyspace in use": "SELECT * FROM rivers",
        "quoted": 'SELECT * FROM "geography_domain"."rivers"',
        "comment": "SELECT * FROM /* countries */ rivers -- countries\n",
    }[case]
    with pytest.raises(Unauthorized, match=r"<table geography_domain\.rivers>"):
        signed_in.execute(statement)
    signed_in.execute("SELECT * FROM /* rivers */ countries // rivers\n")


def _refused_at_sign_in(keyspaces: LocalKeyspaces, role_: Role) -> str:
    with pytest.raises(NoHostAvailable) as refused, keyspaces.connect(role_):
        pass
    return json.dumps([str(error) for error in refused.value.errors.values()])


def test_refuses_the_connection_of_a_role_without_permissions(keyspaces: LocalKeyspaces) -> None:
    """A role without a permission would fail at sign-in as on the service, but the error would look like a wrong
    password."""
    message = _refused_at_sign_in(keyspaces, role(allow(["s3:GetObject"], "*"), name="stranger"))
    assert "code=2100" in message
    assert ":assumed-role/stranger/" in message
    assert "has no permissions." in message


def test_needs_the_permission_to_read_system_tables(keyspaces: LocalKeyspaces) -> None:
    """A first policy without access to the system tables would fail with an unclear error, although drivers read them
    at connect."""
    message = _refused_at_sign_in(
        keyspaces, role(allow(["cassandra:Select"], f"{ARN}geography_domain/table/countries"))
    )
    assert "has no SELECT permission on <table system." in message


def test_obeys_a_deny(keyspaces: LocalKeyspaces) -> None:
    """A role could do an action that its policy denies, because another policy allows it."""
    deny = {"Effect": "Deny", "Action": "cassandra:Select", "Resource": f"{ARN}geography_domain/*"}
    with keyspaces.connect(role(allow(["*"], "*"), deny)) as session:
        session.execute("INSERT INTO geography_domain.countries (id) VALUES ('zz')")
        with pytest.raises(Unauthorized):
            session.execute("SELECT * FROM geography_domain.countries")
        with pytest.raises(Unauthorized):  # its answer would tell what may not be read
            session.execute("INSERT INTO geography_domain.countries (id) VALUES ('zz') IF NOT EXISTS")


def test_does_not_allow_conditions_that_it_cannot_evaluate(
    keyspaces: LocalKeyspaces, caplog: pytest.LogCaptureFixture
) -> None:
    """A condition, on the VPC for example, would be refused without a reason in the log, since it has no meaning
    here."""
    conditional = {**allow(["cassandra:Select"], "*"), "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}
    with keyspaces.connect(role(READ_SYSTEM, conditional, name="conditional")) as session:
        session.execute("SELECT * FROM system.local")
        with pytest.raises(Unauthorized):
            session.execute("SELECT * FROM geography_domain.countries")
    assert any("conditional" in message and "Condition" in message for message in caplog.messages)


def test_an_administrator_may_do_everything(keyspaces: LocalKeyspaces) -> None:
    """The administrator of `make cql` could not read or repair a table."""
    with keyspaces.connect(EVERYTHING) as session:
        for kind in sorted(READS | WRITES):
            session.execute(STATEMENTS[kind].format(ELSEWHERE))


_SEVERAL = {
    "load-orders-task": {"orders"},
    "orders-api-task": {"orders", "order_events", "order_requests"},
}


def test_each_role_may_use_the_tables_of_its_microservice(keyspaces: LocalKeyspaces) -> None:
    """A role that may use one table of its stack could use them all, or a service could not use its second table."""
    root = ROOT / "examples" / "orders"
    stack = translation.read(evaluate_in(root, keyspace="several"), root, "http://127.0.0.1:1")
    for table in stack.tables:
        keyspaces.create(table)
    roles = {step.task.role.arn.rpartition("/")[2]: step.task.role for step in stack.steps}
    assert roles.keys() == _SEVERAL.keys()
    for name, role_ in roles.items():
        with keyspaces.connect(role_) as session:
            for table in stack.tables:
                key = table.partition_key[0]
                value = "'a'" if table.columns[key] == "text" else "now()"
                for statement in (
                    f"SELECT * FROM several.{table.name}",
                    f"DELETE FROM several.{table.name} WHERE {key} = {value}",
                ):
                    if table.name in _SEVERAL[name]:
                        session.execute(statement)
                    else:
                        with pytest.raises(Unauthorized):
                            session.execute(statement)


def test_derives_the_smallest_policy_that_does(session: Session, keyspaces: LocalKeyspaces) -> None:
    """The suggested policy would grant more than was used, or the same program would fail with it."""
    wide = role(allow(["cassandra:*", "ec2:*"], "*"), name="wide")

    def program(session: Session) -> None:
        table = f"{COUNTRIES.keyspace}.{COUNTRIES.name}"
        session.execute(f"UPDATE {table} SET name = 'x' WHERE id = 'smallest' IF name = 'y'")
        session.execute("SELECT * FROM system_schema_mcs.tables")

    with keyspaces.connect(wide) as connected:
        program(connected)
    policy = smallest_policy(keyspaces.store.decisions.snapshot()["wide"])
    assert policy is not None
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcEndpoints"],
            "Resource": ["*"],
        },
        {
            "Effect": "Allow",
            "Action": ["cassandra:Modify", "cassandra:Select"],
            "Resource": [f"{ARN}{COUNTRIES.keyspace}/table/{COUNTRIES.name}"],
        },
        {"Effect": "Allow", "Action": ["cassandra:Select"], "Resource": [f"{ARN}system*"]},
    ]
    narrow = role(*policy["Statement"], name="narrow")
    with keyspaces.connect(narrow) as connected:
        program(connected)
        with pytest.raises(Unauthorized):
            connected.execute("DROP KEYSPACE geography_domain")
    refused = [each for each in keyspaces.store.decisions.snapshot()["narrow"] if not each["allowed"]]
    assert refused == [{"action": "cassandra:Drop", "resource": f"{ARN}{COUNTRIES.keyspace}/", "allowed": False}]
