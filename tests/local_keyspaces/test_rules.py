"""Keyspaces' own rules: the endpoint must refuse, in Keyspaces' words, what Cassandra accepts and Keyspaces refuses."""

import uuid
from collections.abc import Iterator

import pytest
from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import Session
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from local_keyspaces.tables import TableSchema
from tests.keyspaces import LocalKeyspaces

EVENTS = TableSchema(
    keyspace="rules",
    name="events",
    columns={"source": "text", "at": "int", "body": "blob", "note": "text", "shared": "text", "tags": "set<text>"},
    partition_key=["source"],
    clustering_key={"at": "ASC"},
    static=frozenset({"shared"}),
)
PLAIN = TableSchema(keyspace="rules", name="plain", columns={"id": "int", "value": "text"}, partition_key=["id"])
EXPIRING = TableSchema(
    keyspace="rules",
    name="expiring",
    columns={"id": "int", "value": "text"},
    partition_key=["id"],
    properties={"ttl": {"status": "enabled"}, "client_side_timestamps": {"status": "enabled"}},
)
WIDE = TableSchema(
    keyspace="rules",
    name="wide",
    columns={"id": "int", **{f"c{number}": "int" for number in range(300)}},
    partition_key=["id"],
)
COUNTERS = TableSchema(
    keyspace="rules", name="counters", columns={"id": "int", "count": "counter"}, partition_key=["id"]
)


@pytest.fixture(scope="module")
def rules(keyspaces: LocalKeyspaces) -> Iterator[Session]:
    """A session with tables of all kinds."""
    for table in (EVENTS, PLAIN, EXPIRING, WIDE, COUNTERS):
        keyspaces.create(table)
    with keyspaces.connect() as session:
        session.execute("USE rules")
        yield session


READS = {"ONE", "LOCAL_ONE", "LOCAL_QUORUM"}
LEVELS = sorted(ConsistencyLevel.value_to_name.values())


@pytest.mark.parametrize("level", LEVELS)
def test_reads_at_the_documented_consistency_levels(rules: Session, level: str) -> None:
    """A consistency level that works on a laptop would fail only in the cloud."""
    statement = SimpleStatement("SELECT * FROM plain", consistency_level=ConsistencyLevel.name_to_value[level])
    prepared = rules.prepare("SELECT * FROM plain WHERE id = 1")
    prepared.consistency_level = ConsistencyLevel.name_to_value[level]
    for read in (statement, prepared):
        if level in READS:
            rules.execute(read)
        else:
            with pytest.raises(InvalidRequest) as refused:
                rules.execute(read)
            assert (
                f'code=2200 [Invalid query] message="Consistency level {level} is not supported for this operation.'
                ' Supported consistency levels are: ONE, LOCAL_QUORUM, LOCAL_ONE"'
            ) in str(refused.value)


