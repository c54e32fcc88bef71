"""Faults on demand: each must look to a client as in the cloud, and end when it is switched off."""

import json
import time

import pytest
from cassandra import ConsistencyLevel, ReadTimeout, WriteTimeout
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from local_keyspaces.faults import BadFaults, Faults
from local_keyspaces.tables import TableSchema
from tests.keyspaces import LocalKeyspaces

MANY = TableSchema(
    keyspace="faults", name="many", columns={"a": "int", "b": "int"}, partition_key=["a"], clustering_key={"b": "ASC"}
)
READ = "SELECT * FROM geography_domain.countries"
WRITE = "INSERT INTO geography_domain.countries (id) VALUES ('zz')"


def test_throttles_reads_as_keyspaces_does(keyspaces: LocalKeyspaces, session: Session) -> None:
    """A client would not recognise throttling, which Keyspaces reports as a timeout without an error of its own."""
    with keyspaces.injecting(throttle_reads=1.0):
        with pytest.raises(ReadTimeout) as refused:
            session.execute(READ)
        session.execute(WRITE)
        session.execute("SELECT * FROM system.local")  # has no capacity to exceed
    error = refused.value
    assert (error.received_responses, error.required_responses, error.data_retrieved) == (0, 2, False)
    assert error.consistency == ConsistencyLevel.LOCAL_QUORUM
    assert "Operation timed out - received only 0 responses." in str(error)
    session.execute(READ)


def test_throttles_writes_as_keyspaces_does(keyspaces: LocalKeyspaces, session: Session) -> None:
    """A driver would retry a write wrongly, since it decides by the write type in the error."""
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(WRITE)
    condition = SimpleStatement(f"{WRITE} IF NOT EXISTS")
    with keyspaces.injecting(throttle_writes=1.0):
        for write, write_type in ((WRITE, 0), (batch, 2), (condition, 5)):
            with pytest.raises(WriteTimeout) as refused:
                session.execute(write)
            error = refused.value
            assert (error.received_responses, error.required_responses, error.write_type) == (0, 2, write_type)
        session.execute(READ)
    session.execute(WRITE)


def test_limits_the_rate_of_a_connection(keyspaces: LocalKeyspaces) -> None:
    """A connection would get more than 3,000 requests a second, or other connections would be limited with it."""
    with keyspaces.connect() as session, keyspaces.injecting(rate_limit=20):
        answers = [session.execute_async(READ) for _ in range(100)]
        refused = 0
        for answer in answers:
            try:
                answer.result()
            except ReadTimeout:
                refused += 1
    assert 0 < refused < 100


def test_is_slow_on_demand_and_does_one_thing_while_another_waits(keyspaces: LocalKeyspaces, session: Session) -> None:
    """Statements would wait for one another, so that a latency fault would look like a queue."""
    with keyspaces.injecting(latency=0.3):
        start = time.monotonic()
        for answer in [session.execute_async(READ) for _ in range(50)]:
            answer.result()
        took = time.monotonic() - start
    assert 0.3 <= took < 50 * 0.3


def test_drops_connections(keyspaces: LocalKeyspaces) -> None:
    """A team could not test its client against a network that breaks connections."""
    with keyspaces.connect() as session:
        with keyspaces.injecting(drop=1.0), pytest.raises(NoHostAvailable):
            session.execute(READ)
        deadline = time.monotonic() + 30
        while True:
            try:
                session.execute(READ)
                break
            except NoHostAvailable:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_temporary_credentials_expire(keyspaces: LocalKeyspaces, session: Session) -> None:
    """The fault would close open connections, or new connections would still be accepted."""
    with keyspaces.injecting(expired_credentials=True):
        with pytest.raises(NoHostAvailable, match="Expired session token"), keyspaces.connect():
            pass
        session.execute(READ)
    with keyspaces.connect() as again:
        again.execute(READ)


