"""The verdict names each fault of a program once, with its place, and nothing for a correct program."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from costs import prices
from local_keyspaces.errors import LocalKeyspacesError
from local_keyspaces.faults import Faults
from local_keyspaces.guidance import ServiceRule
from local_keyspaces.iam import Policy, Principal
from local_keyspaces.metered import metered
from local_keyspaces.profiles import keep_profiles, read_password
from local_keyspaces.progress import Progress
from local_keyspaces.refusals import invalid
from local_keyspaces.verdict import NOT_READY
from local_keyspaces.verdict.page import as_html
from local_keyspaces.verdict.places import find_places
from local_keyspaces.verdict.prices import READS, WRITES
from local_keyspaces.verdict.report import Run, Verdict, judge
from local_keyspaces.verdict.run import run_verdict
from local_keyspaces.witness import ConnectionWitness, Witness
from tests.keyspaces import ARN, REGION, LocalKeyspaces
from tests.processes import ROOT

SUITES = Path(__file__).parent / "suites"
METERED = {
    "role": "r",
    "keyspace": "shop",
    "table": "items",
    "text": "SELECT * FROM items",
    "statements": 2,
    "read_units": 8.0,
    "write_units": 0.0,
    "failed_conditions": 0,
    "estimated": 0,
}


def run_suite(name: str, keyspaces: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Runs in this process against the shared endpoint; the searched source is a copy of the suite alone."""
    shutil.copy(SUITES / f"{name}.py", tmp_path)

    file = tmp_path / "credentials"

    async def profiles() -> None:
        async with keep_profiles(file, keyspaces.store, account="000000000000", roles={}):
            pass

    keyspaces.call(profiles())
    environment = {
        "KEYSPACES_HOST": "localhost",
        "KEYSPACES_PORT": str(keyspaces.port),
        "KEYSPACES_CA_FILE": str(keyspaces.ca_file),
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
        "AWS_PROFILE": "administrator",
        "AWS_DEFAULT_REGION": REGION,
    }
    user_name, environment["KEYSPACES_PASSWORD"] = read_password(file, "administrator")
    environment["KEYSPACES_USER_NAME"] = user_name
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    seen = keyspaces.witness
    seen.sightings.clear()
    seen.roles.clear()
    seen.connections = 0
    keyspaces.store.decisions.of("administrator").clear()
    with metered(keyspaces.service.meter) as m:
        runpy.run_path(str(tmp_path / f"{name}.py"))
    decisions = keyspaces.store.decisions.snapshot()
    run = Run(
        command=[name],
        exit_code=0,
        region=REGION,
        witness=seen,
        metered=m.statements,
        decisions=decisions,
        directory=tmp_path,
    )
    return judge(run)


def judged(*, exit_code: int = 0, seen: Witness | None = None, statements: int = 2) -> Verdict:
    seen = seen if seen is not None else Witness(connections=1)
    return judge(
        Run(
            command=["pytest", "-x"],
            exit_code=exit_code,
            region=REGION,
            witness=seen,
            metered=[METERED] if statements else [],
            decisions={},
            directory=SUITES / "nothing",
        )
    )


