"""The endpoint's parser must understand each statement as Cassandra does, or refuse it."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from cassandra import InvalidRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_keyspaces.cql import (
    AlterKeyspace,
    AlterTable,
    Batch,
    CqlSyntaxError,
    CreateKeyspace,
    CreateTable,
    CreateType,
    Delete,
    DropKeyspace,
    DropTable,
    DropType,
    Insert,
    Select,
    Statement,
    Term,
    Unsupported,
    Update,
    Use,
    parse,
)
from tests.keyspaces import LocalKeyspaces

# With the number of their bind markers.
DML = {
    "SELECT * FROM ks.t": 0,
    'SELECT * FROM "Ks"."T" WHERE "a""b" = 1;': 0,
    "select a, b as x, c.d.e, f['k'], g[1..2], -a + b * 2 from ks.t where a = ? limit :l": 2,
    "SELECT JSON DISTINCT a FROM ks.t PER PARTITION LIMIT 2 LIMIT 5 ALLOW FILTERING;;": 0,
    "SELECT json, distinct, ttl, key, as, count, cast FROM ks.t": 0,
    "SELECT count(*), ttl(a), writetime(b), maxwritetime(b), cast(a AS text), ks.f(?), token(a) FROM ks.t": 1,
    "SELECT (int) 5, (a), (a, b), [a, 1], {a: 1}, {1, 2}, {} FROM ks.t GROUP BY a, f(b)": 0,
    "SELECT a FROM ks.t WHERE token(a, b) > token(1, ?) AND m['k'] = ? AND c IN () AND d IN ? AND e IS NOT NULL": 3,
    "SELECT a FROM ks.t WHERE (a, b) IN ((1, 2), (3, ?)) AND (c, d) > (?, 2) AND (e, f) IN ? AND (g = 1)": 3,
    "SELECT a FROM ks.t WHERE a CONTAINS KEY 1 AND b CONTAINS 'x' AND c LIKE '%y' ORDER BY a DESC, b": 0,
    "SELECT a FROM ks.t WHERE a = {b: 1, c: ?} AND d = [1, -2.5e3] AND e = 0xAB AND f = 1h30m AND g = P1D": 1,
    "SELECT a FROM ks.t WHERE a = 12345678-1234-1234-1234-123456789abc AND b = -NaN AND c = true AND d = null": 0,
    "SELECT a FROM ks.t ORDER BY v ANN OF [1.0, ?] LIMIT 3": 1,
    "SELECT a -- ' comment\n FROM /* \" $$ */ ks . // ;\n t": 0,
    "INSERT INTO ks.t (a, b) VALUES (?, :b) IF NOT EXISTS USING TTL ? AND TIMESTAMP 1": 3,
    "INSERT INTO ks.t JSON ? DEFAULT UNSET": 1,
    "UPDATE ks.t USING TTL ? SET a = 1, b = b + {?}, c = [1] + c, d = d -1, e[?] = 2, f.g = 'x', h += ? WHERE k = 1": 4,
    "UPDATE ks.t SET a = f(1) + 2 WHERE k = 1 IF x = ? AND y[1] = 2 AND z.a IN (1) AND w IN ?": 2,
    "DELETE a, b[?], c.d FROM ks.t USING TIMESTAMP ? WHERE k = ? IF EXISTS": 3,
    "BEGIN UNLOGGED BATCH USING TIMESTAMP ? INSERT INTO ks.t(a) VALUES (?) DELETE FROM ks.t WHERE k = ? APPLY BATCH": 3,
}
REFUSED = [
    "",
    " ;",
    "SELECT",
    "SELECT a FROM t; SELECT b FROM u",
    "SELECT a FROM t -- a comment that no line ends",
    "SELECT a FROM t /* never closed",
    "SELECT a /* /* nested */ */ FROM t",
    "SELECT a FROM t WHERE b = 'never closed",
    "SELECT a FROM t WHERE b = $$never closed$",
    "SELECT a FROM t WHERE b = $$one too many$$$",
    'SELECT a FROM "never closed',
    'SELECT a FROM ""',
    "SELECT a\0 FROM t",
    "SELECT a\u00a0FROM t",
    "SELECT \u0430 FROM t",  # a Cyrillic letter
    "\u017fELECT a FROM t",  # upper() makes an S of it
    "SELECT a FROM t WHERE b = 1\u03bcs",  # a Greek letter; the unit is U+00B5
    "SELECT a FROM select",
    "SELECT order FROM t",
    "SELECT a FROM ?",
    "SELECT a FROM ks.t.u",
    "SELECT a FROM t, u",
    "SELECT a-1 FROM t",
    "SELECT 1abc FROM t",
    "SELECT 1.exists FROM t",
    "SELECT expr(a) FROM t",
    "SELECT json(a, b) c FROM t",
    "SELECT a FROM t WHERE b NOT IN (1)",
    "SELECT a FROM t WHERE b = c",
    "SELECT a FROM t WHERE b = 1 OR c = 2",
    "SELECT a FROM t WHERE expr(i, 'x')",
    "SELECT a FROM t ALLOW FILTERING LIMIT 1",
    "SELECT a FROM t LIMIT 1.5",
    "INSERT INTO t (a) VALUES (1) USING TTL 1 AND TTL 2",
    "INSERT INTO t (a) VALUES (b)",
    "UPDATE t SET a = b + 1 WHERE c = 1",
    "UPDATE t SET a = 1",
    "DELETE FROM t",
    "DELETE FROM t USING TTL 1 WHERE a = 1",
    "BEGIN BATCH SELECT a FROM t APPLY BATCH",
    "BEGIN BATCH ; APPLY BATCH",
    "BEGIN BATCH INSERT INTO t (a) VALUES (1)",
    "USE 'ks'",
    "CREATE KEYSPACE ks",
    "CREATE TABLE t (a int, a text)",
    "CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)",
    "CREATE TABLE t (a int PRIMARY KEY) WITH comment = 'a' AND COMMENT = 'b'",
    "CREATE TABLE t (a map<int>)",
    "CREATE TABLE t (a byte)",
    "CREATE KEYSPACE ks WITH replication = {'class': 'a', 'class': 'b'}",
    "ALTER TABLE t ADD TAGS {}",
    "DROP TABLE a, b",
    "TRUNCATE t WHERE 'never closed",
]


def select(text: str) -> Select:
    statement = parse(text)
    assert isinstance(statement, Select)
    return statement


def markers(value: object) -> Iterator[tuple[int, str | None]]:
    if isinstance(value, Term) and value.marker is not None:
        yield value.marker, value.marker_name
    if is_dataclass(value):
        for field in fields(value):
            yield from markers(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from markers(item)


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text: str) -> None:
    """The endpoint would authorise one statement while Cassandra runs another, or Cassandra's own error would leak."""
    with pytest.raises(CqlSyntaxError, match=r"^line \d+:-?\d+ "):
        parse(text)


