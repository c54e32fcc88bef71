"""The quotas of the service: the endpoint accepts as many as the quota allows and refuses one more at once."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Session

from local_keyspaces.catalog import Catalog
from local_keyspaces.changes import Changes
from local_keyspaces.quotas import Quota
from local_keyspaces.refusals import Refused
from local_keyspaces.tables import Column, Status, Table, TableSchema, UserType, create_statement
from tests.keyspaces import LocalKeyspaces
from tests.processes import wait_until

KEYSPACE = "quotas"
ROWS = TableSchema(
    keyspace=KEYSPACE,
    name="rows",
    columns={"pk": "text", "ck": "text", "body": "blob", "shared": "text"},
    partition_key=["pk"],
    clustering_key={"ck": "ASC"},
    static=frozenset({"shared"}),
)
PLAIN = TableSchema(keyspace=KEYSPACE, name="plain", columns={"id": "int", "body": "blob"}, partition_key=["id"])
WIDE = TableSchema(
    keyspace=KEYSPACE,
    name="wide",
    columns={"id": "int", **{f"c{number}": "int" for number in range(226)}},
    partition_key=["id"],
)
TYPES = 51  # t0, t1 and so on, each with one field


@dataclass(frozen=True)
class Case:
    """statement: makes the CQL for a given count. before: makes what must exist first, for that count."""

    statement: Callable[[int], str]
    before: Callable[[Catalog, int], Mapping[Any, Any]] = lambda catalog, count: {}


def batch(kind: str, table: str, count: int) -> str:
    inserts = {
        "plain": "INSERT INTO quotas.plain (id) VALUES ({})",
        "rows": "INSERT INTO quotas.rows (pk, ck) VALUES ('a', '{}')",
    }
    return f"BEGIN {kind} BATCH {'; '.join(inserts[table].format(number) for number in range(count))} APPLY BATCH"


def batch_of(size: int) -> str:
    """A request of exactly that many bytes; the driver adds 19 to the text."""
    rows = [f"INSERT INTO quotas.plain (id, body) VALUES ({number}, 0x{{}})" for number in range(5)]
    text = f"BEGIN UNLOGGED BATCH {'; '.join(rows)} APPLY BATCH"
    room = size - 19 - len(text) + 2 * len(rows)
    bodies = ["00" * (room // 2 // len(rows)) for _ in rows]
    spare = room - sum(map(len, bodies))
    return text.format(*bodies) + " " * spare


def insert_wide(table: str, count: int) -> str:
    columns = ", ".join(f"c{number}" for number in range(count))
    return f"INSERT INTO quotas.{table} (id, {columns}) VALUES (1{', 1' * count})"


def capacity(read: int, write: int) -> str:
    return (
        "ALTER TABLE quotas.provisioned WITH custom_properties = {'capacity_mode': {'throughput_mode': 'PROVISIONED',"
        f" 'read_capacity_units': {read}, 'write_capacity_units': {write}}}}}"
    )


def create_table(schema_bytes: int) -> str:
    def schema(comment: str) -> TableSchema:
        return TableSchema(keyspace=KEYSPACE, name="long", columns={"a": "int"}, partition_key=["a"], comment=comment)

    return create_statement(schema("x" * (schema_bytes - len(create_statement(schema("x"))) + 1)))


def create_type(schema_bytes: int) -> str:
    def statement(last: int) -> str:
        fields = [f'"{number:0128}" int' for number in range(187)] + ['"y" int', f'"{"x" * last}" int']
        return f'CREATE TYPE "{KEYSPACE}"."long" ({", ".join(fields)})'

    return statement(schema_bytes - len(statement(0)))


def fake_table(name: str, keyspace: str = KEYSPACE, **settings: Any) -> Mapping[Any, Any]:
    return {(keyspace, name): Table(keyspace=keyspace, name=name, columns={}, **settings)}


def fake_capacity(catalog: Catalog, quota: Quota, units_of: str) -> Mapping[Any, Any]:
    """A table with all capacity units of the quota except one, less those of other tests' tables."""
    taken = sum(
        int(table.properties.get("capacity_mode", {}).get(units_of, 0))
        for key, table in catalog.tables.items()
        if key != (KEYSPACE, "provisioned")
    )
    units = {"read_capacity_units": "0", "write_capacity_units": "0", units_of: str(quota.most - 1 - taken)}
    return fake_table("fake", properties={"capacity_mode": {"throughput_mode": "PROVISIONED", **units}})


def using(type_: str) -> Mapping[str, Column]:
    return {"a": Column(type=f"frozen<{type_}>", kind="regular", position=-1, clustering_order="none")}