def test_names_each_planted_incompatibility_once_with_its_place(
    keyspaces: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team would move to the service with a statement that the service refuses, or look for it in vain."""
    verdict = run_suite("planted", keyspaces, tmp_path, monkeypatch)
    lines = (SUITES / "planted.py").read_text().splitlines()
    expected = {
        match[1]: number + (line.strip() == f"# {match[1]}")  # the statement stands in the next line
        for number, line in enumerate(lines, 1)
        if (match := re.search(r"# ([A-Z_]+)$", line))
    }
    findings = [*verdict.refusals, *verdict.settings]
    assert len(expected) == 10
    assert sorted(finding.rule for finding in findings) == sorted(expected)
    for finding in findings:
        (statement,) = finding.statements
        assert finding.blocks and finding.source.startswith("https://docs.aws.amazon.com/keyspaces/")
        assert statement.places == [f"planted.py:{expected[finding.rule]}"], finding.rule
        assert statement.times == (3 if finding.rule == "COUNT" else 1)
    assert [finding.rule for finding in verdict.settings] == ["WRITE_CONSISTENCY"]
    assert not verdict.ready


def test_finds_nothing_in_a_client_that_is_right(
    keyspaces: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A team would switch off a check that reports faults in a correct program."""
    verdict = run_suite("clean", keyspaces, tmp_path, monkeypatch)
    assert (verdict.refusals, verdict.settings, verdict.reasons) == ([], [], [])
    assert verdict.ready
    # 30 rows written; a read of 100 keys costs a unit for each.
    (table,) = verdict.tables
    assert (table.name, table.statements, table.read_units, table.write_units) == ("clean.items", 31, 100, 30)
    assert table.dollars == pytest.approx(100 * 0.125e-6 + 30 * 0.625e-6)
    assert verdict.total.dollars == table.dollars
    policy = Policy.parse(verdict.policies["administrator"])
    least = Principal(arn="arn:aws:iam::000000000000:user/u", policies=(policy,))
    assert least.may("cassandra:Modify", f"{ARN}clean/table/items")
    assert least.may("cassandra:Select", f"{ARN}system_schema_mcs/table/tables")
    assert not least.may("cassandra:Drop", f"{ARN}clean/table/items")


def test_finds_the_settings_of_a_careless_client(
    keyspaces: LocalKeyspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that accepts any server, because it does not check the host name, would pass."""
    verdict = run_suite("careless", keyspaces, tmp_path, monkeypatch)
    assert [finding.rule for finding in verdict.settings] == ["PROTOCOL_VERSION", "SERVER_NAME"]
    assert verdict.ready  # both work on the service


def test_is_not_ready_when_a_run_shows_nothing() -> None:
    """A command that never reaches the endpoint would be reported as ready."""
    assert judged().ready
    assert not judged(exit_code=3).ready
    assert "no client has signed in" in judged(seen=Witness()).reasons[0]
    assert "another local data centre" in judged(statements=0).reasons[0]


def test_does_not_block_on_statements_that_cassandra_refuses_too() -> None:
    """A suite that tests for a missing table would never be ready."""
    seen = Witness(connections=1)
    seen.refused(["SELECT * FROM nosuch"], "r", invalid("unconfigured table ks.nosuch", ServiceRule.NO_SUCH_TABLE))
    verdict = judged(seen=seen)
    assert [finding.rule for finding in verdict.refusals] == ["NO_SUCH_TABLE"]
    assert verdict.ready
    seen.refused(["CREATE TABLE t (a vector<int, 3> PRIMARY KEY)"], "r", invalid("type vector is not supported"))
    assert [finding.rule for finding in judged(seen=seen).refusals] == ["DDL", "NO_SUCH_TABLE"]
    assert not judged(seen=seen).ready


def test_sees_a_connection_with_too_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client with too few connections for its load would pass on a fast laptop, and be throttled by the service."""
    monkeypatch.setattr(time, "monotonic", lambda: 7.5)
    seen = Witness()
    connection = ConnectionWitness(seen, "r")
    for _ in range(3_000):
        connection.request()
    assert not seen.sightings
    for _ in range(10):
        connection.request()
    (sighting,) = seen.sightings.values()
    assert (sighting.rule, sighting.times) == (ServiceRule.REQUEST_RATE, 1)


def test_remembers_a_bounded_number_of_statements() -> None:
    """A suite with a new statement text each time would fill the memory of the build machine."""
    seen = Witness()
    for number in range(2_500):
        seen.refused(
            [f"SELECT count(c{number}) FROM t"], "r", invalid("count is not yet supported.", ServiceRule.COUNT)
        )
    assert len(seen.sightings) == 2_001
    assert sum(each.times for each in seen.sightings.values()) == 2_500


SOURCES = {
    "Orders.java": '''
        session.execute("SELECT COUNT(*) " +
            "FROM shop.orders WHERE id = " + id);
        "SELECT * FROM shop.orders WHERE id = :id LIMIT 5"''',
    "app.js": "const q = `SELECT max(price) FROM ${table} WHERE id = ?`;",
    "db.go": 'q := "TRUNCATE " + "shop.orders"\nr := "TRUNCATE shop.orders_archive"',
    "load.py": """
        for row in rows:
            insert = f"INSERT INTO shop.items (id, price) VALUES ({row.id}, {row.price})"
        ids = session.execute(f'SELECT a FROM "Shop"."Items" WHERE id IN ({", ".join(ids)}) ALLOW FILTERING')
    """,
}


@pytest.mark.parametrize(
    ("statement", "places"),
    [
        ("TRUNCATE shop.orders", ["db.go:1"]),
        ("select * from shop.orders where id = 17 limit 5", ["Orders.java:4"]),
        ('SELECT * FROM "shop"."orders" WHERE id = ? LIMIT 5', ["Orders.java:4"]),
        ("SELECT max(price) FROM shop.items WHERE id = ?", ["app.js:1"]),
        ('SELECT a FROM "Shop"."Items" WHERE id IN (1, 2, 3, 4, 5) ALLOW FILTERING', ["load.py:4"]),
        ("BEGIN BATCH INSERT INTO shop.items (id, price) VALUES (1, 2); DELETE FROM x APPLY BATCH", ["load.py:3"]),
        ("SELECT nothing FROM shop.items", []),
        ("SELECT % FROM items", []),
    ],
)
def test_finds_statements_in_source_text(statement: str, places: list[str], tmp_path: Path) -> None:
    """A report without places would send a developer through the whole program."""
    for name, text in SOURCES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "copy.js").write_text("TRUNCATE shop.orders")
    assert list(find_places([statement], tmp_path)[statement]) == places


def test_writes_a_page_that_is_escaped_and_loads_nothing() -> None:
    """A statement's text would run as a script in the report, which is opened from a build's artefacts."""
    seen = Witness(connections=1)
    seen.refused(["SELECT '</td><script>alert(1)</script>"], "<b>r", invalid("<img src=x>", ServiceRule.SYNTAX))
    page = as_html(judged(seen=seen))
    assert "<script" not in page and "<img" not in page and "<b>" not in page
    assert "&lt;script&gt;" in page and "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|@import|url\(|<link)", re.sub(r"&lt;.*?&gt;", "", page))
    assert "Not ready" in page and ServiceRule.SYNTAX.rewrite in page and ServiceRule.SYNTAX.source in page