@pytest.mark.parametrize("text", DML)
def test_accepts(text: str) -> None:
    """A statement that Keyspaces accepts would be refused here."""
    assert isinstance(parse(text), Select | Insert | Update | Delete | Batch)


def test_cassandra_accepts_it_too(keyspaces: LocalKeyspaces) -> None:
    """The tests would use statements that Cassandra does not accept."""
    with keyspaces.cassandra() as session:
        for text in DML:
            # The table does not exist, which Cassandra reports only after it has parsed the text.
            with pytest.raises(InvalidRequest, match=r"keyspace [kK]s does not exist"):
                session.prepare(text)


@pytest.mark.parametrize(("text", "count"), DML.items())
def test_numbers_markers_as_cassandra_does(text: str, count: int) -> None:
    """The endpoint would check another value than the statement uses."""
    found = [marker for marker, _ in markers(parse(text))]
    assert len(set(found)) == len(found)
    assert set(found) <= set(range(count))


def test_numbers_and_names_markers_through_a_batch() -> None:
    """The endpoint would check a batch's values against the wrong columns."""
    batch = parse(
        "BEGIN BATCH UPDATE t SET a = ?, b = :b WHERE c IN (?, :d) ; INSERT INTO t (a) VALUES ([?]) APPLY BATCH"
    )
    assert isinstance(batch, Batch)
    update, insert = batch.statements
    assert isinstance(update, Update)
    assert list(markers(update.assignments)) == [(0, None), (1, "b")]
    assert list(markers(update.where)) == [(2, None), (3, "d")]
    assert list(markers(insert)) == [(4, None)]


