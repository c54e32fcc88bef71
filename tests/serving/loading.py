"""The table of countries, as its loader fills it."""

from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import run_program


def load_countries(keyspaces: LocalKeyspaces) -> None:
    keyspaces.create(COUNTRIES)
    with keyspaces.cassandra() as session:
        session.execute("TRUNCATE geography_domain.countries", timeout=60)  # other tests write to it too
    result = run_program("load_countries", environment=keyspaces.environment())
    assert result.returncode == 0, result.stderr
