"""A session that may do everything, and the table of countries."""

from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from tests.keyspaces import COUNTRIES, LocalKeyspaces


@pytest.fixture(scope="package")
def session(keyspaces: LocalKeyspaces) -> Iterator[Session]:
    keyspaces.create(COUNTRIES)
    with keyspaces.connect() as session:
        yield session