@pytest.mark.parametrize(
    ("table", "keyspace", "name"),
    [
        ("t", None, "t"),
        ("KS.T", "ks", "t"),
        ('"Ks"."T"', "Ks", "T"),
        ('"a""b".c', 'a"b', "c"),
        ('ks."x.y"', "ks", "x.y"),
        ("ks /* . */ . -- x\n t", "ks", "t"),
        ("system.local", "system", "local"),
        ("json", None, "json"),
    ],
)
@pytest.mark.parametrize(
    "template",
    [
        "SELECT * FROM {} WHERE a = 'FROM x.y'",
        "/* FROM x.y */ INSERT INTO {}(a) VALUES ($$ INTO x.y $$)",
        "UPDATE {} SET a = 1 WHERE b = 2",
        "DELETE FROM {} WHERE a = '--'",
        "DROP TABLE {}",
    ],
)
def test_names_the_table_and_its_place_in_the_program(
    template: str, table: str, keyspace: str | None, name: str
) -> None:
    """Access to one table would give access to another, or a name's rewriting would damage the statement."""
    text = template.format(table)
    statement = parse(text)
    assert isinstance(statement, Select | Insert | Update | Delete | DropTable)
    assert (statement.table.keyspace, statement.table.name) == (keyspace, name)
    assert text[statement.table.start : statement.table.end] == table


@pytest.mark.parametrize(
    ("literal", "text", "size"),
    [
        ("'abc'", "abc", 3),
        ("'it''s'", "it's", 4),
        ("'-- /* é'", "-- /* é", 8),
        ("$$it's '$ --$$", "it's '$ --", 10),
        ("'\0'", "\0", 1),
        ("0xABC0", "0xABC0", 2),
        ("42", "42", 8),
        ("(int) -42", "-42", 8),
        ("1.5e-3", "1.5e-3", 8),
        ("TRUE", "true", 1),
        ("null", None, 0),
        ("12345678-1234-1234-1234-123456789ABC", "12345678-1234-1234-1234-123456789ABC", 16),
        ("1h30m", "1h30m", 19),
    ],
)
def test_reads_literals(literal: str, text: str | None, size: int) -> None:
    """The endpoint would apply limits on sizes and keys to the wrong value."""
    (relation,) = select(f"SELECT a FROM t WHERE b = {literal}").where
    assert relation.terms == (Term(kind="literal", text=text, size=size),)


@pytest.mark.parametrize(
    ("value", "kind", "size"),
    [
        ("['a', 'bc']", "collection", 3),
        ("{'a': 'bc', 'd': 0xff}", "collection", 5),
        ("{field: 'abc'}", "collection", 3),
        ("('a', ?)", "collection", None),
        ("{}", "collection", 0),
        ("f('a')", "call", None),
        ("cast(1 AS text)", "call", None),
        ("1 + 2", "other", None),
        ("- f()", "other", None),
        (":x", "marker", None),
    ],
)
def test_reads_other_values(value: str, kind: str, size: int | None) -> None:
    """The endpoint would check a value that only Cassandra can compute."""
    statement = parse(f"INSERT INTO t (a) VALUES ({value})")
    assert isinstance(statement, Insert)
    (term,) = statement.values
    assert (term.kind, term.size) == (kind, size)


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("SELECT count(*), COUNT(1), f(G(a)) FROM t", {"countrows", "f", "g"}),
        (
            'SELECT Count(a), ks.F(a), "Quoted"(a) FROM t WHERE token(a) > h(1)',
            {"count", "ks.f", "Quoted", "token", "h"},
        ),
        ("SELECT ttl(a), [writetime(b)], {1: cast(c AS text)} FROM t", {"ttl", "writetime", "cast"}),
        ("SELECT ttl, writetime FROM t GROUP BY floor(a)", {"floor"}),
        ("SELECT a['x'] FROM t ORDER BY a ANN OF f()", {"f"}),
        ("UPDATE t SET a = [f()], b[g()] = 1 WHERE c IN (h()) IF d = i()", {"f", "g", "h", "i"}),
        ("INSERT INTO t (a) VALUES (- now() + (int) cast(1 AS int))", {"now", "cast"}),
        ("DELETE a[f()] FROM t WHERE b = ('x', {c: g()})", {"f", "g"}),
    ],
)
def test_finds_every_function(text: str, functions: set[str]) -> None:
    """A function that Keyspaces does not have would work here."""
    statement = parse(text)
    assert isinstance(statement, Select | Insert | Update | Delete)
    assert statement.functions == functions


