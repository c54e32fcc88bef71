"""The API over HTTP, reading a real table through TLS and SigV4."""

import http.client
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from service.http import server
from service.options import Options
from tests.evaluation import container, evaluate
from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import (
    AS_NOBODY,
    CAN_BE_NOBODY,
    ROOT,
    free_port,
    get,
    listens,
    run_program,
    start_program,
    wait_until,
)
from tests.serving.paging import follow

US = """\
{
  "id": "us",
  "area": 9834000,
  "capital": "Washington DC",
  "name": "United States",
  "population": 328200000
}
"""


def test_answers_ping(api: str) -> None:
    """The load balancer would take the task for dead."""
    assert get(f"{api}/ping").status == 200


def test_reads_country_pretty(api: str) -> None:
    """A newcomer's first request would not answer as the README shows."""
    answer = get(f"{api}/countries/us?pretty")
    assert (answer.status, answer.text) == (200, US)
    assert answer.headers["content-type"] == "application/json"


def test_reads_country_on_one_line(api: str) -> None:
    """Programs would receive indentation that only people need."""
    answer = get(f"{api}/countries/us")
    assert answer.json()["capital"] == "Washington DC"
    assert answer.text.count("\n") == 1


def test_lists_countries(api: str) -> None:
    """A user could not list the table's content."""
    answer = get(f"{api}/countries")
    assert answer.status == 200
    assert {country["id"] for country in answer.json()} == {"cn", "in", "gb", "mt", "us"}
    assert get(f"{api}/countries?pretty").text.startswith("[\n  {\n")


def test_names_no_server_software(api: str) -> None:
    """An attacker could learn the server's version from a header."""
    assert "server" not in {name.lower() for name in get(f"{api}/ping").headers}


def test_outlives_the_load_balancers_idle_connections() -> None:
    """Clients would see a 502 now and then, since the task closes idle connections before the load balancer does."""
    (balancer,) = evaluate().of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["idleTimeout"] < server.KEEP_ALIVE


def test_is_done_before_it_is_killed() -> None:
    """ECS would kill a task after its stop timeout, with requests still in flight."""
    closing = 10  # seconds that the driver's threads may still be busy with a connection
    longest = Options().drain + server.ARRIVE + server.FINISH + closing
    assert longest < container(evaluate(), "query-api")["stopTimeout"]


def test_sees_a_column_added_meanwhile_after_a_restart_and_reads_on_without(loaded: LocalKeyspaces) -> None:
    """A new column would break running tasks, or new tasks would not show it."""
    table = replace(COUNTRIES, keyspace="grown")
    loaded.create(table)
    assert run_program("load_countries", environment=loaded.environment(table)).returncode == 0
    port, later_port = free_port(), free_port()
    environment = {**loaded.environment(table), "HOST": "127.0.0.1"}
    with start_program("countries", "--port", str(port), environment=environment):
        wait_until(lambda: listens(port))
        loaded.create(replace(table, columns={**table.columns, "currency": "text"}))
        with start_program("countries", "--port", str(later_port), environment=environment):
            wait_until(lambda: listens(later_port))
            assert list(get(f"http://127.0.0.1:{later_port}/countries/us").json())[:4] == [
                "id",
                "area",
                "capital",
                "currency",
            ]
            assert get(f"http://127.0.0.1:{port}/countries/us?pretty").text == US


@pytest.mark.long
def test_reads_all_pages_of_a_large_table(loaded: LocalKeyspaces) -> None:
    """A large table would be returned in part, or all at once."""
    table = replace(COUNTRIES, keyspace="many")
    loaded.create(table)
    with loaded.cassandra() as session:
        insert = session.prepare("INSERT INTO many.countries (id, area) VALUES (?, ?)")
        pending = [session.execute_async(insert, (f"{number}", number)) for number in range(11_000)]
        for future in pending:
            future.result()
    port = free_port()
    with start_program("countries", "--port", str(port), "--host", "127.0.0.1", environment=loaded.environment(table)):
        wait_until(lambda: listens(port))
        pages = list(follow(f"http://127.0.0.1:{port}", "/countries?limit=1000"))
    assert max(map(len, pages)) == 1000
    assert sorted(country["area"] for page in pages for country in page) == list(range(11_000))


