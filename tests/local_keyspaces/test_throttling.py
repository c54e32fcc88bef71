"""Capacity in the data path: a driver's statements, a real Cassandra, and a clock that the tests move."""

import argparse
import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra import InvalidRequest, ReadTimeout, WriteTimeout
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from declared.aws import ACCOUNT
from local_keyspaces.command_line import add_capacity_options, capacity_arguments, capacity_clock
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.listening import listen
from local_keyspaces.meter_report import print_meter
from local_keyspaces.metered import read_totals
from local_keyspaces.service import LocalKeyspaces as Service
from local_keyspaces.service import run_keyspaces
from local_keyspaces.state import State
from local_keyspaces.tables import TableSchema
from tests.keyspaces import REGION, LocalKeyspaces
from tests.processes import wait_until

EVENTS = TableSchema(
    keyspace="capacity",
    name="events",
    columns={"device": "text", "at": "int", "body": "blob"},
    partition_key=["device"],
    clustering_key={"at": "ASC"},
)
TEN_UNITS = bytes(10_000)


class Hand:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Hand:
    return Hand()


@pytest.fixture(scope="module")
def limited(
    keyspaces: LocalKeyspaces, clock: Hand, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalKeyspaces]:
    """A second endpoint in front of the same Cassandra, which enforces capacity."""
    directory = tmp_path_factory.mktemp("limited")
    stop = asyncio.Event()

    async def serve(started: "asyncio.Future[Service]") -> None:
        async with run_keyspaces(
            directory=directory,
            cassandra=keyspaces.upstream,
            listener=listen(0, "again"),
            region=REGION,
            account=ACCOUNT,
            schema_delay=0.1,
            capacity_clock=clock,
        ) as service:
            started.set_result(service)
            await stop.wait()

    async def start() -> "tuple[asyncio.Task[None], Service]":
        started: asyncio.Future[Service] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(started))
        both: set[asyncio.Future[Any]] = {task, started}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        return task, started.result()

    async def end() -> None:
        stop.set()
        await serving

    serving, service = keyspaces.call(start())
    running = replace(keyspaces, service=service)
    running.create(EVENTS)
    yield running
    keyspaces.call(end())


@pytest.fixture
def events(limited: LocalKeyspaces, clock: Hand) -> Iterator[Session]:
    """A session in a new second, in which all capacity is available again."""
    clock.now += 1000
    with limited.connect() as session:
        session.execute("USE capacity")
        yield session


def metrics(limited: LocalKeyspaces, table: str = "events") -> dict[str, float]:
    """The metrics of one table, by name."""
    found: dict[str, float] = {}
    for each in read_totals(limited.ca_file.parent)["metrics"]:
        if each["dimensions"]["TableName"] == table:
            found[each["metric"]] = found.get(each["metric"], 0) + each["value"]
    return found


def passing(session: Session, statement: Any, values: list[Any], times: int) -> int:
    """The number of requests that pass; the others are throttled."""
    passed = 0
    for answer in [session.execute_async(statement, values) for _ in range(times)]:
        try:
            answer.result()
            passed += 1
        except (ReadTimeout, WriteTimeout):
            pass
    return passed


def test_throttles_a_hot_key_while_others_pass(limited: LocalKeyspaces, events: Session, clock: Hand) -> None:
    """A service whose writes all have one key would pass every test here and fail under load in the cloud."""
    insert = events.prepare("INSERT INTO events (device, at, body) VALUES (?, 1, ?)")
    before = metrics(limited)
    assert passing(events, insert, ["hot", TEN_UNITS], 150) == 100  # 1,000 units
    for other in ("a", "b"):
        assert passing(events, insert, [other, TEN_UNITS], 20) == 20
    with pytest.raises(WriteTimeout) as refused:
        events.execute(insert, ["hot", TEN_UNITS])
    error = refused.value
    assert (error.received_responses, error.required_responses, error.write_type) == (0, 2, 0)
    assert "Operation timed out - received only 0 responses." in str(error)
    assert len(events.execute("SELECT at FROM events WHERE device = 'hot'").all()) == 1  # reads have their own
    after = metrics(limited)
    assert after["StoragePartitionThroughputCapacityExceeded"] == 51
    assert after["WriteThrottleEvents"] == 51
    assert after["ConsumedWriteCapacityUnits"] - before.get("ConsumedWriteCapacityUnits", 0) == 1400
    (hot,) = read_totals(limited.ca_file.parent)["throttled_partitions"]
    assert (hot["table"], hot["partition"], hot["WriteThrottleEvents"]) == ("events", ["hot"], 51)
    clock.now += 0.5
    assert passing(events, insert, ["hot", TEN_UNITS], 60) == 50