def test_reads_a_select() -> None:
    """A SELECT would pass here although it breaks a rule of Keyspaces."""
    assert select("SELECT DISTINCT a FROM t WHERE a = 1").distinct
    assert not select("SELECT distinct FROM t").distinct
    assert select("SELECT a FROM t GROUP BY a").group_by
    assert select("SELECT a FROM t PER PARTITION LIMIT ?").per_partition_limit
    assert select("SELECT a FROM t ORDER BY b ANN OF ?").ann
    assert not select("SELECT a FROM t ORDER BY b DESC, c").ann


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("a = 1", (("a",), "=", 1, False, False)),
        ("(((a >= 1)))", (("a",), ">=", 1, False, False)),
        ("a IN (1, 2)", (("a",), "IN", 2, False, False)),
        ("a IN ?", (("a",), "IN", 0, True, False)),
        ("(a, b) IN ((1, 2), (3, 4))", (("a", "b"), "IN", 2, False, False)),
        ("(a, b) IN :x", (("a", "b"), "IN", 0, True, False)),
        ("(a, b) > (1, 2)", (("a", "b"), ">", 1, False, False)),
        ("token(a, B) <= ?", (("a", "b"), "<=", 1, False, True)),
        ("m['k'] = 1", (("m",), "=", 2, False, False)),
        ("a CONTAINS KEY 1", (("a",), "CONTAINS KEY", 1, False, False)),
        ("contains CONTAINS 1", (("contains",), "CONTAINS", 1, False, False)),
        ("a IS NOT NULL", (("a",), "IS NOT NULL", 0, False, False)),
        ('"A" != 1', (("A",), "!=", 1, False, False)),
    ],
)
def test_reads_relations(where: str, expected: tuple[object, ...]) -> None:
    """A statement without the partition key, or one that needs ALLOW FILTERING, would not be recognised."""
    (it,) = select(f"SELECT a FROM t WHERE {where}").where
    assert (it.columns, it.operator, len(it.terms), it.in_marker is not None, it.token) == expected


def test_reads_modifications() -> None:
    """The endpoint would overlook a lightweight transaction, a TTL or a client's timestamp."""
    insert = parse("INSERT INTO t (a, \"B\") VALUES (1, 'x') IF NOT EXISTS USING TTL 5 AND TIMESTAMP ?")
    assert isinstance(insert, Insert)
    assert (insert.columns, insert.if_not_exists) == (("a", "B"), True)
    assert insert.ttl and insert.ttl.text == "5"
    assert insert.timestamp and insert.timestamp.marker == 0
    json = parse("INSERT INTO t JSON '{}'")
    assert isinstance(json, Insert) and json.json and json.json.text == "{}"
    update = parse("UPDATE t SET a = a + ?, b[?] = ?, c.d = ?, e = ? + e, f = f -1 WHERE exists = 1 IF exists = 1")
    assert isinstance(update, Update) and update.conditional
    assert [(column, len(terms)) for column, terms in update.assignments] == [
        ("a", 1), ("b", 2), ("c", 1), ("e", 1), ("f", 1)
    ]  # fmt: skip
    delete = parse("DELETE a, b[1], c.d FROM t WHERE k = 1 IF EXISTS")
    assert isinstance(delete, Delete)
    assert (delete.columns, delete.conditional) == (("a", "b", "c"), True)


