"""Options after WITH: accepted ones are kept and shown, and all others are refused at once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Session

from local_keyspaces.tables import Status, TableSchema
from tests.keyspaces import LocalKeyspaces
from tests.processes import wait_until

PROVISIONED = "'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 1, 'write_capacity_units': 1}"
KEY = "arn:aws:kms:eu-west-1:555555555555:key/11111111-1111-111-1111-111111111111"


def scaling(policy: str = "'target_value': 50", units: str = "'minimum_units': 5, 'maximum_units': 10") -> str:
    return (
        "autoscaling_settings = {'provisioned_read_capacity_autoscaling_update': {"
        f"{units}, 'scaling_policy': {{'target_tracking_scaling_policy_configuration': {{{policy}}}}}}}}}"
    )


def custom(text: str) -> str:
    return f"custom_properties = {{{text}}}"


@pytest.fixture(scope="module")
def options(keyspaces: LocalKeyspaces) -> Iterator[Session]:
    keyspaces.create(TableSchema(keyspace="options", name="there", columns={"a": "int"}, partition_key=["a"]))
    with keyspaces.connect() as session:
        session.execute("USE options")
        yield session


def shown(session: Session, table: str, where: str = "tables") -> Any:
    return session.execute(
        f"SELECT * FROM system_schema_mcs.{where} WHERE keyspace_name = 'options' AND table_name = %s", [table]
    ).one()


def wait_for(session: Session, table: str) -> None:
    wait_until(lambda: shown(session, table).status == "ACTIVE")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (custom("'encryption_specification': {'encryption_type': 'BOGUS'}"), "encryption_type"),
        (custom("'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY'}"), "kms_key_identifier"),
        (
            custom(
                "'encryption_specification':"
                " {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY', 'kms_key_identifier': 'mine'}"
            ),
            "must be the ARN of a KMS key",
        ),
        (
            custom(
                f"'encryption_specification': {{'encryption_type': 'AWS_OWNED_KMS_KEY', 'kms_key_identifier': '{KEY}'}}"
            ),
            "and nothing else",
        ),
        (custom("'warm_throughput': {'read_units_per_second': 'abc'}"), "read_units_per_second must be a whole number"),
        (custom("'warm_throughput': {'read_units_per_second': 0}"), "at least 1"),
        (custom("'warm_throughput': {'status': 'AVAILABLE'}"), "and nothing else"),
        (custom("'cdc_specification': {'view_type': 'NEW_IMAGE'}"), "change data capture is not modelled"),
        ("cdc = true", "change data capture is not modelled"),
        (custom("'replica_updates': {'us-east-1': {'read_capacity_units': 2}}"), "is not modelled"),
        (custom(PROVISIONED.replace("'read_capacity_units': 1", "'read_capacity_units': 'x'")), "whole number"),
        (custom(PROVISIONED.replace("'read_capacity_units': 1", "'read_capacity_units': 0")), "at least 1"),
        (custom(PROVISIONED.replace("1}", "1, 'more': 1}")), "and nothing else"),
        (custom("'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST', 'read_capacity_units': 1}"), "nothing else"),
        (custom("'ttl': {'status': 'enabled'}, 'TTL': {'status': 'enabled'}"), "Multiple definition"),
        (custom("'ttl': 'enabled'"), "must be a map"),
        (custom("'ttl': {'status': {}}"), "must be text"),
        ("custom_properties = 3", "must be a map"),
        (scaling(), "are for tables whose throughput_mode is PROVISIONED"),
        (f"{custom(PROVISIONED)} AND {scaling(chr(39) + 'target_value' + chr(39) + ': 91')}", "between 20 and 90"),
        (f"{custom(PROVISIONED)} AND {scaling('')}", "target_value must be given"),
        (f"{custom(PROVISIONED)} AND {scaling(units=chr(39) + 'minimum_units' + chr(39) + ': 5')}", "must be given"),
        (
            f"{custom(PROVISIONED)} AND " + scaling(units="'minimum_units': 6, 'maximum_units': 5"),
            "more than maximum_units",
        ),
        (
            f"{custom(PROVISIONED)} AND " + scaling("'target_value': 50, 'scale_in_cooldown': 'soon'"),
            "scale_in_cooldown must be a whole number",
        ),
        (f"{custom(PROVISIONED)} AND " + scaling("'target_value': 50, 'more': 1"), "unknown setting 'more'"),
        ("autoscaling_settings = {'more': {}}", "Unknown auto scaling setting"),
        ("comment = {'a': 'b'}", "comment must be text"),
        ("default_time_to_live = 'x'", "whole number"),
        ("tags = {'aws:mine': '1'}", "reserved for the service"),
        ("tags = {'a': ''}", "use letters"),
        ("tags = {'a': {}}", "must be text"),
        ("gc_grace_seconds = 'x'", "gc_grace_seconds must be a whole number"),
        ("bloom_filter_fp_chance = 2", "between 0 and 1"),
        ("compaction = 5", "compaction must be a map"),
        ("speculative_retry = {'a': 'b'}", "must be text"),
        ("compact storage", "Unknown property 'compact storage'"),
    ],
)
def test_refuses_an_option_it_does_not_understand(
    keyspaces: LocalKeyspaces, options: Session, option: str, message: str
) -> None:
    """A misspelt option would pass here, and the deployment would fail or cost money on the service."""
    with pytest.raises(InvalidRequest, match=message):
        options.execute(f"CREATE TABLE refused (a int PRIMARY KEY) WITH {option}")
    assert ("options", "refused") not in keyspaces.service.schema.catalog.tables
    if option != "compact storage":
        with pytest.raises(InvalidRequest):
            options.execute(f"ALTER TABLE there WITH {option}")
    assert keyspaces.service.schema.catalog.tables["options", "there"].status is Status.ACTIVE


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("(a int, b int, PRIMARY KEY (a)) WITH CLUSTERING ORDER BY (b DESC)", "must exactly match"),
        (
            "(a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c DESC, b DESC)",
            "must exactly match",
        ),
        ("(a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (b DESC)", "must exactly match"),
        ("(a int)", "No PRIMARY KEY specified"),
        ("(a int, PRIMARY KEY (a, a))", "Duplicate column 'a'"),
        ("(a int static, PRIMARY KEY (a))", "(?i)static"),
        ("(a list<int>, PRIMARY KEY (a))", "(?i)collection"),
        ("(a int PRIMARY KEY, b list<list<int>>)", "(?i)frozen"),
        ("(a int PRIMARY KEY, b int, c counter)", "(?i)counter"),
        ("(a int PRIMARY KEY, b counter) WITH default_time_to_live = 5", "(?i)counter"),
    ],
)
def test_refuses_a_table_that_cassandra_refuses(
    keyspaces: LocalKeyspaces, options: Session, definition: str, message: str
) -> None:
    """A migration would wait for ever for a table that is CREATING and then disappears."""
    with pytest.raises(Exception, match=message):
        options.execute(f"CREATE TABLE refused {definition}")
    assert ("options", "refused") not in keyspaces.service.schema.catalog.tables
    assert shown(options, "refused") is None


def test_stores_and_shows_accepted_settings(keyspaces: LocalKeyspaces, options: Session) -> None:
    """A tool that reads back its declaration would find a difference and change the table at each run."""
    customer = {"encryption_type": "CUSTOMER_MANAGED_KMS_KEY", "kms_key_identifier": KEY}
    read = "provisioned_read_capacity_autoscaling_update"
    options.execute(
        "CREATE TABLE kept (a int PRIMARY KEY) WITH "
        + custom(
            f"{PROVISIONED}, 'warm_throughput': {{'read_units_per_second': 40000}}, 'encryption_specification':"
            f" {customer}"
        )
        + f" AND {scaling()} AND cdc = false AND gc_grace_seconds = 7 AND bloom_filter_fp_chance = 0.1"
        " AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND speculative_retry = '99PERCENTILE'"
    )
    wait_for(options, "kept")
    options.execute("ALTER TABLE kept WITH " + custom("'warm_throughput': {'write_units_per_second': 20000}"))
    wait_for(options, "kept")
    properties = shown(options, "kept").custom_properties
    assert dict(properties["encryption_specification"]) == customer
    assert dict(properties["capacity_mode"]) == {
        "throughput_mode": "PROVISIONED",
        "read_capacity_units": "1",
        "write_capacity_units": "1",
    }
    assert dict(properties["warm_throughput"]) == {
        "read_units_per_second": "40000",
        "write_units_per_second": "20000",
        "status": "AVAILABLE",
    }
    row = shown(options, "kept", "autoscaling")._asdict()
    assert (row[read]["minimum_units"], row[read]["maximum_units"]) == ("5", "10")
    assert json.loads(row[read]["scaling_policy"]) == {
        "target_tracking_scaling_policy_configuration": {
            "scale_out_cooldown": 0,
            "disable_scale_in": False,
            "target_value": 50,
            "scale_in_cooldown": 0,
        }
    }
    options.execute(f"ALTER TABLE kept WITH autoscaling_settings = {{'{read}': {{'autoscaling_disabled': true}}}}")
    wait_for(options, "kept")
    assert shown(options, "kept", "autoscaling")._asdict()[read] is None
    options.execute("DROP TABLE kept")
    wait_until(lambda: ("options", "kept") not in keyspaces.service.schema.catalog.tables)
    assert shown(options, "kept", "autoscaling") is None


def test_shows_references_to_a_type(keyspaces: LocalKeyspaces, options: Session) -> None:
    """A migration that drops a type would not learn which tables use it."""
    catalog = keyspaces.service.schema.catalog
    for definition in ("inner_type (a int)", "outer_type (b frozen<inner_type>)"):
        options.execute(f"CREATE TYPE {definition}")
        wait_until(lambda: all(type_.status is Status.ACTIVE for type_ in catalog.types.values()))
    options.execute("CREATE TABLE typed (a int PRIMARY KEY, b frozen<outer_type>, c list<frozen<inner_type>>)")
    wait_for(options, "typed")

    def type_(name: str) -> Any:
        query = "SELECT * FROM system_schema_mcs.types WHERE keyspace_name = 'options' AND type_name = %s"
        return options.execute(query, [name]).one()

    inner, outer = type_("inner_type"), type_("outer_type")
    assert (inner.direct_parent_types, inner.direct_referring_tables) == (["outer_type"], ["typed"])
    assert (inner.max_nesting_depth, outer.max_nesting_depth) == (0, 1)
    assert (outer.direct_parent_types, outer.direct_referring_tables, outer.status) == ([], ["typed"], "ACTIVE")
    options.execute("DROP TABLE typed")
    wait_until(lambda: ("options", "typed") not in catalog.tables)
    wait_until(lambda: type_("inner_type").direct_referring_tables == [])
    options.execute("DROP TYPE outer_type")
    assert type_("inner_type").direct_parent_types == []
