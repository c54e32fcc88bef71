"""The log of statements: request, decision, faults and duration of each."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from cassandra import Unauthorized, WriteTimeout
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import ErrorMessage

from local_keyspaces.frames import REQUEST_ID
from local_keyspaces.iam import Policy, Principal
from tests.keyspaces import ARN, COUNTRIES, READ_SYSTEM, LocalKeyspaces, allow, role

_TABLE = f"{ARN}{COUNTRIES.keyspace}/table/{COUNTRIES.name}"
_READER = role(READ_SYSTEM, {**allow(["cassandra:Select"], _TABLE), "Sid": "ReadCountries"}, name="reader")


@pytest.fixture(scope="module")
def seen(keyspaces: LocalKeyspaces) -> Mapping[str, Mapping[str, Any]]:
    """The statements of a reader, by request."""
    keyspaces.create(COUNTRIES)
    select, insert = "SELECT * FROM geography_domain.countries", "INSERT INTO geography_domain.countries (id) VALUES "
    with keyspaces.connect(_READER) as session:

        def run(request_id: str, statement: Any, values: Any = None) -> None:
            session.execute(statement, values, custom_payload={REQUEST_ID: request_id.encode()})

        run("by-key", session.prepare(f"{select} WHERE id = ?"), ["us"])
        run("scan", select)
        with keyspaces.injecting(latency=0.05):
            time.sleep(0.05)
            run("slow", f"{select} WHERE id = 'us'")
        with pytest.raises((Unauthorized, NoHostAvailable)):
            run("refused", f"{insert} ('zz')")
        with pytest.raises(ErrorMessage):
            run("syntax", "SELEKT 1")
    with keyspaces.connect() as session, keyspaces.injecting(throttle_writes=1), pytest.raises(WriteTimeout):
        session.execute(f"{insert} ('zz')", custom_payload={REQUEST_ID: b"throttled"})
    log, catalog = keyspaces.service.statements, keyspaces.service.schema.catalog
    return {id_: found[-1].as_json(catalog) for id_, found in log.by_request().items()}


def test_names_the_request_of_a_read_and_the_policy_statement_that_allowed_it(
    seen: Mapping[str, Mapping[str, Any]],
) -> None:
    """A developer could not find the policy statement that lets a task read."""
    read = seen["by-key"]
    assert (read["role"], read["tables"], read["error"]) == ("reader", ["geography_domain.countries"], "")
    (decision,) = read["permissions"]
    assert decision["because"] == "policy 'reader', statement 2 (ReadCountries) allows it"
    assert decision["allowed"]
    assert (read["read_units"], read["write_units"], read["scan"]) == (1, 0, False)
    assert read["ms"] > 0


def test_reports_expensive_slow_and_refused_statements_with_reasons(seen: Mapping[str, Mapping[str, Any]]) -> None:
    """A developer would look in the wrong place for the cause of a slow, refused or expensive request."""
    assert seen["scan"]["scan"]
    assert seen["slow"]["faults"] == ["latency"]
    assert seen["slow"]["delay_ms"] == 50
    assert seen["slow"]["ms"] >= 50
    assert seen["refused"]["refused_by"] == "permission"
    assert seen["refused"]["permissions"][0]["because"] == "no statement allows it"
    assert seen["syntax"]["refused_by"] == "rule"
    assert (seen["throttled"]["refused_by"], seen["throttled"]["faults"]) == ("fault", ["throttle_writes"])


def test_keeps_requests_apart_that_run_at_the_same_time(keyspaces: LocalKeyspaces) -> None:
    """A request would be shown with another request's statements."""
    keyspaces.create(COUNTRIES)
    with keyspaces.connect() as session:
        statement = session.prepare("SELECT * FROM geography_domain.countries WHERE id = ?")
        futures = [
            session.execute_async(statement, [f"{number:02}"], custom_payload={REQUEST_ID: f"many-{number}".encode()})
            for number in range(50)
        ]
        for future in futures:
            future.result()
    found = keyspaces.service.statements.by_request()
    assert all(len(found[f"many-{number}"]) == 1 for number in range(50))


@pytest.mark.parametrize(
    ("statements", "allowed", "because"),
    [
        ([{"Effect": "Allow", "Action": "*", "Resource": "*"}], True, "policy 'p', statement 1 allows it"),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Sid": "No", "Effect": "Deny", "Action": "cassandra:*", "Resource": "*"},
            ],
            False,
            "policy 'p', statement 2 (No) denies it",
        ),
        ([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], False, "no statement allows it"),
        (
            [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}],
            False,
            "policy 'p', statement 1 may allow it: its Condition is not evaluated here",
        ),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {}},
            ],
            False,
            "policy 'p', statement 2 could deny it: its Condition is not evaluated here",
        ),
    ],
)
def test_names_the_statement_that_decides(statements: list[Mapping[str, Any]], allowed: bool, because: str) -> None:
    """The console would name a policy statement that has nothing to do with the decision."""
    policy = Policy.parse({"Version": "2012-10-17", "Statement": statements}, "p")
    principal = Principal(arn="arn:aws:iam::000000000000:user/u", policies=(policy,))
    decision = principal.decide("cassandra:Select", _TABLE)
    assert (decision.allowed, decision.reason) == (allowed, because)
    assert principal.may("cassandra:Select", _TABLE) is allowed