def test_throttles_reads_by_the_size_of_their_results(limited: LocalKeyspaces, events: Session, clock: Hand) -> None:
    """A service that reads a large partition with each request would be fast here and throttled in the cloud."""
    insert = events.prepare("INSERT INTO events (device, at, body) VALUES ('large', ?, ?)")
    for at in range(32):
        clock.now += 1
        events.execute(insert, [at, bytes(32 * 1024)])
    passed = 0
    with pytest.raises(ReadTimeout) as refused:
        for _ in range(20):
            assert len(events.execute("SELECT * FROM events WHERE device = 'large'").all()) == 32
            passed += 1
    assert passed == 12  # of 257 units each, 3,000 a second
    assert (refused.value.received_responses, refused.value.required_responses) == (0, 2)
    events.execute("SELECT * FROM events WHERE device = 'other'")
    clock.now += 1
    events.execute("SELECT * FROM events WHERE device = 'large'")


def test_throttles_a_batch_as_a_whole(limited: LocalKeyspaces, events: Session, clock: Hand) -> None:
    """A client could not tell which of its rows were written."""
    insert = events.prepare("INSERT INTO events (device, at, body) VALUES (?, 2, ?)")
    assert passing(events, insert, ["hot", TEN_UNITS], 101) == 100
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(insert, ["new", b"x"])
    batch.add(insert, ["hot", b"x"])
    with pytest.raises(WriteTimeout) as refused:
        events.execute(batch)
    assert refused.value.write_type == 2
    assert events.execute("SELECT * FROM events WHERE device = 'new'").all() == []
    clock.now += 1
    logged = BatchStatement(BatchType.LOGGED)
    for at in range(50):
        logged.add("INSERT INTO events (device, at, body) VALUES ('hot', %s, %s)", [at, TEN_UNITS])
    events.execute(logged)  # each row is written twice: 1,000 units
    assert passing(events, insert, ["hot", TEN_UNITS], 1) == 0


def test_meters_a_failed_condition(limited: LocalKeyspaces, events: Session) -> None:
    """A lock that many clients want would cost no capacity here."""
    events.execute("INSERT INTO events (device, at, body) VALUES ('lock', 1, %s)", [TEN_UNITS])
    before = metrics(limited)["ConsumedWriteCapacityUnits"]
    result = events.execute("INSERT INTO events (device, at) VALUES ('lock', 1) IF NOT EXISTS")
    assert not result.one().applied
    assert metrics(limited)["ConsumedWriteCapacityUnits"] == before + 10


def test_leaves_bad_values_to_cassandra(limited: LocalKeyspaces, events: Session) -> None:
    """A user would read that the endpoint failed, instead of the mistake in the statement."""
    for text in ("nonsense", "[]"):
        with pytest.raises(InvalidRequest, match="JSON"):
            events.execute("INSERT INTO events JSON %s", [text])
    events.execute("INSERT INTO events JSON %s", ['{"device": "json", "at": 1}'])


def test_limits_a_connection_and_not_its_neighbour(limited: LocalKeyspaces, events: Session) -> None:
    """A client with too few connections would reach a rate here that the cloud does not serve."""
    before = metrics(limited).get("PerConnectionRequestRateExceeded", 0)
    devices = [f"nobody{number}" for number in range(100)]
    read = events.prepare("SELECT at FROM events WHERE device = ?")
    of_many = events.prepare("SELECT at FROM events WHERE device IN ?")
    for _ in range(28):
        events.execute(of_many, [devices])
    with ThreadPoolExecutor(1) as worker:  # a connection has no more than 300 requests under way
        passed = sum(worker.map(lambda _: passing(events, read, ["nobody"], 50), range(5)))
    assert passed == 3000 - 28 * 100
    with limited.connect() as neighbour:
        neighbour.execute("SELECT at FROM capacity.events WHERE device = 'nobody'")
    assert metrics(limited)["PerConnectionRequestRateExceeded"] == before + 50


def create(limited: LocalKeyspaces, session: Session, name: str, options: str) -> None:
    session.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, body blob) WITH {options}")
    wait(limited, name)


def wait(limited: LocalKeyspaces, name: str) -> None:
    tables = limited.service.schema.catalog.tables
    wait_until(lambda: ("capacity", name) in tables and tables["capacity", name].status == "ACTIVE")


def capacity(read: int, write: int) -> str:
    mode = f"'throughput_mode': 'PROVISIONED', 'read_capacity_units': {read}, 'write_capacity_units': {write}"
    return f"custom_properties = {{'capacity_mode': {{{mode}}}}}"


