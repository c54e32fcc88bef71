"""The table of countries, filled by its loader, and the API in front of it."""

from collections.abc import Iterator

import pytest

from tests.keyspaces import COUNTRIES, LocalKeyspaces
from tests.serving.loading import load_countries
from tests.serving.running import run_service


@pytest.fixture(scope="package")
def loaded(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    load_countries(keyspaces)
    return keyspaces


@pytest.fixture(scope="package")
def api(loaded: LocalKeyspaces) -> Iterator[str]:
    """The API's address."""
    with run_service(loaded, COUNTRIES, "countries") as (port, _):
        yield f"http://127.0.0.1:{port}"