@pytest.mark.parametrize("level", LEVELS)
def test_writes_at_local_quorum_only(rules: Session, level: str) -> None:
    """A program that keeps its driver's default consistency would pass here and be refused in the cloud."""
    value = ConsistencyLevel.name_to_value[level]
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=value)
    batch.add("INSERT INTO plain (id, value) VALUES (1, 'a')")
    prepared = rules.prepare("DELETE FROM plain WHERE id = 1")
    prepared.consistency_level = value
    simple = SimpleStatement("INSERT INTO plain (id, value) VALUES (1, 'a')", consistency_level=value)
    for write in (simple, prepared, batch):
        if level == "LOCAL_QUORUM":
            rules.execute(write)
        else:
            with pytest.raises(InvalidRequest) as refused:
                rules.execute(write)
            assert (
                f'code=2200 [Invalid query] message="Consistency level {level} is not supported for this operation.'
                ' Supported consistency levels are: LOCAL_QUORUM"'
            ) in str(refused.value)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT COUNT(*) FROM plain", "countRows is not yet supported."),
        ("SELECT COUNT(value) FROM plain", "count is not yet supported."),
        ("SELECT MIN(id) FROM plain", "min is not yet supported."),
        ("SELECT max(id) FROM plain", "max is not yet supported."),
        ("SELECT sum(id) FROM plain", "sum is not yet supported."),
        ("SELECT avg(id) FROM plain", "avg is not yet supported."),
        ("SELECT abs(id) FROM plain", "abs is not yet supported."),
        ("INSERT INTO plain (id, value) VALUES (1, mask_default('a'))", "mask_default is not yet supported."),
        ("SELECT * FROM plain PER PARTITION LIMIT 1", "PER PARTITION LIMIT is not supported"),
        ("SELECT DISTINCT id FROM plain", "DISTINCT is not supported"),
        ("SELECT id FROM plain GROUP BY id", "GROUP BY is not supported"),
        ("SELECT * FROM plain WHERE value LIKE 'a%'", "LIKE is not supported"),
        ("TRUNCATE plain", "TRUNCATE is not yet supported."),
        ("CREATE INDEX ON plain (value)", "CREATE INDEX is not yet supported."),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT * FROM plain WHERE id IS NOT NULL PRIMARY KEY (id)",
            "CREATE MATERIALIZED",
        ),
        ("CREATE TRIGGER t ON plain USING 'x'", "CREATE TRIGGER is not yet supported."),
        (
            "CREATE FUNCTION f (a int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
            "CREATE FUNCTION is not yet supported.",
        ),
        ("CREATE ROLE r", "CREATE ROLE is not yet supported."),
        ("GRANT SELECT ON plain TO r", "GRANT is not yet supported."),
        ("LIST ROLES", "LIST ROLES is not yet supported."),
        ("ALTER TABLE plain DROP value", "ALTER TABLE DROP is not yet supported."),
        ("UPDATE plain SET value = 'a' WHERE id IN (1, 2)", "IN is not supported in UPDATE and DELETE"),
        ("DELETE FROM plain WHERE id IN (1, 2)", "IN is not supported in UPDATE and DELETE"),
        ("INSERT INTO plain (id, value) VALUES (1, 'a') USING TTL 10", "TTL is not yet supported."),
        ("UPDATE plain USING TTL 10 SET value = 'a' WHERE id = 1", "TTL is not yet supported."),
        ("INSERT INTO plain (id, value) VALUES (1, 'a') USING TIMESTAMP 10", "Client-side timestamps are not enabled"),
        ("DELETE FROM plain USING TIMESTAMP 10 WHERE id = 1", "Client-side timestamps are not enabled"),
        (
            "BEGIN UNLOGGED BATCH USING TIMESTAMP 1 INSERT INTO plain (id) VALUES (1) APPLY BATCH",
            "Client-side timestamps are not enabled",
        ),
        ("SELECT WRITETIME(value) FROM plain", "Client-side timestamps are not enabled"),
        ("SELECT * FROM nowhere", "unconfigured table rules.nowhere"),
        ("SELECT * FROM nothing.at_all", "unconfigured keyspace nothing"),
        ("USE nothing", "unconfigured keyspace nothing"),
    ],
)
def test_refuses_statements_that_keyspaces_does_not_support(rules: Session, statement: str, message: str) -> None:
    """A statement that Cassandra accepts and Keyspaces refuses would pass here."""
    with pytest.raises(InvalidRequest, match="code=2200") as refused:
        rules.execute(statement)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT TTL(value), CAST(id AS text), toJson(value) FROM plain",
        "SELECT JSON * FROM plain",
        "SELECT * FROM plain WHERE id IN (3, 2, 1)",
        "SELECT * FROM plain WHERE token(id) > 5 LIMIT 3",
        "SELECT * FROM plain WHERE value = 'a' ALLOW FILTERING",
        "SELECT * FROM events WHERE source = 'a' AND at > 3 ORDER BY at DESC",
        "INSERT INTO plain JSON '{\"id\": 1}'",
        "INSERT INTO plain (id, value) VALUES (1, 'a') IF NOT EXISTS",
        "UPDATE plain SET value = 'b' WHERE id = 1 IF value = 'a'",
        "UPDATE counters SET count = count + 1 WHERE id = 1",
        "UPDATE events SET tags = tags + {'x'} WHERE source = 'a' AND at = 1",
        "INSERT INTO expiring (id, value) VALUES (1, 'a') USING TTL 100 AND TIMESTAMP 10",
        "SELECT WRITETIME(value) FROM expiring",
        "DELETE FROM events WHERE source = 'a' AND at > 1",
        "BEGIN BATCH INSERT INTO plain (id) VALUES (1); INSERT INTO expiring (id) VALUES (1); APPLY BATCH",
        "SELECT blobAsInt(intAsBlob(3)) FROM plain",
        "INSERT INTO events (source, at) VALUES ('a', 1)",
        "SELECT now(), uuid(), currentDate(), toTimestamp(now()) FROM plain",
    ],
)
def test_executes_statements_that_keyspaces_supports(rules: Session, statement: str) -> None:
    """A correct statement would be refused here."""
    rules.execute(statement)