@pytest.mark.parametrize(
    ("faults", "pages"),
    [({"page_rows": 7}, 15), ({"empty_pages": True}, 4), ({"page_rows": 40, "empty_pages": True}, 6)],
)
def test_has_short_and_empty_pages(keyspaces: LocalKeyspaces, faults: dict[str, object], pages: int) -> None:
    """A client that stops at an empty page would not be found, although Keyspaces counts the rows read, not the rows
    found."""
    keyspaces.create(MANY)
    with keyspaces.connect() as session:
        insert = session.prepare("INSERT INTO faults.many (a, b) VALUES (1, ?)")
        for number in range(100):
            session.execute(insert, [number])
        for statement in (
            SimpleStatement("SELECT b FROM faults.many WHERE a = 1", fetch_size=50),
            session.prepare("SELECT b FROM faults.many WHERE a = 1").bind([]),
        ):
            statement.fetch_size = 50
            with keyspaces.injecting(**faults):
                result = session.execute(statement)
                seen, found = [len(result.current_rows)], [row.b for row in result.current_rows]
                while result.has_more_pages:
                    result.fetch_next_page()
                    seen.append(len(result.current_rows))
                    found += [row.b for row in result.current_rows]
            assert found == list(range(100))
            if "empty_pages" in faults:
                assert seen[::2] == [0] * len(seen[::2])
            assert max(seen) <= int(str(faults.get("page_rows", 50)))
            assert len(seen) >= pages
        # A page that began before the fault was switched off can still be fetched.
        with keyspaces.injecting(empty_pages=True):
            result = session.execute(SimpleStatement("SELECT b FROM faults.many WHERE a = 1", fetch_size=50))
        assert len(result.all()) == 100


def test_writes_once_however_pages_are_cut(keyspaces: LocalKeyspaces, session: Session) -> None:
    """A client would repeat a conditional write by fetching a next page, since its response is a row."""
    session.execute("DELETE FROM geography_domain.countries WHERE id = 'once'")
    with keyspaces.injecting(empty_pages=True, page_rows=1):
        result = session.execute("INSERT INTO geography_domain.countries (id) VALUES ('once') IF NOT EXISTS")
        assert [row.applied for row in result.all()] == [True]


def test_reads_a_changed_file_at_once_and_keeps_to_the_last_good_one(
    keyspaces: LocalKeyspaces, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Programs in other languages could not set a fault through the file."""
    path = keyspaces.service.faults.path
    try:
        path.write_text(json.dumps({"throttle_reads": 1}))
        with pytest.raises(ReadTimeout):
            session.execute(READ)
        path.write_text('{"throttle_reads": "all of them"}')
        with pytest.raises(ReadTimeout):
            session.execute(READ)
        assert "fault throttle_reads is 'all of them'; give a number" in caplog.text
    finally:
        path.unlink()
    session.execute(READ)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["throttle"], "there is no fault 'throttle'; the faults are throttle_reads"),
        (["drop=2"], "drop is 2.0; give a share from 0 to 1"),
        (["latency=NaN"], "latency is nan; give 0 or more"),
        (["latency=-1"], "latency is -1.0; give 0 or more"),
        (["latency=much"], "latency is 'much'; give a number, true or false"),
        (["rate_limit=1.5"], "rate_limit is 1.5; give a whole number"),
        (["empty_pages=1"], "empty_pages is 1; give true or false"),
        (["drop=true"], "drop is True; give a number"),
    ],
)
def test_explains_an_invalid_fault(settings: list[str], message: str) -> None:
    """A mistyped fault would be ignored, so that a test would pass and prove nothing."""
    with pytest.raises(BadFaults) as refused:
        Faults.parse(settings)
    assert message in str(refused.value)


def test_reads_faults_from_settings() -> None:
    """A switch without a value, as on the command line, would be refused."""
    assert Faults.parse(["latency=0.2", "drop=1", "empty_pages", "rate_limit=3000"]) == Faults(
        latency=0.2, drop=1.0, empty_pages=True, rate_limit=3000
    )
