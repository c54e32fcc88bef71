"""A client that is right: the verdict finds nothing in it."""

from cassandra.query import BatchStatement, BatchType

from tests.local_keyspaces.suites.connecting import connect, create_table

with connect() as session:
    create_table(session, "clean", "items", "id int PRIMARY KEY, price int")
    insert = session.prepare("INSERT INTO clean.items (id, price) VALUES (?, ?)")
    batch = BatchStatement(batch_type=BatchType.UNLOGGED)
    for number in range(30):
        batch.add(insert, (number, 100))
    session.execute(batch)
    hundred = ", ".join(map(str, range(100)))
    assert len(session.execute(f"SELECT * FROM clean.items WHERE id IN ({hundred})").all()) == 30