@pytest.mark.long
def test_gives_a_provisioned_table_its_burst(limited: LocalKeyspaces, events: Session, clock: Hand) -> None:
    """A user would provision for each peak, although the service serves peaks from unused capacity."""
    create(limited, events, "small", capacity(1, 5))
    insert = events.prepare("INSERT INTO small (id, body) VALUES (?, 0x00)")
    assert sum(passing(events, insert, [number], 1) for number in range(20)) == 5
    assert metrics(limited, "small")["WriteThrottleEvents"] == 15
    assert metrics(limited, "small")["ProvisionedWriteCapacityUnits"] == 5
    assert "StoragePartitionThroughputCapacityExceeded" not in metrics(limited, "small")
    clock.now += 10
    assert sum(passing(events, insert, [number], 1) for number in range(70)) == 50
    clock.now += 3600
    assert sum(passing(events, insert, [number], 1) for number in range(2000)) == 1500
    events.execute(f"ALTER TABLE small WITH {capacity(1, 500)}")
    wait(limited, "small")
    assert passing(events, insert, [1], 1) == 0
    clock.now += 0.5
    assert sum(passing(events, insert, [number], 1) for number in range(300)) == 250


def test_scales_a_provisioned_table(limited: LocalKeyspaces, events: Session, clock: Hand) -> None:
    """A user could not test in less than a morning whether a scaling policy follows the load."""
    policy = "'scaling_policy': {'target_tracking_scaling_policy_configuration': {'target_value': 50}}"
    settings = f"{{'minimum_units': 2, 'maximum_units': 100, {policy}}}"
    scaling = f"autoscaling_settings = {{'provisioned_write_capacity_autoscaling_update': {settings}}}"
    create(limited, events, "scaled", f"{capacity(1, 2)} AND {scaling}")
    insert = events.prepare("INSERT INTO scaled (id, body) VALUES (1, ?)")
    for _ in range(3):  # minutes, of 120 units each: all that is provisioned
        for _ in range(12):
            assert passing(events, insert, [TEN_UNITS], 1) == 1
            clock.now += 5
    assert metrics(limited, "scaled")["ProvisionedWriteCapacityUnits"] == 4
    clock.now += 3600
    assert metrics(limited, "scaled")["ProvisionedWriteCapacityUnits"] == 2


def test_prints_throttled_statements(
    limited: LocalKeyspaces, events: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The endpoint would take a DELETE of static columns for a range delete, and refuse it in a batch."""
    update = events.prepare("UPDATE events SET body = ? WHERE device = 'printed' AND at = 1")
    assert passing(events, update, [TEN_UNITS], 130) == 100
    state = State(tmp_path, stop="")
    state.keyspaces.symlink_to(limited.ca_file.parent)
    print_meter(state, as_json=False)
    printed = capsys.readouterr().out
    assert " 30  WriteThrottleEvents capacity.events UPDATE" in printed
    assert " 30  StoragePartitionThroughputCapacityExceeded capacity.events UPDATE" in printed
    assert " 30  capacity.events printed: WriteThrottleEvents 30" in printed


def test_enforces_nothing_unless_asked(keyspaces: LocalKeyspaces, limited: LocalKeyspaces) -> None:
    """A user without capacity limits would see timeouts, with no reason but a slow machine."""
    assert "metrics" not in read_totals(keyspaces.ca_file.parent)
    keyspaces.create(replace(EVENTS, name="unlimited"))
    with keyspaces.connect() as session:
        insert = session.prepare("INSERT INTO capacity.unlimited (device, at, body) VALUES ('hot', 1, ?)")
        assert passing(session, insert, [bytes(100_000)], 50) == 50


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_capacity_options(parser)
    return parser.parse_args(arguments)


def test_runs_the_clock_as_fast_as_asked() -> None:
    """A user would wait half an hour to see the doubling that an accelerated clock shows in half a minute."""
    fast = capacity_clock(options("--capacity", "real", "--capacity-speed", "1000"))
    real = capacity_clock(options("--capacity", "real"))
    assert fast is not None and real is not None
    start = fast(), real()
    time.sleep(0.1)
    assert 100 <= fast() - start[0] < 10_000
    assert 0.1 <= real() - start[1] < 10
    assert capacity_clock(options()) is None


def test_passes_the_options_on() -> None:
    """A stack in the background would forget the capacity setting."""
    for given in ([], ["--capacity", "real"], ["--capacity", "real", "--capacity-speed", "0.5"]):
        assert options(*capacity_arguments(options(*given))) == options(*given)


@pytest.mark.parametrize("speed", ["0", "fast", "nan", "-1", "1e9"])
def test_explains_an_invalid_speed(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A clock that stands still would throttle everything for ever."""
    with pytest.raises(SystemExit):
        options("--capacity", "real", "--capacity-speed", speed)
    assert f"'{speed}' is no speed: give a number from 0.01 to 10000" in capsys.readouterr().err


def test_refuses_a_speed_without_a_fault() -> None:
    """A user would believe that capacity is enforced."""
    with pytest.raises(LocalKeyspacesError, match="give --capacity real, too"):
        capacity_clock(options("--capacity-speed", "60"))
