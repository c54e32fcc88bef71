"""The loader against a real table."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import AS_NOBODY, CAN_BE_NOBODY, ROOT, run_program, start_program

RECORDS = json.loads((ROOT / "app" / "load_countries" / "countries.json").read_text(encoding="utf-8"))


def test_ships_the_five_countries() -> None:
    """The image would have no data, or other countries."""
    rows = {(r["id"], r["name"], r["capital"], r["population"], r["area"]) for r in RECORDS}
    assert rows == {
        ("cn", "China", "Beijing", 1398000000, 9597000),
        ("in", "India", "New Delhi", 1366000000, 3287000),
        ("gb", "United Kingdom", "London", 66650000, 242495),
        ("mt", "Malta", "Valletta", 502653, 316),
        ("us", "United States", "Washington DC", 328200000, 9834000),
    }


def test_loads_twice_and_changes_nothing(loaded: LocalKeyspaces) -> None:
    """A repeated run would double or lose rows."""
    result = run_program("load_countries", environment=loaded.environment())
    assert result.returncode == 0
    assert result.stderr == "load-countries: 5 rows written and 5 verified in geography_domain.countries\n"
    with loaded.cassandra() as session:
        rows = session.execute("SELECT id FROM geography_domain.countries").all()
    assert sorted(row.id for row in rows) == ["cn", "gb", "in", "mt", "us"]


def test_fails_when_a_row_cannot_be_written(loaded: LocalKeyspaces) -> None:
    """An update would succeed with an empty table."""
    table = replace(COUNTRIES, keyspace="narrow", columns={"id": "text"})
    loaded.create(table)
    result = run_program("load_countries", environment=loaded.environment(table))
    assert result.returncode == 3
    assert "countries.json, row 1: name is not a column; the table has id" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(not CAN_BE_NOBODY, reason="root needs setpriv to be another user")
def test_runs_under_any_user_where_it_can_write_nothing(loaded: LocalKeyspaces, tmp_path: Path) -> None:
    """The loader would fail on Fargate, where its root file system is read-only and its user has no name."""
    tmp_path.chmod(0o555)
    environment = {**loaded.environment(), "PYTHONPATH": str(ROOT / "app")}
    with start_program("load_countries", environment=environment, cwd=tmp_path, prefix=AS_NOBODY) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