@pytest.mark.parametrize(("head", "kind"), [("", "LOGGED"), ("UNLOGGED", "UNLOGGED"), ("COUNTER", "COUNTER")])
def test_reads_a_batch(head: str, kind: str) -> None:
    """A statement inside a batch would run unchecked."""
    batch = parse(f"BEGIN {head} BATCH INSERT INTO a (x) VALUES (1) UPDATE b SET x = 1 WHERE y = 1; APPLY BATCH")
    assert isinstance(batch, Batch)
    assert (batch.kind, [statement.table.name for statement in batch.statements]) == (kind, ["a", "b"])


def test_reads_create_table() -> None:
    """CREATE TABLE would create another table than the statement asks for."""
    table = parse(
        """CREATE TABLE IF NOT EXISTS ks."T" (
            a int, "B" frozen<map<text, list<int>>> static, c ks.udt, d "Quoted", e "int", PRIMARY KEY ((a, c), d)
        ) WITH CLUSTERING ORDER BY (d DESC) AND COMPACT STORAGE AND Comment = 'x' AND default_time_to_live = 10
        AND CUSTOM_PROPERTIES = {'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 5},
                                 'ttl': {'status': 'enabled'}, 'on': TRUE} AND TAGS = {'k': 'v'}"""
    )
    assert isinstance(table, CreateTable)
    assert (table.table.keyspace, table.table.name, table.if_not_exists) == ("ks", "T", True)
    assert {name: column.cql for name, column in table.columns.items()} == {
        "a": "int",
        "B": "frozen<map<text, list<int>>>",
        "c": "ks.udt",
        "d": '"Quoted"',
        "e": '"int"',
    }
    assert table.columns["B"].names == {"frozen", "map", "text", "list", "int"}
    assert table.columns["B"].depth == 2
    assert table.static == {"B"}
    assert (table.partition_key, table.clustering_key) == (("a", "c"), ("d",))
    assert table.clustering_order == {"d": "DESC"}
    assert table.options == {
        "compact storage": "true",
        "comment": "x",
        "default_time_to_live": "10",
        "custom_properties": {
            "capacity_mode": {"throughput_mode": "PROVISIONED", "read_capacity_units": "5"},
            "ttl": {"status": "enabled"},
            "on": "true",
        },
        "tags": {"k": "v"},
    }