def test_does_not_listen_and_exits_with_the_reason_when_the_table_cannot_be_read(keyspaces: LocalKeyspaces) -> None:
    """A deployment that cannot reach its table would be reported as complete."""
    port = free_port()
    result = run_program(
        "countries", "--startup-timeout", "1", "-k", "missing", "-p", str(port), environment=keyspaces.environment()
    )
    assert result.returncode == 1
    assert "keyspace missing at localhost" in result.stderr
    assert "unconfigured keyspace missing" in result.stderr
    assert "Traceback" not in result.stderr


def test_exits_with_the_reason_when_it_may_not_sign_in(keyspaces: LocalKeyspaces) -> None:
    """A user could not tell a wrong region or key from a failed network, or a secret would be printed."""
    environment = {**keyspaces.environment(), "AWS_REGION": "eu-west-1"}
    result = run_program("countries", "--startup-timeout", "1", environment=environment)
    assert result.returncode == 1
    assert "Invalid signature" in result.stderr
    assert environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] not in result.stderr


def test_exits_with_the_reason_when_its_port_is_taken(loaded: LocalKeyspaces) -> None:
    """A user could not find the reason why a second task does not start, among the lines of a log."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = run_program("countries", "--host", "127.0.0.1", "--port", port, environment=loaded.environment())
    assert (result.returncode, result.stderr) == (
        1,
        f"query-api: cannot listen on 127.0.0.1:{port}: Address already in use\n",
    )
    assert "listening" not in result.stdout


def test_exits_with_the_reason_when_the_server_is_not_keyspaces(keyspaces: LocalKeyspaces) -> None:
    """Without a check of certificate and name, anyone on the network could impersonate Keyspaces."""
    environment = {**keyspaces.environment()}
    del environment["KEYSPACES_CA_FILE"]
    result = run_program("countries", "--startup-timeout", "1", environment=environment)
    assert result.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in result.stderr


def test_finishes_what_it_has_begun_and_ends_on_sigterm(loaded: LocalKeyspaces) -> None:
    """Every deployment would lose requests, or have to kill its old tasks."""
    port = free_port()
    environment = {**loaded.environment(), "HOST": "127.0.0.1", "PORT": str(port), "DRAIN_SECONDS": "1"}
    with start_program("countries", environment=environment) as process:
        wait_until(lambda: listens(port))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/countries")
        process.send_signal(signal.SIGTERM)
        assert connection.getresponse().status == 200
        connection.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize("missing", ["AWS_REGION", "KEYSPACES_KEYSPACE"])
def test_names_what_it_was_not_told(keyspaces: LocalKeyspaces, missing: str) -> None:
    """A typo in a variable's name would cost an hour."""
    environment = {key: value for key, value in keyspaces.environment().items() if key != missing}
    result = run_program("countries", environment=environment)
    assert result.returncode == 2
    assert f"or set {missing}" in result.stderr


@pytest.mark.parametrize("option", ["-t", "--table"])
def test_refuses_a_table_name_that_is_not_one(keyspaces: LocalKeyspaces, option: str) -> None:
    """Text from a variable would become part of a CQL statement."""
    result = run_program("countries", option, 'countries=x"; DROP', environment=keyspaces.environment())
    assert result.returncode == 2
    assert "letters, digits and underscores" in result.stderr


def test_names_the_table_that_it_was_not_told(keyspaces: LocalKeyspaces) -> None:
    """A wrong name for a declared table would be found at the first start, or never."""
    environment = keyspaces.environment(known_as="country")
    result = run_program("countries", environment=environment)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("set KEYSPACES_TABLE_COUNTRIES to the table's name")


@pytest.mark.skipif(not CAN_BE_NOBODY, reason="root needs setpriv to be another user")
def test_runs_under_any_user_where_it_can_write_nothing(loaded: LocalKeyspaces, tmp_path: Path) -> None:
    """The task would fail on Fargate, where its root file system is read-only and its user has no name."""
    port = free_port()
    tmp_path.chmod(0o555)
    environment = {**loaded.environment(), "HOST": "127.0.0.1", "PORT": str(port), "PYTHONPATH": str(ROOT / "app")}
    with start_program("countries", environment=environment, cwd=tmp_path, prefix=AS_NOBODY) as process:
        wait_until(lambda: listens(port) or process.poll() is not None)
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert get(f"http://127.0.0.1:{port}/countries/us").status == 200
