"""Ten statements and settings that the service refuses, one for each comment; the suite expects each refusal."""

from collections.abc import Callable

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from tests.local_keyspaces.suites.connecting import connect, create_table


def refused(run: Callable[[], object]) -> None:
    try:
        run()
    except InvalidRequest:
        return
    raise AssertionError("it was not refused")


with connect() as session:
    create_table(session, "planted", "items", "id int PRIMARY KEY, price int")
    insert = session.prepare("INSERT INTO planted.items (id, price) VALUES (?, ?)")  # BATCH
    batch = BatchStatement(batch_type=BatchType.UNLOGGED)
    for number in range(31):
        batch.add(insert, (number, 100))
    many = ", ".join(map(str, range(101)))

    refused(lambda: session.execute("TRUNCATE planted.items"))  # TRUNCATE
    refused(lambda: session.execute("SELECT MAX(price) FROM planted.items"))  # EXTREME
    for _ in range(3):
        refused(lambda: session.execute("SELECT COUNT(*) FROM planted.items"))  # COUNT
    refused(lambda: session.execute(batch))
    refused(
        lambda: session.execute(
            # PER_PARTITION_LIMIT
            "SELECT * FROM planted.items PER PARTITION LIMIT 1"
        )
    )
    update = SimpleStatement(
        "UPDATE planted.items SET price = %s WHERE id = %s",  # WRITE_CONSISTENCY
        consistency_level=ConsistencyLevel.LOCAL_ONE,
    )
    refused(lambda: session.execute(update, (120, 1)))
    expiring = session.prepare("INSERT INTO planted.items (id) VALUES (?) USING TTL 60")  # TTL
    refused(lambda: session.execute(expiring, (1,)))
    refused(lambda: session.execute("CREATE INDEX ON planted.items (price)"))  # INDEX
    refused(lambda: session.execute(f"SELECT price FROM planted.items WHERE id IN ({many})"))  # IN_SUBQUERIES
    session.execute("CREATE TABLE planted.orders (id int PRIMARY KEY)")
    refused(lambda: session.execute("SELECT * FROM planted.orders"))  # DDL_NOT_WAITED_FOR