def test_refuses_text_that_is_not_cql(rules: Session) -> None:
    """A driver could not tell a mistake in CQL from other errors, since the error would have another code."""
    with pytest.raises(SyntaxException, match="code=2000"):
        rules.execute("SELEKT * FROM plain")


@pytest.mark.parametrize("statement", ["CREATE TABLE t (a int PRIMARY KEY)", "USE rules", "DROP TABLE plain"])
def test_prepares_no_change_of_the_schema(rules: Session, statement: str) -> None:
    """A program could prepare DDL here, and would be refused in the cloud."""
    with pytest.raises(InvalidRequest, match="can be prepared"):
        rules.prepare(statement)


@pytest.mark.parametrize("bound", [False, True])
def test_limits_the_combinations_in_asks_for(rules: Session, bound: bool) -> None:
    """A SELECT with more IN values than Keyspaces accepts would pass here; two columns multiply their values."""
    for count, allowed in ((100, True), (101, False)):
        if bound:
            statement = rules.prepare("SELECT * FROM plain WHERE id IN ?").bind([list(range(count))])
        else:
            statement = SimpleStatement(f"SELECT * FROM plain WHERE id IN ({', '.join(map(str, range(count)))})")
        if allowed:
            rules.execute(statement)
        else:
            with pytest.raises(InvalidRequest, match="101 subqueries of IN; at most 100"):
                rules.execute(statement)
    sources = ", ".join(f"'{number}'" for number in range(11))
    with pytest.raises(InvalidRequest, match="110 subqueries"):
        rules.execute(f"SELECT * FROM events WHERE source IN ({sources}) AND at IN (1,2,3,4,5,6,7,8,9,10)")