def test_reads_other_schema_statements() -> None:
    """A DDL statement would do something other than its text says."""
    create = parse("CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SingleRegionStrategy'}")
    assert isinstance(create, CreateKeyspace)
    assert (create.keyspace, create.if_not_exists) == ("ks", True)
    assert create.options == {"replication": {"class": "SingleRegionStrategy"}}
    tagged = parse("ALTER KEYSPACE ks ADD TAGS {'a': 'b'}")
    assert isinstance(tagged, AlterKeyspace) and tagged.add_tags == {"a": "b"}
    assert parse('DROP KEYSPACE IF EXISTS "Ks"') == DropKeyspace(keyspace="Ks", if_exists=True)
    table = parse("ALTER TABLE t ADD (a int, b text static)")
    assert isinstance(table, AlterTable) and list(table.add) == ["a", "b"] and table.static == {"b"}
    column = parse("ALTER TABLE t ADD tags map<text, text>")
    assert isinstance(column, AlterTable) and list(column.add) == ["tags"]
    untagged = parse("ALTER TABLE t DROP TAGS {'a': 'b'}")
    assert isinstance(untagged, AlterTable) and untagged.drop_tags == {"a": "b"}
    options = parse("ALTER TABLE t WITH default_time_to_live = 5")
    assert isinstance(options, AlterTable) and options.options == {"default_time_to_live": "5"}
    kind = parse("CREATE TYPE ks.address (street text, zip int)")
    assert isinstance(kind, CreateType) and list(kind.fields) == ["street", "zip"] and kind.name.name == "address"
    dropped = parse("DROP TYPE IF EXISTS address")
    assert isinstance(dropped, DropType) and dropped.if_exists
    assert parse('USE "Ks"') == Use(keyspace="Ks")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("CREATE CUSTOM INDEX i ON t (a) USING 'x'", "CREATE INDEX"),
        ("create materialized view v AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("CREATE OR REPLACE FUNCTION f() $$ ; $$", "CREATE FUNCTION"),
        ("CREATE ROLE r", "CREATE ROLE"),
        ("GRANT SELECT ON t TO r", "GRANT"),
        ("LIST ROLES", "LIST ROLES"),
        ("LIST ALL PERMISSIONS", "LIST PERMISSIONS"),
        ("TRUNCATE TABLE t", "TRUNCATE"),
        ("ALTER TYPE t ADD a int", "ALTER TYPE"),
        ("ALTER TABLE t DROP tags", "ALTER TABLE DROP"),
        ("ALTER TABLE t RENAME a TO b", "ALTER TABLE RENAME"),
        ("ALTER TABLE t ALTER a TYPE int", "ALTER TABLE ALTER"),
        ("DROP INDEX i", "DROP INDEX"),
        ("RESTORE TABLE a FROM TABLE b", "RESTORE TABLE"),
        ("DESC KEYSPACES", "DESCRIBE"),
        ("ADD IDENTITY 'i' TO ROLE 'r'", "ADD IDENTITY"),
    ],
)
def test_names_features_that_keyspaces_lacks(text: str, what: str) -> None:
    """A user would get a syntax error for a statement that is correct."""
    assert parse(text) == Unsupported(what=what)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE a = " + "[" * 5000,
        "SELECT " + "(" * 5000,
        "SELECT " + "- " * 5000 + "a FROM t",
        "SELECT a" + ".b" * 5000 + " FROM t",
        "SELECT a FROM t WHERE " + "(" * 5000,
        "SELECT a FROM t WHERE a = " + "(int)" * 5000 + "1",
        "CREATE TABLE t (a " + "list<" * 5000,
        "CREATE KEYSPACE ks WITH a = " + "{1:" * 5000,
        "/*" * 200_000,
        f"INSERT INTO t (a) VALUES ([{'1, ' * 60_000}1])",
        "SELECT " + "1d" * 200_000 + "x",
    ],
)
def test_refuses_messages_that_would_exhaust_its_memory(text: str) -> None:
    """One client's statement would stop the endpoint for all."""
    with pytest.raises(CqlSyntaxError):
        parse(text)


def parse_or_refuse(text: str) -> Statement | None:
    try:
        return parse(text)
    except CqlSyntaxError as error:
        assert str(error).encode()
        return None


@given(st.text())
def test_raises_nothing_else_for_any_text(text: str) -> None:
    """A statement's text could break the connection instead of getting an error response."""
    parse_or_refuse(text)
    parse_or_refuse(f"SELECT {text} FROM t")


TOKENS = st.sampled_from(
    "SELECT INSERT INTO UPDATE DELETE FROM WHERE AND IN SET VALUES IF NOT EXISTS USING TTL BEGIN BATCH APPLY CREATE "
    "ALTER TABLE KEYSPACE TYPE ADD TAGS WITH PRIMARY KEY token count json as cast int map frozen a b ks 1 -1 1.5 'x' "
    '$$ "Q" 0xab true null ? : ( ) [ ] { } < > = , . ; + - * / .. -- /* */ \n expr('.split(" ")
)


@settings(max_examples=300)
@given(st.sampled_from([*DML, "", "CREATE TABLE t (", "ALTER TABLE t "]), st.lists(TOKENS, max_size=12), st.data())
def test_raises_nothing_else_for_token_soup(text: str, soup: list[str], data: st.DataObject) -> None:
    """A text that resembles CQL would end the connection with a traceback."""
    at = data.draw(st.integers(0, len(text)))
    statement = parse_or_refuse(text[:at] + " " + " ".join(soup) + " " + text[at:])
    if isinstance(statement, Select | Insert | Update | Delete):
        assert statement.table.name
