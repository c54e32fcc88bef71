"""A filled table, and the API in front of it, as processes."""

from collections.abc import Iterator

import pytest

from tests.app.running import run_api
from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.processes import run_program


@pytest.fixture(scope="package")
def loaded(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    """A Keyspaces whose table of countries has been filled by the loader."""
    keyspaces.create(COUNTRIES)
    with keyspaces.cassandra() as session:
        session.execute("TRUNCATE geography_domain.countries")  # other tests write to it too
    result = run_program("load_countries", environment=keyspaces.environment())
    assert result.returncode == 0, result.stderr
    return keyspaces


@pytest.fixture(scope="package")
def api(loaded: LocalKeyspaces) -> Iterator[str]:
    """The API's address."""
    with run_api(loaded) as (port, _):
        yield f"http://127.0.0.1:{port}"