CASES: Mapping[Quota, Case] = {
    Quota.KEYSPACES: Case(
        lambda count: "CREATE KEYSPACE one_more WITH replication = {'class': 'SingleRegionStrategy'}",
        lambda catalog, count: {f"fake{n}": Status.ACTIVE for n in range(count - 1 - len(catalog.keyspaces))},
    ),
    Quota.TABLES: Case(
        lambda count: "CREATE TABLE quotas.one_more (a int PRIMARY KEY)",
        lambda catalog, count: {
            key: table
            for n in range(count - 1 - sum(keyspace in catalog.keyspaces for keyspace, _ in catalog.tables))
            for key, table in fake_table(f"fake{n}").items()
        },
    ),
    Quota.TYPES: Case(
        lambda count: "CREATE TYPE quotas.one_more (a int)",
        lambda catalog, count: {
            (KEYSPACE, f"fake{n}"): UserType(fields={}) for n in range(count - 1 - len(catalog.types))
        },
    ),
    Quota.TABLE_SCHEMA: Case(create_table),
    Quota.TYPE_SCHEMA: Case(create_type),
    Quota.NESTED_COLLECTIONS: Case(
        lambda count: f"CREATE TABLE quotas.nested (a int PRIMARY KEY, b {'frozen<list<' * count}int{'>>' * count})"
    ),
    Quota.TYPE_NESTING: Case(
        lambda count: f"CREATE TYPE quotas.deep{count} (a frozen<deep{count - 1}>)",
        lambda catalog, count: (
            {(KEYSPACE, f"deep{count - 1}"): UserType(fields={"a": f"frozen<deep{count - 2}>"})}
            if count > Quota.TYPE_NESTING.most
            else {}
        ),
    ),
    Quota.TYPE_NAME: Case(lambda count: f"CREATE TYPE quotas.{'n' * count} (a int)"),
    Quota.FIELD_NAME: Case(lambda count: f"CREATE TYPE quotas.long_field ({'f' * count} int)"),
    Quota.TYPES_OF_A_TABLE: Case(
        lambda count: (
            f"CREATE TABLE quotas.typed (a int PRIMARY KEY, {', '.join(f'b{n} frozen<t{n}>' for n in range(count))})"
        )
    ),
    Quota.TABLES_OF_A_TYPE: Case(
        lambda count: "CREATE TABLE quotas.uses_t0 (a int PRIMARY KEY, b frozen<t0>)",
        lambda catalog, count: {
            (KEYSPACE, f"fake{n}"): Table(keyspace=KEYSPACE, name=f"fake{n}", columns=using("t0"))
            for n in range(count - 1 - len(catalog.tables_with(KEYSPACE, "t0")))
        },
    ),
    Quota.CHILD_TYPES: Case(
        lambda count: f"CREATE TYPE quotas.family ({', '.join(f'b{n} frozen<t{n}>' for n in range(count))})"
    ),
    Quota.PARENT_TYPES: Case(
        lambda count: "CREATE TYPE quotas.one_more_parent (a frozen<t50>)",
        lambda catalog, count: {
            (KEYSPACE, f"fake{n}"): UserType(fields={"a": "frozen<t50>"})
            for n in range(count - 1 - len(catalog.parents(KEYSPACE, "t50")))
        },
    ),
    Quota.READ_CAPACITY: Case(lambda count: capacity(count, 1)),
    Quota.WRITE_CAPACITY: Case(lambda count: capacity(1, count)),
    Quota.ACCOUNT_READ_CAPACITY: Case(
        lambda count: capacity(count - Quota.ACCOUNT_READ_CAPACITY.most + 1, 1),
        lambda catalog, count: fake_capacity(catalog, Quota.ACCOUNT_READ_CAPACITY, "read_capacity_units"),
    ),
    Quota.ACCOUNT_WRITE_CAPACITY: Case(
        lambda count: capacity(1, count - Quota.ACCOUNT_WRITE_CAPACITY.most + 1),
        lambda catalog, count: fake_capacity(catalog, Quota.ACCOUNT_WRITE_CAPACITY, "write_capacity_units"),
    ),
    Quota.TAGS: Case(
        lambda count: "ALTER TABLE quotas.plain ADD TAGS " + str({f"k{number}": "v" for number in range(count)})
    ),
    Quota.TAG_KEY: Case(lambda count: f"ALTER TABLE quotas.rows ADD TAGS {{'{'k' * count}': 'v'}}"),
    Quota.TAG_VALUE: Case(lambda count: f"ALTER TABLE quotas.rows ADD TAGS {{'k': '{'v' * count}'}}"),
    Quota.PARTITION_KEY: Case(lambda count: f"INSERT INTO quotas.rows (pk, ck) VALUES ('{'k' * count}', 'a')"),
    Quota.CLUSTERING_KEY: Case(lambda count: f"INSERT INTO quotas.rows (pk, ck) VALUES ('a', '{'k' * count}')"),
    Quota.ROW: Case(lambda count: f"INSERT INTO quotas.rows (pk, ck, body) VALUES ('a', 'b', 0x{'00' * (count - 2)})"),
    Quota.STATIC_DATA: Case(lambda count: f"INSERT INTO quotas.rows (pk, shared) VALUES ('a', '{'s' * (count - 1)}')"),
    Quota.COLUMNS: Case(lambda count: insert_wide("wide", count)),
    Quota.COLUMNS_WITH_TTL: Case(lambda count: insert_wide("wide_ttl", count)),
    Quota.SUBQUERIES: Case(
        lambda count: f"SELECT * FROM quotas.plain WHERE id IN ({', '.join(map(str, range(count)))})"
    ),
    Quota.LOGGED_STATEMENTS: Case(lambda count: batch("", "plain", count)),
    Quota.LOGGED_STATEMENTS_WITH_STATIC: Case(lambda count: batch("", "rows", count)),
    Quota.UNLOGGED_STATEMENTS: Case(lambda count: batch("UNLOGGED", "plain", count)),
    Quota.BATCH: Case(batch_of),
}


