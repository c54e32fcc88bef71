"""A client that connects as the driver's first example does."""

from tests.local_keyspaces.suites.connecting import connect, connect_carelessly, create_table

with connect() as session:
    create_table(session, "careless", "carts", "id int PRIMARY KEY")
with connect_carelessly() as session:
    session.execute("SELECT * FROM careless.carts")
