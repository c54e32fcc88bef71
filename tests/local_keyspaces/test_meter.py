"""The meter in the data path: the units of a driver's statements, read from the endpoint that served them."""

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from local_keyspaces.meter import OTHERS, Meter, Shape
from local_keyspaces.meter_report import print_meter
from local_keyspaces.metered import Metered, NoMeter, metered, read_totals
from local_keyspaces.state import State
from local_keyspaces.tables import TableSchema
from tests.keyspaces import LocalKeyspaces, allow, role

KB = 1024
ORDERS = TableSchema(
    keyspace="shop",
    name="orders",
    columns={"customer": "text", "at": "int", "body": "blob", "note": "text", "shared": "blob"},
    partition_key=["customer"],
    clustering_key={"at": "ASC"},
    static=frozenset({"shared"}),
)
ITEMS = TableSchema(keyspace="shop", name="items", columns={"id": "int", "body": "blob"}, partition_key=["id"])
EXPIRING = TableSchema(
    keyspace="shop",
    name="expiring",
    columns={"id": "int", "body": "blob"},
    partition_key=["id"],
    properties={"ttl": {"status": "enabled"}},
)
STAMPED = TableSchema(
    keyspace="shop",
    name="stamped",
    columns={"id": "int", "tags": "set<int>"},
    partition_key=["id"],
    properties={"client_side_timestamps": {"status": "enabled"}},
)


@pytest.fixture(scope="module")
def shop(keyspaces: LocalKeyspaces) -> Iterator[Session]:
    for table in (ORDERS, ITEMS, EXPIRING, STAMPED):
        keyspaces.create(table)
    with keyspaces.connect() as session:
        session.execute("USE shop")
        yield session


def units(keyspaces: LocalKeyspaces, session: Session, statement: Any, values: Any = None) -> tuple[float, float]:
    """The read and write units of one statement."""
    with metered(keyspaces.service.meter) as m:
        session.execute(statement, values)
    return m.reads(), m.writes()


@pytest.mark.parametrize("prepared", [False, True], ids=["in the text", "bound"])
@pytest.mark.parametrize(
    ("size", "write", "read"), [(1, 1, 1), (900, 1, 1), (1024, 2, 1), (4000, 4, 1), (4096, 5, 2), (20_000, 20, 5)]
)
def test_meters_a_row_by_its_size(
    keyspaces: LocalKeyspaces, shop: Session, prepared: bool, size: int, write: int, read: int
) -> None:
    """A test of costs would not notice that a row one byte above the limit costs twice."""
    if prepared:
        insert = shop.prepare("INSERT INTO items (id, body) VALUES (?, ?)")
        select = shop.prepare("SELECT * FROM items WHERE id = ?")
        assert units(keyspaces, shop, insert, [size, bytes(size)]) == (0, write)
        assert units(keyspaces, shop, select, [size]) == (read, 0)
        select.consistency_level = ConsistencyLevel.LOCAL_ONE
        assert units(keyspaces, shop, select, [size]) == (read / 2, 0)
    else:
        insert_text = f"INSERT INTO items (id, body) VALUES ({size}, 0x{'00' * size})"
        assert units(keyspaces, shop, insert_text) == (0, write)
        assert units(keyspaces, shop, f"SELECT * FROM items WHERE id = {size}") == (read, 0)