@pytest.fixture(scope="module")
def quotas(keyspaces: LocalKeyspaces) -> Iterator[Session]:
    ttl = {"ttl": {"status": "enabled"}}
    for table in (ROWS, PLAIN, WIDE):
        keyspaces.create(table)
    keyspaces.create(
        TableSchema(keyspace=KEYSPACE, name="wide_ttl", columns=WIDE.columns, partition_key=["id"], properties=ttl)
    )
    keyspaces.create(TableSchema(keyspace=KEYSPACE, name="provisioned", columns={"id": "int"}, partition_key=["id"]))
    # Once in each process, or again after tests of other modules.
    schema, catalog = keyspaces.service.schema, keyspaces.service.schema.catalog
    names = [f"t{number}" for number in range(TYPES)]
    for name in names:
        keyspaces.call(schema.create_type(KEYSPACE, name, {"a": "int"}, if_not_exists=True))
    for depth in range(1, Quota.TYPE_NESTING.most):
        fields = {"a": f"frozen<deep{depth - 1}>" if depth > 1 else "int"}
        keyspaces.call(schema.create_type(KEYSPACE, f"deep{depth}", fields, if_not_exists=True))
    wait_until(lambda: all(type_.status is Status.ACTIVE for type_ in catalog.types.values()))
    with keyspaces.connect() as session:
        yield session


@contextmanager
def filled(catalog: Catalog, entries: Mapping[Any, Any]) -> Iterator[None]:
    """Adds keyspaces, tables or types to the endpoint's memory only."""
    stores: list[dict[Any, Any]] = [catalog.keyspaces, catalog.tables, catalog.types]
    kinds = (Status, Table, UserType)
    for key, value in entries.items():
        stores[kinds.index(type(value))][key] = value
    try:
        yield
    finally:
        for key, value in entries.items():
            del stores[kinds.index(type(value))][key]


@pytest.mark.parametrize("quota", [quota for quota in Quota if quota is not Quota.CONCURRENT_DDL], ids=lambda q: q.name)
def test_accepts_exactly_what_a_quota_allows(keyspaces: LocalKeyspaces, quotas: Session, quota: Quota) -> None:
    """A program that exceeds a quota would pass here and fail in production."""
    catalog, case = keyspaces.service.schema.catalog, CASES[quota]
    wait_until(lambda: catalog.tables[KEYSPACE, "provisioned"].status is Status.ACTIVE)
    with filled(catalog, case.before(catalog, quota.most + 1)), pytest.raises(InvalidRequest) as refused:
        quotas.execute(case.statement(quota.most + 1))
    message = str(refused.value)
    assert f"at most {quota.most} are supported" in message or f"more than {quota.most} statements" in message
    with filled(catalog, case.before(catalog, quota.most)):
        quotas.execute(case.statement(quota.most))


def test_accepts_50_concurrent_changes_of_the_schema(keyspaces: LocalKeyspaces) -> None:
    """A migration that starts all its changes at once would pass here and be throttled by the service."""
    release = threading.Event()

    async def run() -> None:
        changes = Changes(delay=0)
        try:
            begun = [asyncio.ensure_future(changes.make(release.wait)) for _ in range(Quota.CONCURRENT_DDL.most)]
            await asyncio.sleep(0)
            with pytest.raises(Refused, match="51 concurrent DDL operations; at most 50"):
                await changes.make(release.wait)
            release.set()
            assert all(await asyncio.gather(*begun))
            assert await changes.make(release.wait)
        finally:
            release.set()
            await changes.close()

    keyspaces.call(run())
