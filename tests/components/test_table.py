"""A table's declaration, and the arguments that are refused before anything is created."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.account import Account
from components.arguments import InvalidArguments
from components.tables.idempotency import idempotency_table
from components.tables.table import Table, create_table
from service.idempotency import COLUMNS
from tests.components.tables import EVERY_OPTION, KEY, THINGS, declare_table, table_of
from tests.evaluation import declare, dependencies, one


def test_declares_every_option() -> None:
    """A table lacks a declared option, and some options can be set only when the table is created."""
    inputs = table_of(declare_table(**EVERY_OPTION)).inputs
    assert inputs["schemaDefinition"] == {
        "columns": [
            {"name": "id", "type": "text"},
            {"name": "year", "type": "int"},
            {"name": "size", "type": "bigint"},
        ],
        "partitionKeys": [{"name": "id"}],
        "clusteringKeys": [{"name": "year", "orderBy": "DESC"}],
        "staticColumns": [{"name": "size"}],
    }
    assert inputs["encryptionSpecification"] == {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyIdentifier": KEY}
    assert inputs["pointInTimeRecovery"] == {"status": "ENABLED"}
    assert inputs["ttl"] == inputs["clientSideTimestamps"] == {"status": "ENABLED"}
    assert inputs["defaultTimeToLive"] == 3600
    assert inputs["tags"] == {"Stack": "dev"}


def test_leaves_out_options_without_an_off_value() -> None:
    """The update fails: the provider has no value for TTL or client-side timestamps that are off, or a default
    TTL of 0.
    """
    assert not {"ttl", "defaultTimeToLive", "clientSideTimestamps"} & table_of(declare_table()).inputs.keys()


def test_turns_ttl_on_without_a_default() -> None:
    """Rows that are written with a TTL are refused, or all other rows expire too."""
    inputs = table_of(declare_table(time_to_live=0)).inputs
    assert inputs["ttl"] == {"status": "ENABLED"}
    assert "defaultTimeToLive" not in inputs


def test_encrypts_with_a_key_of_the_same_program() -> None:
    """The preview fails for a key of the same program, since its ARN is not known yet."""

    def run() -> None:
        owner = pulumi.ComponentResource("test:index:Owner", "store")
        create_table(
            "store",
            Table(**THINGS, kms_key_arn=aws.kms.Key("store").arn),
            keyspace=aws.keyspaces.Keyspace("store", name="shop"),
            account=Account.of(owner),
            protect=False,
            tags={},
            parent=owner,
        )

    assert table_of(declare(run)).inputs["encryptionSpecification"]["kmsKeyIdentifier"].endswith(":key/store")


@pytest.mark.parametrize("computed", [True, False])
def test_changes_the_table_only_after_the_schema_check(computed: bool) -> None:
    """The table is replaced, and its rows are lost, although the guard refuses the change."""
    program = declare_table(computed=computed)
    assert "TableSchema store" in dependencies(program, table_of(program))
    assert table_of(program).protect
    assert table_of(program).delete_before_replace


def test_passes_the_whole_schema_to_the_guard() -> None:
    """The guard misses a change of the schema, or the preview shows no diff since the inputs are secret."""
    guard = one(declare_table(**EVERY_OPTION), "pulumi-python:dynamic/keyspaces:TableSchema", "store")
    assert {key: value for key, value in guard.inputs.items() if key != "__provider"} == {
        "keyspace": "shop",
        "table": "things",
        "columns": THINGS["columns"],
        "partition_key": ["id"],
        "clustering_key": ["year DESC"],
        "static": ["size"],
        "time_to_live": True,
        "default_time_to_live": 3600,
        "client_side_timestamps": True,
        "capacity": "on demand",
        "allow_replacement": True,
    }
    assert not guard.secrets


@pytest.mark.parametrize(
    "cql_type", ["text", "counter", "list<text>", "set<uuid>", "map<text, int>", "tuple<int>", "tuple<int, text>"]
)
def test_accepts_types_that_keyspaces_and_the_provider_have(cql_type: str) -> None:
    """A table cannot have a column of a type that Keyspaces has."""
    Table(name="things", columns={"id": "text", "value": cql_type}, partition_key=["id"])


@pytest.mark.parametrize(
    ("cql_type", "message"),
    [
        ("duration", "has no duration"),
        ("varchar", "write text"),
        ("Text", "use ascii, bigint"),
        ("string", "use ascii, bigint"),
        ("map<text,int>", "map<a, b>"),
        ("map<text>", "map<a, b>"),
        ("list<text, text>", r"list<a>"),
        ("list<counter>", "of these except counter"),
        ("set<varchar>", "set<a>"),
        ("frozen<list<text>>", "no frozen"),
        ("list<frozen<list<text>>>", "nested"),
        ("tuple<int, int, int>", "tuple<a, b>"),
        ("address", "user-defined"),
    ],
)
def test_refuses_type_the_table_could_not_be_created_or_kept_with(cql_type: str, message: str) -> None:
    """The update fails halfway, or the table is replaced since Keyspaces spells the type in another way."""
    with pytest.raises(InvalidArguments, match=f"column 'size' is .*{message}"):
        Table(**{**THINGS, "columns": {**THINGS["columns"], "size": cql_type}})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clustering_key": {"year": "desc"}}, "clustering_key 'year' is ordered 'desc'; use ASC or DESC"),
        ({"clustering_key": {"id": "ASC"}}, "clustering_key 'id' is in partition_key too"),
        ({"partition_key": ["id", "id"]}, "partition_key names 'id' twice"),
        (
            {"columns": {"id": "list<text>"}},
            "partition_key 'id' is list<text>; a key column cannot be a list, set, map or counter",
        ),
        ({"columns": {"id": "counter"}}, "partition_key 'id' is counter; a key column cannot be"),
        ({"columns": {"id": "text", "hits": "counter", "year": "int"}}, "columns mix counters with other types"),
        ({"kms_key_arn": "alias/store"}, "kms_key_arn is 'alias/store'; give an ARN such as arn:aws:kms"),
        ({"kms_key_arn": "arn:aws:kms:us-east-1:111122223333:alias/store"}, "not of an alias"),
        ({"time_to_live": -1}, "time_to_live is -1; use 0 to 630720000 seconds, or None"),
        ({"time_to_live": 630_720_001}, "time_to_live is 630720001"),
    ],
)
def test_refuses_option_keyspaces_would_refuse(options: dict[str, Any], message: str) -> None:
    """The update fails halfway, with the provider's error."""
    with pytest.raises(InvalidArguments, match=message):
        Table(**{**THINGS, **options})


def test_accepts_counters_beside_a_key() -> None:
    """A table of counters is refused, since its key columns have other types."""
    Table(name="hits", columns={"id": "text", "a": "counter", "b": "counter"}, partition_key=["id"])


def test_names_all_mistakes_at_once() -> None:
    """The owner needs another run to learn of each mistake."""
    with pytest.raises(InvalidArguments) as refused:
        Table(name="Things", columns={"id": "string", "Size": "int"}, partition_key=["code"], time_to_live=-1)
    assert refused.value.mistakes.keys() == {
        "name",
        "column 'id'",
        "column 'Size'",
        "partition_key",
        "time_to_live",
    }


def test_declares_the_kits_table_of_idempotency_keys() -> None:
    """A service with the declared table does not start: the table has other columns than the kit needs."""
    table = idempotency_table("requests", keep=60)
    assert dict(table.columns) == COLUMNS
    assert table.time_to_live == 60