def test_meters_the_examples_of_the_developer_guide(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A user would take IN for one query, and a read without a result for free."""
    assert units(keyspaces, shop, "SELECT * FROM items WHERE id = -1") == (1, 0)
    assert units(keyspaces, shop, "SELECT * FROM items WHERE id IN (-1, -2, -3)") == (3, 0)
    assert units(keyspaces, shop, shop.prepare("SELECT * FROM items WHERE id IN ?"), [[-1, -2]]) == (2, 0)
    assert units(keyspaces, shop, "DELETE FROM items WHERE id = -1") == (0, 1)
    json_row = json.dumps({"id": -1, "body": "0x" + "00" * KB})
    assert units(keyspaces, shop, "INSERT INTO items JSON %s", [json_row])[1] == 3  # hexadecimal is twice as long


def test_meters_the_scan_of_the_guide(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A table scan would cost less here than on the service, which also charges for empty partitions."""
    insert = shop.prepare("INSERT INTO orders (customer, at, body) VALUES ('pk', ?, ?)")
    for at, size in ((10, 4096), (20, 10), (30, 4096)):
        shop.execute(insert, [at, bytes(size)])
    assert units(keyspaces, shop, "SELECT * FROM orders") == (6, 0)
    assert units(keyspaces, shop, "SELECT * FROM orders WHERE customer = 'pk'") == (3, 0)
    shop.execute("DELETE FROM orders WHERE customer = 'pk'")


def test_reports_that_the_end_of_a_range_is_not_visible(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A range read would look exact at 1 unit, although the service also reads the row at its end."""
    for at, size in ((50, 4096), (60, 10), (70, 4096)):
        shop.execute("INSERT INTO orders (customer, at, body) VALUES ('range', %s, %s)", [at, bytes(size)])
    for where, estimated in (("at > 50 AND at < 70", 1), ("at = 60", 0)):
        with metered(keyspaces.service.meter) as m:
            (row,) = shop.execute(f"SELECT * FROM orders WHERE customer = 'range' AND {where}")
        assert (row.at, m.reads("orders")) == (60, 1)
        assert [each["estimated"] for each in m.statements] == [estimated]
    shop.execute("DELETE FROM orders WHERE customer = 'range'")


def test_meters_each_page_alone(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A user would not see that pages of one row cost a unit each."""
    for at in range(4):
        shop.execute("INSERT INTO orders (customer, at) VALUES ('pages', %s)", [at])
    for size, expected in ((1, 4), (100, 1)):
        with metered(keyspaces.service.meter) as m:
            found = list(
                shop.execute(SimpleStatement("SELECT * FROM orders WHERE customer = 'pages'", fetch_size=size))
            )
        assert len(found) == 4
        # Cassandra announces another page after a full last page, and the driver fetches it.
        assert expected <= m.reads("orders") <= expected + 1


def test_meters_static_data_apart(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A statement that writes static and regular columns would cost less than its four units."""
    insert = "INSERT INTO orders (customer, at, body, shared) VALUES ('static', 1, %s, %s)"
    assert units(keyspaces, shop, insert, [b"a", b"b"]) == (0, 4)
    assert units(keyspaces, shop, insert, [bytes(26_000), bytes(1500)]) == (0, 56)
    alone = "INSERT INTO orders (customer, shared) VALUES ('static', %s)"
    assert units(keyspaces, shop, alone, [b"a"]) == (0, 1)
    assert units(keyspaces, shop, alone, [bytes(1500)]) == (0, 2)


@pytest.mark.parametrize(("kind", "expected"), [(BatchType.LOGGED, 6), (BatchType.UNLOGGED, 3)])
def test_meters_the_batch_of_the_guide(
    keyspaces: LocalKeyspaces, shop: Session, kind: BatchType, expected: int
) -> None:
    """A logged batch would cost as much as single writes, although it writes each row twice."""
    insert = shop.prepare("INSERT INTO items (id, body) VALUES (?, ?)")
    batch = BatchStatement(kind, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    for number in range(3):
        batch.add(insert, [number, bytes(1000)])
    assert units(keyspaces, shop, batch) == (0, expected)
    rows = "; ".join(f"INSERT INTO items (id) VALUES ({number})" for number in range(3))
    word = "UNLOGGED" if kind == BatchType.UNLOGGED else ""
    assert units(keyspaces, shop, f"BEGIN {word} BATCH {rows} APPLY BATCH") == (0, expected)


def test_meters_values_that_stand_in_the_text(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A row of two kilobytes costs one unit when its value is a literal of a prepared statement, or of a batch."""
    text = f"INSERT INTO items (id, body) VALUES (1, 0x{'00' * 1500})"
    assert units(keyspaces, shop, shop.prepare(text), []) == (0, 2)
    short = "INSERT INTO items (id, body) VALUES (2, 0x00)"
    batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
    batch.add(SimpleStatement(text))
    batch.add(shop.prepare(short), [])
    assert units(keyspaces, shop, batch) == (0, 3)


def test_meters_conditions_that_fail(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A failed condition would look free, although it costs by the existing row, and a read more with TTL."""
    for table, reads in (("items", 0), ("expiring", 1)):
        again = f"INSERT INTO {table} (id, body) VALUES (7, %s) IF NOT EXISTS"
        shop.execute(f"DELETE FROM {table} WHERE id = 7")
        assert units(keyspaces, shop, again, [bytes(1500)]) == (0, 2)
        with metered(keyspaces.service.meter) as m:
            shop.execute(again, [b""])
        assert (m.reads(table), m.writes(table)) == (reads, 2)
        assert [each["failed_conditions"] for each in m.statements] == [1]
        assert units(keyspaces, shop, f"UPDATE {table} SET body = 0x00 WHERE id = 8 IF EXISTS") == (reads, 1)
        assert units(keyspaces, shop, f"UPDATE {table} SET body = 0x00 WHERE id = 8 IF body = 0x01") == (0, 1)


def test_meters_the_metadata_of_timestamps_and_ttl(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A set of a hundred small numbers would cost too little, since each element has a timestamp."""
    tags = set(range(100, 200))
    assert units(keyspaces, shop, "INSERT INTO stamped (id, tags) VALUES (1, %s)", [tags]) == (0, 2)
    assert units(keyspaces, shop, "INSERT INTO expiring (id, body) VALUES (1, %s)", [bytes(1000)]) == (0, 1)
    assert units(keyspaces, shop, "INSERT INTO expiring (id, body) VALUES (1, %s) USING TTL 9", [bytes(1000)]) == (0, 2)


def test_meters_user_defined_types_by_their_fields(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """Tables with user-defined types would cost a third too much, as the protocol's bytes suggest."""
    fields = 150  # numbers of one digit: 8 bytes each in the protocol, and 6 by the guide
    shop.execute(f"CREATE TYPE wide ({', '.join(f'f{number} int' for number in range(fields))})")
    keyspaces.create(
        TableSchema(
            keyspace="shop",
            name="typed",
            columns={"id": "int", "at": "int", "value": "frozen<wide>"},
            partition_key=["id"],
            clustering_key={"at": "ASC"},
        )
    )
    insert = shop.prepare("INSERT INTO typed (id, at, value) VALUES (1, ?, ?)")
    assert [units(keyspaces, shop, insert, [at, (1,) * fields]) for at in range(4)] == [(0, 1)] * 4
    literal = ", ".join(f"f{number}: 1" for number in range(fields))
    assert units(keyspaces, shop, f"INSERT INTO typed (id, at, value) VALUES (2, 1, {{{literal}}})") == (0, 1)
    assert units(keyspaces, shop, "SELECT * FROM typed WHERE id = 1") == (1, 0)


def test_names_what_it_cannot_measure(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A user would take an estimate for an exact number."""
    insert = shop.prepare("INSERT INTO items (id, body) VALUES (?, ?)")
    shop.execute(insert, [99, random.Random(1).randbytes(300_000)])  # zeroes would be compressed
    for statement, reads in (
        ("SELECT * FROM items WHERE id = 99", True),
        ("DELETE FROM orders WHERE customer = 'x'", False),
    ):
        with metered(keyspaces.service.meter) as m:
            shop.execute(statement)
        assert [each["estimated"] for each in m.statements] == [1]
        assert m.writes() == (0 if reads else 1)
    with metered(keyspaces.service.meter) as m:
        shop.execute("SELECT * FROM items WHERE id = 99")
    assert m.reads("items") == 300_000 // 4096 + 1


def test_meters_no_refused_statement_and_no_system_table(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A team would see costs for requests that the service does not charge."""
    with metered(keyspaces.service.meter) as m:
        with pytest.raises(InvalidRequest):
            shop.execute("SELECT nosuch FROM items")
        with pytest.raises(InvalidRequest):
            shop.execute("SELECT COUNT(*) FROM items")
        shop.execute("SELECT * FROM system_schema_mcs.tables")
    assert m.statements == []


def test_distinguishes_roles_shapes_and_partitions(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A user could not find the role, statement and key that cause the cost."""
    with metered(keyspaces.service.meter) as m, keyspaces.connect(role(allow(["*"], "*"), name="cashier")) as session:
        for number in range(3):
            session.execute(f"SELECT body FROM shop.orders WHERE customer = 'hot' AND at = {number}")
        session.execute("SELECT body FROM shop.orders WHERE customer = 'cold' AND at = 1")
        shop.execute("SELECT body FROM shop.orders WHERE customer = 'cold' AND at = 1")
    found = {each["role"]: (each["text"], each["statements"]) for each in m.statements}
    text = "SELECT body FROM shop.orders WHERE customer = ? AND at = ?"
    assert found == {"cashier": (text, 4), "test": (text, 1)}
    assert (m.count("orders"), m.count("shop.orders"), m.count("items")) == (5, 5, 0)
    partitions = keyspaces.service.meter.snapshot()["partitions"]
    hot, cold = (
        next(each for each in partitions if each["table"] == "orders" and each["partition"] == [key])
        for key in ("hot", "cold")
    )
    assert (hot["read_units"], cold["read_units"]) == (3, 2)


def test_keeps_no_more_than_it_can(keyspaces: LocalKeyspaces, shop: Session) -> None:
    """A program with values in its statement texts, or with long texts, would fill the machine's memory overnight."""
    meter = Meter()
    for number in range(2_100):
        meter.consumed(Shape(role="r", keyspace="k", table="t", text=f"SELECT c{number}")).statements += 1
        meter.partitions("k", "t").add((str(number).encode(),), 1, number)
    totals = meter.snapshot()
    assert len(totals["statements"]) == 2_001
    assert [each["statements"] for each in totals["statements"] if each["text"] == OTHERS] == [100]
    assert totals["partitions"][0]["partition"] == ["2099"]
    with metered(keyspaces.service.meter) as m:
        inserts = "; ".join(f"INSERT INTO items (id) VALUES ({number})" for number in range(30))
        shop.execute(f"BEGIN UNLOGGED BATCH {inserts} APPLY BATCH")
    assert [(len(each["text"]), each["statements"]) for each in m.statements] == [(1003, 30)]


def test_answers_another_process(
    keyspaces: LocalKeyspaces, shop: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test suite in a process of its own could not read the meter."""
    directory = keyspaces.ca_file.parent
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "keyspaces").symlink_to(directory)
    monkeypatch.chdir(tmp_path)
    with metered() as m:
        shop.execute("SELECT * FROM items WHERE id = -1")
    assert isinstance(m, Metered)
    assert m.reads("items") == 1
    assert read_totals(directory)["statements"]
    file = directory / "meter.json"
    assert file.stat().st_mode & 0o777 == 0o600
    with socket.create_connection(("127.0.0.1", json.loads(file.read_text())["port"])) as stranger:
        stranger.sendall(b"0" * 32)
        assert stranger.recv(1) == b""


def test_prints_the_consumed_units(
    keyspaces: LocalKeyspaces, shop: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A developer could not find the most expensive statement in an unsorted table."""
    state = State(tmp_path, stop="")
    state.keyspaces.symlink_to(keyspaces.ca_file.parent)
    shop.execute("SELECT * FROM items WHERE id IN (-1, -2, -3, -4)")
    print_meter(state, as_json=False)
    printed = capsys.readouterr().out
    dearest = printed[printed.index("  statement\n") :].splitlines()[1:]
    units_of = [sum(map(float, line.split()[:2])) for line in dearest[: dearest.index("")] if "more:" not in line]
    assert units_of == sorted(units_of, reverse=True)
    assert "shop.items" in printed and "test" in printed and "of the statements are metered by an estimate" in printed
    print_meter(state, as_json=True)
    assert json.loads(capsys.readouterr().out)["statements"]


def test_reports_that_no_endpoint_runs(tmp_path: Path) -> None:
    """A developer would get a traceback instead of the advice to start the stack."""
    with pytest.raises(NoMeter, match="no local Keyspaces runs with the directory"):
        read_totals(tmp_path)
