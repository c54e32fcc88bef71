"""The table of countries, filled by its loader."""

import pytest

from tests.keyspaces import LocalKeyspaces
from tests.serving.loading import load_countries


@pytest.fixture(scope="package")
def loaded(keyspaces: LocalKeyspaces) -> LocalKeyspaces:
    load_countries(keyspaces)
    return keyspaces