def _batch(rules: Session, kind: BatchType, count: int, table: str = "plain") -> BatchStatement:
    columns = "(source, at)" if table == "events" else "(id)"
    values = "('a', ?)" if table == "events" else "(?)"
    insert = rules.prepare(f"INSERT INTO {table} {columns} VALUES {values}")
    batch = BatchStatement(kind, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    for number in range(count):
        batch.add(insert, [number])
    return batch


@pytest.mark.parametrize(
    ("kind", "table", "most"),
    [(BatchType.UNLOGGED, "plain", 30), (BatchType.LOGGED, "plain", 100), (BatchType.LOGGED, "events", 50)],
)
def test_limits_the_statements_of_a_batch(rules: Session, kind: BatchType, table: str, most: int) -> None:
    """A loader could send larger batches here, and would fail when it is deployed."""
    rules.execute(_batch(rules, kind, most, table))
    with pytest.raises(InvalidRequest, match=rf"Batches with more than {most} statements are not supported\."):
        rules.execute(_batch(rules, kind, most + 1, table))
    word = "UNLOGGED" if kind == BatchType.UNLOGGED else ""
    inserts = "; ".join(f"INSERT INTO plain (id) VALUES ({number})" for number in range(101))
    with pytest.raises(InvalidRequest, match="Batches with more than"):
        rules.execute(f"BEGIN {word} BATCH {inserts}; APPLY BATCH")


@pytest.mark.parametrize("kind", [BatchType.UNLOGGED, BatchType.LOGGED])
def test_accepts_batches_of_up_to_4_megabytes(rules: Session, kind: BatchType) -> None:
    """A batch above Cassandra's own limit of 50 KB would be refused here, and not in the cloud."""
    insert = rules.prepare("INSERT INTO events (source, at, body) VALUES ('big', ?, ?)")

    def batch(size: int) -> BatchStatement:
        statements = BatchStatement(kind, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        for number in range(10):
            statements.add(insert, [number, bytes(size // 10)])
        return statements

    answer = rules.execute_async(batch(4_000_000))
    answer.result()
    assert not answer.warnings
    with pytest.raises(InvalidRequest, match="bytes in the batch; at most 4194304"):
        rules.execute(batch(4_300_000))


@pytest.mark.parametrize(
    ("kind", "statements", "message"),
    [
        ("UNLOGGED", ["INSERT INTO plain (id) VALUES (1) IF NOT EXISTS"], "Conditional statements"),
        ("", ["UPDATE counters SET count = count + 1 WHERE id = 1"], "Counters are not supported"),
        ("", ["DELETE FROM events WHERE source = 'a' AND at > 1"], "only = in WHERE"),
        ("", ["DELETE FROM events WHERE source = 'a'"], "Range deletes"),
        (
            "",
            ["INSERT INTO plain (id, value) VALUES (1, 'a')", "UPDATE plain SET value = 'b' WHERE id = 1"],
            "same row",
        ),
    ],
)
def test_refuses_the_batches_that_keyspaces_refuses(
    rules: Session, kind: str, statements: list[str], message: str
) -> None:
    """A batch that Keyspaces refuses (developer guide, "Batch statements") would pass here."""
    with pytest.raises(InvalidRequest, match=message):
        rules.execute(f"BEGIN {kind} BATCH {'; '.join(statements)}; APPLY BATCH")


def test_allows_the_static_columns_of_a_partition_to_be_deleted_in_a_batch(rules: Session) -> None:
    """The endpoint would take a DELETE of static columns for a range delete, and refuse it in a batch."""
    rules.execute("BEGIN BATCH DELETE shared FROM events WHERE source = 'a'; APPLY BATCH")


@pytest.mark.parametrize("text", [False, True], ids=["bound", "in the text"])
def test_limits_the_size_of_rows_and_keys(rules: Session, text: bool) -> None:
    """A program with larger rows or keys would fail only in production, since Cassandra has no such limits."""

    def insert(source: str, body: bytes) -> None:
        if text:
            rules.execute(f"INSERT INTO events (source, at, body) VALUES ('{source}', 1, 0x{body.hex()})")
        else:
            rules.execute(rules.prepare("INSERT INTO events (source, at, body) VALUES (?, 1, ?)"), [source, body])

    insert("k" * 2048, b"")
    with pytest.raises(InvalidRequest, match="2049 bytes in the partition key; at most 2048"):
        insert("k" * 2049, b"")
    insert("a", bytes(1024 * 1024 - 100))
    with pytest.raises(InvalidRequest, match="bytes in the row; at most 1048576"):
        insert("a", bytes(1024 * 1024 + 1))


def test_counts_the_bytes_of_keys_in_prepared_texts_and_batches(rules: Session) -> None:
    """A key of characters with several bytes would pass here and be refused in the cloud."""
    text = f"INSERT INTO events (source, at, note) VALUES ('{'😀' * 600}', 1, 'a')"
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    batch.add(SimpleStatement(text))
    for statement in (text, rules.prepare(text).bind([]), batch):
        with pytest.raises(InvalidRequest, match="2400 bytes in the partition key; at most 2048"):
            rules.execute(statement)


def test_limits_the_columns_a_statement_writes(rules: Session) -> None:
    """A statement that writes more than 225 columns would pass here and be refused in the cloud."""
    for count, allowed in ((225, True), (226, False)):
        columns = ", ".join(f"c{number}" for number in range(count))
        statement = f"INSERT INTO wide (id, {columns}) VALUES (1{', 1' * count})"
        if allowed:
            rules.execute(statement)
        else:
            with pytest.raises(InvalidRequest, match="226 regular columns in a statement; at most 225"):
                rules.execute(statement)


def test_reads_its_own_writes(rules: Session) -> None:
    """Values could be lost or changed between client and Cassandra: a megabyte, null, an empty string, every type."""
    source, body = str(uuid.uuid4()), bytes(range(256)) * 4000
    insert = rules.prepare("INSERT INTO events (source, at, body, note, tags) VALUES (?, ?, ?, ?, ?)")
    rules.execute(insert, [source, 1, body, "", {"ä", "b"}])
    rules.execute(insert, [source, 2, None, None, None])
    first, second = rules.execute("SELECT * FROM events WHERE source = %s", [source])
    assert (first.body, first.note, first.tags) == (body, "", {"ä", "b"})
    assert (second.body, second.note, second.tags) == (None, None, None)