def test_has_the_prices_of_the_costs() -> None:
    """The verdict and `make cost` would name two prices for one unit."""
    assert pytest.approx(prices.READS.usd) == READS * 1e6
    assert pytest.approx(prices.WRITES.usd) == WRITES * 1e6


@pytest.mark.parametrize(
    ("command", "report", "message"),
    [([], "r.html", "there is no command to run"), (["true"], "nosuch/r.html", "there is no directory")],
)
def test_reports_at_once_what_is_wrong(command: list[str], report: str, message: str, tmp_path: Path) -> None:
    """A team would wait for a whole test run and then lose its report."""
    options: Mapping[str, Any] = {
        "port": 0,
        "region": REGION,
        "policy_file": None,
        "schema_delay": 0.1,
        "faults": Faults(),
        "progress": Progress(sys.stderr),
    }
    with pytest.raises(LocalKeyspacesError, match=message):
        run_verdict(tmp_path, command, reports=[tmp_path / report], **options)


@pytest.mark.long
def test_judges_a_command(tmp_path: Path) -> None:
    """A build would go on although the program is not ready, or its report is missing."""
    (tmp_path / ".local").mkdir(mode=0o700)
    (tmp_path / ".local" / "jars").symlink_to(ROOT / ".local" / "jars")
    for suite in ("planted.py", "clean.py"):
        shutil.copy(SUITES / suite, tmp_path)

    def verdict(*command: str) -> subprocess.CompletedProcess[str]:
        base = [sys.executable, "-m", "local_keyspaces", "--verdict", "r.html", "--verdict=r.json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "AWS_ACCESS_KEY_ID": "of the service itself"}
        return subprocess.run(
            [*base, "--", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )

    planted = verdict(sys.executable, "planted.py")
    assert planted.returncode == NOT_READY
    assert "verdict: NOT READY" in planted.stderr and planted.stdout == ""
    report = json.loads((tmp_path / "r.json").read_text())
    assert len(report["refusals"]) + len(report["settings"]) == 10
    assert all(f"{finding['title']}" in (tmp_path / "r.html").read_text() for finding in report["settings"])

    clean = verdict(sys.executable, "clean.py")
    assert (clean.returncode, "verdict: READY" in clean.stderr) == (0, True)

    failing = verdict("sh", "-c", 'test -n "$KEYSPACES_PASSWORD" && exit 7')
    assert failing.returncode == 7
    missing = verdict("no-such-command")
    assert (missing.returncode, "no-such-command cannot be run: No such file" in missing.stderr) == (1, True)
    assert "Traceback" not in missing.stderr
